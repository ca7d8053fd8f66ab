"""Published CPN checkpoints become our network: every tensor in its place, or one error.

`build_engine/published.py` knows the names, `network/published.py` the switches. Such a file does
not say for which input size it was trained: its name does, or the user.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from build_engine.published import (
    JOINED,
    is_beside_the_network,
    published_card,
    pytorch_cpn_name,
    tf_cpn_name,
)
from build_engine.tf_bundle import TfBundle
from network.backbones.resnet import DEPTHS
from network.checkpoint import is_plain
from network.cpn import Cpn, CpnConfig
from network.published import pytorch_cpn, tf_cpn
from pose.card import ModelCard
from pose.errors import InputError, UsageError

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")  # height x width, as published names have it
_STRIDE = 32  # of the coarsest map
_NAMED = 40  # so many tensors are named in an error
_PREFIX = "module."  # torch's DataParallel puts it before every name
_MERGE_BIAS = re.compile(r"global_net\.upsamples\.\d\.1\.bias")  # in an early state of the code
_COUNTER = ".num_batches_tracked"  # torch before 0.4.1 had none


def is_pytorch_cpn(state: Mapping[str, Any]) -> bool:
    """Whether a loaded checkpoint is pytorch-cpn's, whole or its tensors alone."""
    tensors = state.get("state_dict", state)
    return isinstance(tensors, dict) and any(
        str(name).removeprefix(_PREFIX).startswith(("resnet.", "refine_net.final_predict."))
        for name in tensors
    )


def import_pytorch_cpn(
    state: Mapping[str, Any], path: Path, input_size: str
) -> tuple[Cpn, ModelCard]:
    """Build pytorch-cpn's network from its checkpoint.

    Args:
        state: What was in the file: `state_dict` beside the optimiser's, or the tensors alone.
        path: The file, for messages and for the size in its name.
        input_size: `256x192`, height first; empty to take it from the name.

    Returns:
        The network, and a card with its input and its decoder.

    Raises:
        InputError: Tensors are missing, left over or of other shapes; all of them are listed.
        UsageError: Nothing says how large the input is.
    """
    tensors = {str(k).removeprefix(_PREFIX): v for k, v in state.get("state_dict", state).items()}
    other = sorted(name for name, value in tensors.items() if not is_plain(value))
    if other:
        raise InputError(f"{path}: expected tensors, got other things: {_list(other)}")
    blocks = {name.split(".")[2] for name in tensors if name.startswith("resnet.layer3.")}
    config = _config(pytorch_cpn, {50: 6, 101: 23}, len(blocks), path)
    network = _network(config)
    theirs = {
        name: pytorch_cpn_name(name)
        for name in network.state_dict()
        if not name.endswith(_COUNTER) or pytorch_cpn_name(name) in tensors
    }
    biases = _merge_biases(tensors, theirs)
    _check_names(theirs.values(), tensors.keys() - biases.keys(), path)
    own = network.state_dict()
    filled = {ours: tensors[name] for ours, name in theirs.items()}
    _check_shapes(
        {ours: (value, own[ours]) for ours, value in filled.items()}
        | {name: (tensors[name], own[mean]) for name, mean in biases.items()},
        path,
    )
    _fill(network, filled)
    width = config.global_net.channels
    for name in JOINED:
        own[name].copy_(own[name].unflatten(1, (-1, width)).flip(1).flatten(1, 2))
    for name, mean in biases.items():  # a shift before a norm is the same shift off its mean
        own[mean].sub_(tensors[name].to(own[mean]))
    licence = "The checkpoint's own. pytorch-cpn, the code that trained it, is under GPL-3.0."
    return network, _card("pytorch-cpn", config, path, input_size, "rgb", licence)


def import_tf_cpn(prefix: Path, input_size: str) -> tuple[Cpn, ModelCard]:
    """Build tf-cpn's network from its TensorFlow checkpoint; the rest as `import_pytorch_cpn`.

    Args:
        prefix: What the names of its files begin with: `.../snapshot_350.ckpt`.
        input_size: `256x192`, height first; empty to take it from the name or its folder's.
    """
    bundle = TfBundle(prefix)
    names = {name for name in bundle.entries if not is_beside_the_network(name)}
    depths = {depth for depth in DEPTHS if f"resnet_v1_{depth}/conv1/weights" in names}
    config = _config(tf_cpn, {depth: depth for depth in DEPTHS}, sum(depths), prefix)
    network = _network(config)
    depth = config.backbone.depth
    theirs = {
        name: tf_cpn_name(name, depth)
        for name in network.state_dict()
        if not name.endswith(_COUNTER)
    }
    _check_names(theirs.values(), names, prefix)
    filled = {ours: _as_torch(bundle.read(name)) for ours, name in theirs.items()}
    own = network.state_dict()
    _check_shapes({ours: (value, own[ours]) for ours, value in filled.items()}, prefix)
    _fill(network, filled)
    licence = "The checkpoint's own. tf-cpn, the code that trained it, is under MIT."
    return network, _card("tf-cpn", config, prefix, input_size, "bgr", licence)


def _config(
    make: Callable[[int], CpnConfig], depths: Mapping[int, int], found: int, path: Path
) -> CpnConfig:
    """The configuration whose ResNet shows itself by `found`."""
    for depth, sign in depths.items():
        if sign == found:
            return make(depth)
    raise InputError(
        f"{path}: expected a published CPN on a ResNet-50 or ResNet-101, found neither in it"
    )


def _network(config: CpnConfig) -> Cpn:
    with torch.device("meta"):  # every weight comes from the file
        network = Cpn(config)
    return network.to_empty(device="cpu").eval()


def _check_names(wanted: Iterable[str], found: Iterable[str], path: Path) -> None:
    missing, left_over = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or left_over:
        parts = [
            f"{len(names)} {what}: {_list(names)}"
            for what, names in (("missing", missing), ("left over", left_over))
            if names
        ]
        raise InputError(
            f"{path}: its tensors are not those of the published CPN; " + "; ".join(parts)
        )


def _merge_biases(found: Iterable[str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Their biases of the merges, each with our mean of the norm behind it."""
    ours = {name: ours for ours, name in theirs.items()}
    means = {n: n.replace(".1.bias", ".2.running_mean") for n in found if _MERGE_BIAS.fullmatch(n)}
    return {name: ours[mean] for name, mean in means.items() if mean in ours}


def _check_shapes(pairs: Mapping[str, tuple[Tensor, Tensor]], path: Path) -> None:
    """InputError that names every tensor of the file which is shaped unlike its place in ours."""
    wrong = [
        f"{name} {tuple(found.shape)} instead of {tuple(place.shape)}"
        for name, (found, place) in pairs.items()
        if found.shape != place.shape
    ]
    if wrong:
        raise InputError(f"{path}: {len(wrong)} tensors have other shapes: {_list(wrong)}")


def _fill(network: Cpn, tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name in tensors:
                value.copy_(tensors[name])
            else:
                value.zero_()  # a counter that older files lack


def _as_torch(values: np.ndarray[Any, Any]) -> Tensor:
    """A convolution's height, width, inputs, outputs in torch's order; a copy, to be written on."""
    order = (3, 2, 0, 1) if values.ndim == 4 else tuple(range(values.ndim))
    return torch.from_numpy(np.ascontiguousarray(values.transpose(order), np.float32).copy())


def _card(
    code: str, config: CpnConfig, path: Path, input_size: str, channels: Any, licence: str
) -> ModelCard:
    size_wh = _size_wh(path, input_size)
    return published_card(code, config.backbone.depth, size_wh, channels, licence, path.name)


def _size_wh(path: Path, input_size: str) -> tuple[int, int]:
    """Width and height: as the user says, else as the path says, the file's name first."""
    sizes = [
        found for part in (path.name, *reversed(path.parts[:-1])) for found in _SIZE.findall(part)
    ]
    if input_size:
        sizes = [found.groups() for found in [_SIZE.fullmatch(input_size)] if found]
    if not sizes:
        raise UsageError(
            f"expected --input-size 256x192 or 384x288 (height first), got {input_size!r}; "
            f"the weights in {path} fit any, and its name does not tell which they learned"
        )
    height, width = map(int, sizes[0])
    if min(height, width) < _STRIDE or height % _STRIDE or width % _STRIDE:
        raise UsageError(
            f"expected an input of at least {_STRIDE}x{_STRIDE} whose sides {_STRIDE} divides, "
            f"got {height}x{width}; give another --input-size"
        )
    return width, height


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
