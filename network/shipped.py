"""Weights back out of a network file that we exported, so that training can go on from what ships.

A clone has no checkpoints, only ONNX files. They hold everything but what an export leaves behind:
BatchNorm is inside the convolutions, two shuffle units are one, and heads that only a loss looks at
are gone. Here each tensor goes back to its place; the lost heads start at zero, which changes no
answer and teaches them first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from network.backbones.lite_hrnet_folded import FoldedExchange, FoldedUnits
from network.cpn import LiteCpn
from network.person_detector import PersonDetector, from_corners
from network.refine_net import RefineNet
from network.refine_net_folded import FoldedRefineNet
from pose.errors import ModelFileError, UnavailableError

if TYPE_CHECKING:
    import onnx

Tensors = tuple[Tensor, Tensor]  # weight and bias of a convolution


def load_shipped(network: nn.Module, path: Path, pictures: Tensor) -> None:
    """Fill a network with the weights of its own ONNX file.

    Args:
        network: A `LiteCpn` or `PersonDetector` of the file's configuration; filled in place.
        path: What `main.py build` made of such a network.
        pictures: (N, 3, H, W) normalised; BatchNorm gets its statistics from them, and weights
            that make up for these statistics, so that the answers stay the file's.

    Raises:
        ModelFileError: Another network's file.
        UnavailableError: The package onnx is not installed.
    """
    graph = _graph(path)
    convolutions = _convolutions(graph)
    if isinstance(network, PersonDetector):
        _fill(network, {n.removeprefix("detector."): t for n, t in convolutions.items()}, path)
        # Older files count their cells, and answer centres and sizes until the very end.
        if not any(node.op_type == "Range" for node in graph.node):
            from_corners(network)
        return
    if not isinstance(network, LiteCpn):
        raise TypeError(f"no ONNX file of ours becomes a {type(network).__name__} again")
    # Files older than the folding hold plain shuffle units.
    is_folded = any(".first." in name for name in convolutions)
    deployed = network.export() if is_folded else copy.deepcopy(network)
    biases = _fill(deployed, convolutions, path, optional="heads.")
    if is_folded:
        _unfold(network.backbone, deployed.backbone)
        assert isinstance(network.refine_net, RefineNet)
        assert isinstance(deployed.refine_net, FoldedRefineNet)
        biases = _unfold_refine_net(network.refine_net, deployed.refine_net, biases)
        network.heads.load_state_dict(deployed.heads.state_dict())
    else:
        network.load_state_dict(deployed.state_dict())
    for head in list(network.heads)[1:]:
        assert isinstance(head, nn.Conv2d)
        nn.init.zeros_(head.weight)
    _give_back_statistics(network, biases, pictures)


def _graph(path: Path) -> onnx.GraphProto:
    try:
        import onnx
    except ImportError as error:
        raise UnavailableError("reading weights out of ONNX needs: pip install onnx") from error
    try:
        return onnx.load(str(path)).graph
    except Exception as error:  # protobuf's errors have no common base
        raise ModelFileError(f"{path}: expected an ONNX file, got {error}") from error


def _convolutions(graph: onnx.GraphProto) -> dict[str, Tensors]:
    """Weight and bias of every convolution by the dotted name of its module."""
    from onnx import numpy_helper

    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in tensors:  # of two equal tensors
            tensors[node.output[0]] = tensors[node.input[0]]
        if node.op_type != "Conv" or not all(name in tensors for name in node.input[1:]):
            continue
        weight = tensors[node.input[1]]
        bias = tensors[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        found[_module_name(node)] = (torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy()))
    return found


def _module_name(node: onnx.NodeProto) -> str:
    """The tensor's own name, where it was not made anew by folding BatchNorm, or the node's.

    A node is named by the modules that were called: `/a/a.0/a.0.1/Conv` is `a.0.1`, for every step
    repeats the name of the list that it is in.
    """
    if node.input[1].endswith(".weight"):
        return str(node.input[1].removesuffix(".weight"))
    steps: list[str] = []
    for step in node.name.strip("/").split("/")[:-1]:
        if steps and step.startswith(steps[-1] + "."):
            steps.pop()
        steps.append(step)
    return ".".join(steps)


def _fill(
    network: nn.Module, convolutions: dict[str, Tensors], path: Path, optional: str = "\0"
) -> dict[str, Tensor]:
    """Copy tensors by name; answers the biases of convolutions that have none of their own."""
    biases = {}
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or name not in convolutions:
            if isinstance(module, nn.Conv2d) and not name.startswith(optional):
                raise ModelFileError(f"{path}: expected a convolution {name}, found none")
            continue
        weight, bias = convolutions[name]
        if weight.shape != module.weight.shape:
            raise ModelFileError(
                f"{path}: expected {name} of {tuple(module.weight.shape)}, "
                f"got {tuple(weight.shape)}"
            )
        with torch.no_grad():
            module.weight.copy_(weight)
            if module.bias is None:
                biases[name] = bias
            else:
                module.bias.copy_(bias)
    return biases


def _unfold(backbone: nn.Module, deployed: nn.Module) -> None:
    """Undo `network.backbones.lite_hrnet_folded.folded`."""
    state = {n: t.clone() for n, t in deployed.state_dict().items() if not n.endswith("order")}
    for name, module in deployed.named_modules():
        if isinstance(module, FoldedUnits):
            where, _, number = name.rpartition(".")
            first, second = (f"{where}.{2 * int(number) + i}" for i in (0, 1))
            joined = state.pop(f"{name}.again.weight")
            quarter = len(joined) // 2
            weight = joined.new_empty(len(joined), len(joined), 1, 1)
            weight[:, 0::2], weight[:, 1::2] = joined[:, :quarter], joined[:, 2 * quarter :]
            found = {f"{second}.expand.weight": weight}
            found[f"{second}.expand.bias"] = state.pop(f"{name}.again.bias")
            for old in [n for n in state if n.startswith((f"{name}.first.", f"{name}.second."))]:
                part, _, rest = old.removeprefix(f"{name}.").partition(".")
                found[f"{first if part == 'first' else second}.{rest}"] = state.pop(old)
            state |= found
        if isinstance(module, FoldedExchange):
            for target in range(1, len(module.branches)):
                fusing = module.fuse[f"{target}_0"]
                *_, last = (n for n, m in fusing.named_modules() if isinstance(m, nn.Conv2d))
                for part in ("weight", "bias"):
                    state[f"{name}.fuse.{target}_0.{last}.{part}"] /= 2
    backbone.load_state_dict(state)


def _unfold_refine_net(
    network: RefineNet, deployed: FoldedRefineNet, biases: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Undo `network.refine_net_folded`; answers the biases under the names that they had."""
    state = deployed.state_dict()
    for part in ("conv2", "bn2", "conv3", "bn3"):
        state |= {n.replace(part, f"final.{part}", 1): state.pop(n)
                  for n in list(state) if n.startswith(f"{part}.")}  # fmt: skip
    levels = [level for level in deployed.levels if isinstance(level, nn.Conv2d)]
    weight = torch.cat([level.weight.detach() for level in levels], 1)
    bias = levels[0].bias
    assert bias is not None
    narrow = int(network.final.conv1.out_channels)
    state["final.conv1.weight"], state["final.projection.0.weight"] = (
        weight[:narrow], weight[narrow:],
    )  # fmt: skip
    taken = {n: t for n, t in state.items() if not n.startswith("levels.")}
    # What is left of BatchNorm gets its statistics later.
    network.load_state_dict({**network.state_dict(), **taken})
    moved = {n.replace("refine_net.conv", "refine_net.final.conv"): b for n, b in biases.items()}
    moved["refine_net.final.conv1"] = bias.detach()[:narrow]
    moved["refine_net.final.projection.0"] = bias.detach()[narrow:]
    return moved


@torch.no_grad()
def _give_back_statistics(network: LiteCpn, biases: dict[str, Tensor], pictures: Tensor) -> None:
    """Run once; every BatchNorm takes what it sees as its statistics, and undoes them."""
    before = {f"refine_net.{n}": b for n, b in _norm_biases(network.refine_net, biases)}
    hooks = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.BatchNorm2d):
            continue

        def look(norm: nn.Module, inputs: tuple[Tensor], bias: Tensor = before[name]) -> None:
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None and norm.running_var is not None
            x = inputs[0]
            norm.running_mean.copy_(x.mean((0, 2, 3)))
            norm.running_var.copy_(x.var((0, 2, 3), unbiased=False))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(norm.running_mean + bias)

        hooks.append(module.register_forward_pre_hook(look))
    mode = network.training
    network.eval()(pictures)
    network.train(mode)
    for hook in hooks:
        hook.remove()


def _norm_biases(part: nn.Module, biases: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each BatchNorm's name with the bias of the convolution that it was folded into."""
    last = ""
    for name, module in part.named_modules():
        if isinstance(module, nn.Conv2d):
            last = name
        elif isinstance(module, nn.BatchNorm2d):
            yield name, biases[f"refine_net.{last}"]
