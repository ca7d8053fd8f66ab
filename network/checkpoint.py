"""Checkpoints: complete or not there, and never able to run code when they are read."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose.errors import InputError, OutputError

_ZIP = b"PK\x03\x04"  # how torch's archives begin


def save(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them; replaces `path` in one step.

    Raises:
        OutputError: It cannot be written; what was there stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch's writer knows of a full disc only the latter
        with contextlib.suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        words = getattr(error, "strerror", None) or "not all of it was taken, is the disc full?"
        raise OutputError(f"could not write the checkpoint {path}: {words}") from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        InputError: Missing, torn, or holding anything that is not plain data (a pickle can run
            code; only tensors, numbers, strings and containers are read).
    """
    try:
        _check_sums(path)
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
    except Exception as error:  # foreign bytes make torch's reader fail in every way there is
        raise InputError(
            f"{path}: expected a checkpoint of plain tensors, but {_in_words(error, path)}"
        ) from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a checkpoint, got a {type(state).__name__}")
    return state


def _check_sums(path: Path) -> None:
    """BadZipFile where a byte is not as it was written: torch does not look at the checksums."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} in it is damaged")


def _in_words(error: Exception, path: Path) -> str:
    """Why a file could not be read; what Python says of foreign bytes is a number or nothing."""
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    if not path.stat().st_size:
        return "the file is empty"
    if isinstance(error, EOFError):
        return "the file is cut short; copy it again"
    if isinstance(error, zipfile.BadZipFile):
        return f"{error}; copy it again"
    if isinstance(error, RuntimeError):
        return str(error)
    return "it is damaged or something else"


def fill(network: nn.Module, weights: object, path: Path) -> None:
    """Put all weights into a network.

    Args:
        network: Filled in place; as it was if they do not fit.
        weights: Tensors by name, out of a file that may be anybody's.
        path: The file, for the message.

    Raises:
        InputError: They are another network's.
    """
    network.load_state_dict(fitting(network, weights, path))


def fitting(network: nn.Module, weights: object, path: Path) -> dict[str, Tensor]:
    """The weights, if they are all that a network has and nothing else; else as `fill`.

    The network may be on the device `meta`, as only its shapes are looked at.
    """
    kind, own = type(network).__name__, network.state_dict()
    if not isinstance(weights, dict):
        raise InputError(f"{path}: expected the weights of a {kind}, found none in it")
    foreign = [str(name) for name in weights if name not in own]
    unfit = [
        name
        for name, tensor in own.items()
        if not is_plain(weights.get(name)) or weights[name].shape != tensor.shape
    ]
    if foreign or unfit:
        raise InputError(
            f"{path}: expected the weights of a {kind}, but {len(unfit)} of its {len(own)} tensors "
            f"are not in it or of another shape, and {len(foreign)} in it are none of its; first "
            f"{(unfit + foreign)[0]}"
        )
    return weights


def is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers: not sparse, not quantised, no mere shape."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and not value.is_quantized
        and not value.is_meta
    )
