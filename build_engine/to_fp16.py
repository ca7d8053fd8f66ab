"""An ONNX network in half precision that still takes and gives float32.

Strong typing is all that TensorRT 11 has: the graph itself must say where half precision is enough.
So what follows the last convolutions stays float32 (a detector's pixels reach into the hundreds,
where half precision knows quarters only), and whatever the user names besides.
"""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from build_engine.onnx_card import with_card
from pose.card import ModelCard
from pose.errors import UsageError

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_LARGEST_HALF = 65504.0
_SMALLEST_HALF = 2.0**-24


def to_fp16(model: onnx.ModelProto, card: ModelCard, keep: Sequence[str] = ()) -> onnx.ModelProto:
    """Convert a network, and say so on its card.

    Args:
        model: In float32; not changed.
        card: Its card.
        keep: Patterns (`*`, `?`) of node names or operators that stay float32.

    Returns:
        The same network with half weights, the card's precision `fp16`.

    Raises:
        UsageError: A pattern fits no node.
    """
    named = with_card(model, replace(card, precision="fp16"))
    name_nodes(named)
    kept = tail(named) | matching(named, keep)
    log = logging.getLogger("onnxruntime.transformers.float16")
    level = log.level
    log.setLevel(logging.ERROR)  # one line per weight that is rounded to the smallest half
    try:
        half: onnx.ModelProto = convert_float_to_float16(
            named, keep_io_types=True, op_block_list=[], node_block_list=sorted(kept),
            min_positive_val=_SMALLEST_HALF, max_finite_val=_LARGEST_HALF,
        )  # fmt: skip
    finally:
        log.setLevel(level)
    return half


def tail(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes from which no convolution or matrix product is reached any more."""
    leads: set[str] = set()  # tensors on the way to a weighted node
    found = set()
    for node in reversed(model.graph.node):  # ONNX wants them in order
        if node.op_type in _WEIGHTED or leads & set(node.output):
            leads |= set(node.input)
        else:
            found.add(node.name)
    return found


def last_weighted(model: onnx.ModelProto) -> set[str]:
    """Names of the convolutions and products behind which there is no other."""
    leads: set[str] = set()
    found = set()
    for node in reversed(model.graph.node):
        if leads & set(node.output):
            leads |= set(node.input)
        elif node.op_type in _WEIGHTED:
            found.add(node.name)
            leads |= set(node.input)
    return found


def matching(model: onnx.ModelProto, patterns: Iterable[str]) -> set[str]:
    """Names of the nodes whose name or operator fits a pattern; UsageError if one fits none."""
    found = set()
    for pattern in patterns:
        fitting = {
            node.name
            for node in model.graph.node
            if fnmatch.fnmatchcase(node.name, pattern) or node.op_type == pattern
        }
        if not fitting:
            operators = sorted({node.op_type for node in model.graph.node})
            raise UsageError(
                f"--keep-fp32 {pattern!r} fits no node; expected a node's name with * and ?, "
                f"or an operator of {', '.join(operators)}"
            )
        found |= fitting
    return found


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node without a name one of its own, in place."""
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
