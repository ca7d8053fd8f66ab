"""Trained weights become a network with its card: the door for every kind of checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from build_engine.import_checkpoint import import_pytorch_cpn, import_tf_cpn, is_pytorch_cpn
from build_engine.onnx_card import write_bytes
from build_engine.tf_bundle import bundle_prefix
from network.checkpoint import fitting, load
from network.cpn import LiteCpn
from network.described import build
from network.person_detector import PersonDetector
from pose.card import ModelCard
from pose.errors import InputError, ModelFileError, UsageError

_DESCRIPTION = "describe"  # key of a checkpoint, and of a .safetensors file's metadata


def read_weights(path: Path, input_size: str = "") -> tuple[nn.Module, ModelCard]:
    """Read a checkpoint, whatever wrote it.

    Args:
        path: Of `main.py train` (`.pt`), `.safetensors` with the same description as metadata, or
            of pytorch-cpn (`.pth.tar`) or tf-cpn (`NAME` of `NAME.index`).
        input_size: For the latter two, `256x192`, height first; empty to read it off their name.

    Returns:
        The network as it is deployed, in evaluation mode, and its card.

    Raises:
        InputError: Not such a file, or its weights are not those of the network it describes.
        ModelFileError: It describes a network that is not here.
    """
    prefix = bundle_prefix(path)
    if prefix is not None:
        return import_tf_cpn(prefix, input_size)
    reader = READERS.get(path.suffix.lower(), _torch)
    network, card = reader(path, input_size)
    if isinstance(network, (LiteCpn, PersonDetector)):
        network = network.export()
    return network.eval(), card


def write_safetensors(checkpoint: Path, out: Path) -> Path:
    """Write a run's weights without anything that only training needs, with their description.

    Args:
        checkpoint: Of `main.py train`.
        out: `.safetensors` file, complete or not at all.

    Raises:
        InputError: Not such a checkpoint.
        OutputError: It cannot be written.
    """
    from safetensors.torch import save

    state = load(checkpoint)
    if "network" not in state or _DESCRIPTION not in state:
        raise InputError(f"{checkpoint}: expected a checkpoint of main.py train")
    weights = state.get("ema", state["network"])
    _filled(state[_DESCRIPTION], weights, checkpoint)  # what would not load is not written
    try:
        described = json.dumps(state[_DESCRIPTION])
    except (TypeError, ValueError) as error:
        raise InputError(f"{checkpoint}: its description is no JSON: {error}") from error
    tensors = {name: value.contiguous().clone() for name, value in weights.items()}
    return write_bytes(save(tensors, {_DESCRIPTION: described}), out)


def _torch(path: Path, input_size: str) -> tuple[nn.Module, ModelCard]:
    state = load(path)
    if is_pytorch_cpn(state):
        return import_pytorch_cpn(state, path, input_size)
    _refuse_size(path, input_size)
    if "network" not in state or _DESCRIPTION not in state:
        raise InputError(
            f"{path}: expected a checkpoint of main.py train, of pytorch-cpn or of tf-cpn, "
            f"got one with {sorted(map(str, state))[:6]}"
        )
    return _filled(state[_DESCRIPTION], state.get("ema", state["network"]), path)


def _refuse_size(path: Path, input_size: str) -> None:
    if input_size:
        raise UsageError(f"--input-size is for published checkpoints; {path} has its own size")


def _safetensors(path: Path, input_size: str) -> tuple[nn.Module, ModelCard]:
    _refuse_size(path, input_size)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: expected weights in safetensors: {error}") from error
    if _DESCRIPTION not in metadata:
        raise InputError(
            f"{path}: expected weights with the metadata {_DESCRIPTION!r} that says which network "
            f"they are of, got {sorted(metadata) or 'no metadata'}"
        )
    try:
        described = json.loads(metadata[_DESCRIPTION])
    except ValueError as error:
        raise InputError(f"{path}: {_DESCRIPTION!r} is no JSON: {error}") from error
    return _filled(described, {name: value.float() for name, value in tensors.items()}, path)


def _filled(described: object, weights: object, path: Path) -> tuple[nn.Module, ModelCard]:
    if not isinstance(described, dict) or not {"network", "card"} <= set(described):
        raise InputError(f"{path}: its description lacks the network or the card")
    if not isinstance(described["card"], str):
        raise InputError(
            f"{path}: expected its card as JSON text, got a {type(described['card']).__name__}"
        )
    card = ModelCard.from_json(described["card"], str(path))
    with torch.device("meta"):  # a description may ask for more than memory holds
        outline = _described(described["network"], path)
    tensors = fitting(outline, weights, path)
    network = _described(described["network"], path)
    network.load_state_dict(tensors)
    task = "person" if isinstance(network, PersonDetector) else "pose"
    if card.task != task:
        raise InputError(
            f"{path}: expected a card of task {task} for a {type(network).__name__}, "
            f"got {card.task}; mend the card"
        )
    return network, card


def _described(description: object, path: Path) -> nn.Module:
    try:
        return build(description)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error


Reader = Callable[[Path, str], tuple[nn.Module, ModelCard]]

# suffix -> what reads it; any other is taken for one of torch
READERS: Mapping[str, Reader] = {".safetensors": _safetensors}
