"""An ONNX network in half precision that still takes and gives float32.

Strong typing is all that TensorRT 11 has: the graph itself must say where half precision is enough.
So what follows the last convolutions stays float32 (a detector's pixels reach into the hundreds,
where half precision knows quarters only), and whatever the user names besides. Casts stand only
where the two meet. (The converters that others ship pass every kept node's answer through half
precision on its way to the next kept one: pixels were lost, and TensorRT refused the result.)
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from build_engine.onnx_card import with_card
from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16
_LARGEST_HALF = 65504.0


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
        ModelFileError: The graph has branches, or types that cannot be told.
    """
    half = with_card(model, replace(card, precision="fp16"))
    name_nodes(half)
    if any(attribute.g.node for node in half.graph.node for attribute in node.attribute):
        raise ModelFileError(f"{card.name}: a graph with branches or loops cannot become fp16")
    _constants_to_weights(half)
    kept = tail(half) | matching(half, keep) | _without_half(half)
    _Halving(half, kept).run()
    del half.graph.value_info[:]  # told types that hold no more
    return half


class _Halving:
    """One conversion in place."""

    def __init__(self, model: onnx.ModelProto, kept: set[str]) -> None:
        self._graph, self._kept = model.graph, kept
        self._opset = _opset(model)
        self._floats = _float_tensors(model)  # all that is float32 now
        self._weights = {each.name: each for each in model.graph.initializer}
        self._halves: set[str] = set()  # tensors that a half node made
        self._casts: dict[tuple[str, int], str] = {}
        self._nodes: list[onnx.NodeProto] = []

    def run(self) -> None:
        for node in self._graph.node:
            halved = node.name not in self._kept
            for index, name in enumerate(node.input):
                if name in self._floats:
                    wants_half = halved and not _always_float(node, index, self._opset)
                    node.input[index] = self._as(name, _HALF if wants_half else _FLOAT)
            self._nodes.append(node)
            if halved:
                self._retype(node)
                self._halves |= set(node.output) & self._floats
        for output in self._graph.output:
            if output.name in self._halves:
                self._give_float(output.name)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        kept = [each for name, each in self._weights.items() if name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _as(self, name: str, kind: int) -> str:
        """The name under which a float tensor is there in a precision."""
        if (kind == _HALF) == (name in self._halves):
            return name
        if (name, kind) not in self._casts:
            other = f"{name}.{'half' if kind == _HALF else 'float'}"
            if name in self._weights:  # halved once, here
                values = numpy_helper.to_array(self._weights[name])
                small = np.clip(values, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
                self._weights[other] = numpy_helper.from_array(small, other)
            else:
                self._nodes.append(helper.make_node("Cast", [name], [other], other, to=kind))
            self._casts[name, kind] = other
        return self._casts[name, kind]

    def _retype(self, node: onnx.NodeProto) -> None:
        """A half node that says float32 in words says half now."""
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _FLOAT:
                attribute.i = _HALF
            if attribute.t.data_type == _FLOAT:  # ConstantOfShape
                values = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(values))

    def _give_float(self, name: str) -> None:
        """Rename a half answer, and cast it to what the graph promised."""
        inner = f"{name}.half"
        for node in self._nodes:
            for names in (node.input, node.output):
                for index, each in enumerate(names):
                    if each == name:
                        names[index] = inner
        self._nodes.append(helper.make_node("Cast", [inner], [name], f"{name}.cast", to=_FLOAT))


def _constants_to_weights(model: onnx.ModelProto) -> None:
    """Constants of float32 become initializers, which can be there in both precisions."""
    others = []
    for node in model.graph.node:
        value = next((each.t for each in node.attribute if each.name == "value"), None)
        if node.op_type == "Constant" and value is not None and value.data_type == _FLOAT:
            weight = model.graph.initializer.add()
            weight.CopyFrom(value)
            weight.name = node.output[0]
        else:
            others.append(node)
    del model.graph.node[:]
    model.graph.node.extend(others)


def _float_tensors(model: onnx.ModelProto) -> set[str]:
    """Names of all tensors of float32."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    kinds.update({weight.name: weight.data_type for weight in graph.initializer})
    unknown = [name for node in graph.node for name in node.output if name and name not in kinds]
    if unknown:
        raise ModelFileError(f"expected a graph whose types are known, got none for {unknown[:3]}")
    return {name for name, kind in kinds.items() if kind == _FLOAT}


def _without_half(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes whose operator ONNX does not define in half precision, such as Range."""
    opset = _opset(model)
    found = set()
    for node in model.graph.node:
        types = _types(node.op_type, opset)
        if any("tensor(float)" in each and "tensor(float16)" not in each for each in types):
            found.add(node.name)
    return found


def _always_float(node: onnx.NodeProto, index: int, opset: int) -> bool:
    """Whether an operator wants float32 in this place whatever the rest is, as Resize's scales."""
    formal = _schema(node.op_type, opset).inputs
    return bool(formal[min(index, len(formal) - 1)].type_str == "tensor(float)")


def _types(operator: str, opset: int) -> list[Sequence[str]]:
    return [each.allowed_type_strs for each in _schema(operator, opset).type_constraints]


def _schema(operator: str, opset: int) -> onnx.defs.OpSchema:
    try:
        return onnx.defs.get_schema(operator, opset)
    except onnx.defs.SchemaError as error:
        raise ModelFileError(f"{operator} is no operator of ONNX {opset}: {error}") from error


def _opset(model: onnx.ModelProto) -> int:
    return next(int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx"))


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
