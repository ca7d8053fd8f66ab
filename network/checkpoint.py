"""Checkpoints: complete or not there, and never able to run code when they are read."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose.errors import InputError, OutputError


def save(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them; replaces `path` in one step."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, part)
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"could not write the checkpoint {path}: {error}") from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        InputError: Missing, torn, or holding anything that is not plain data (a pickle can run
            code; only tensors, numbers, strings and containers are read).
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"expected a checkpoint at {path}, found none") from error
    except pickle.UnpicklingError as error:
        # torch's own words tell how to read it all the same, which nobody should do.
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it names {found[1]}" if found else "it is damaged or something else"
        raise InputError(
            f"{path}: expected a checkpoint of tensors and nothing else, but {what}; not read, "
            "because such a file can run any program"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path} is no checkpoint of plain tensors: {error}") from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a checkpoint, got a {type(state).__name__}")
    return state


def fill(network: nn.Module, weights: object, path: Path) -> None:
    """Put all weights into a network.

    Args:
        network: Filled in place; as it was if they do not fit.
        weights: Tensors by name, out of a file that may be anybody's.
        path: The file, for the message.

    Raises:
        InputError: They are another network's.
    """
    kind, own = type(network).__name__, network.state_dict()
    if not isinstance(weights, dict):
        raise InputError(f"{path}: expected the weights of a {kind}, found none in it")
    foreign = [str(name) for name in weights if name not in own]
    unfit = [
        name
        for name, tensor in own.items()
        if not isinstance(weights.get(name), Tensor) or weights[name].shape != tensor.shape
    ]
    if foreign or unfit:
        raise InputError(
            f"{path}: expected the weights of a {kind}, but {len(unfit)} of its {len(own)} tensors "
            f"are not in it or of another shape, and {len(foreign)} in it are none of its; first "
            f"{(unfit + foreign)[0]}"
        )
    network.load_state_dict(weights)
