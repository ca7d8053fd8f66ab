"""Half precision inside, float32 outside and behind the last convolution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from build_engine.to_fp16 import last_weighted, matching, name_nodes, tail, to_fp16
from engines.onnxruntime_engine import OnnxRuntimeEngine
from model_zoo.zoo import card_of, model_path
from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError
from pose.onnx_header import card_in_onnx
from pose.types import FloatArray
from tests.engines.tiny_networks import CARD, POSE_CARD, mean_nodes, model


def _convolutions(card: ModelCard = POSE_CARD, scale: float = 1.0) -> onnx.ModelProto:
    """frames -> Conv -> Relu -> Conv -> * 300 -> maps, without names for the nodes."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.standard_normal((8, 3, 3, 3)) * scale,
        "last": random.standard_normal((17, 8, 1, 1)),
        "stretch": np.array(300.0),
    }
    nodes = [
        helper.make_node("Conv", ["frames", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "last"], ["c"]),
        helper.make_node("Mul", ["c", "stretch"], ["heatmaps"]),
    ]
    initial = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ]
    shape = ("n", 3, card.input_size_wh[1], card.input_size_wh[0])
    return model(nodes, shape, [("heatmaps", TensorProto.FLOAT, None)], card, initial)


def test_the_answers_stay_and_the_weights_are_half(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    graph = _convolutions()
    before = graph.SerializeToString()
    batch = rng.standard_normal((2, 3, 64, 48), np.float32)

    half = to_fp16(graph, POSE_CARD)

    assert graph.SerializeToString() == before, "the caller's graph was changed"
    kinds = {weight.name: weight.data_type for weight in half.graph.initializer}
    assert kinds == {
        "first.half": TensorProto.FLOAT16,
        "last.half": TensorProto.FLOAT16,
        "stretch": TensorProto.FLOAT,
    }
    assert card_in_onnx(half.SerializeToString(), "half") == replace(POSE_CARD, precision="fp16")
    (tmp_path / "half.onnx").write_bytes(half.SerializeToString())
    (tmp_path / "full.onnx").write_bytes(before)
    with (
        OnnxRuntimeEngine(tmp_path / "half.onnx") as a,
        OnnxRuntimeEngine(tmp_path / "full.onnx") as b,
    ):
        ours, right = a.infer(batch)["heatmaps"], b.infer(batch)["heatmaps"]
    assert ours.dtype == np.float32
    assert 0 < np.abs(ours - right).max() < 2e-3 * np.abs(right).max()


def test_what_is_named_stays_float32() -> None:
    half = to_fp16(_convolutions(), POSE_CARD, keep=("Conv_0",))

    kinds = {weight.name: weight.data_type for weight in half.graph.initializer}
    assert kinds["first"] == TensorProto.FLOAT
    assert kinds["last.half"] == TensorProto.FLOAT16


@pytest.mark.parametrize("pattern", ["Softmax", "conv*", ""])
def test_a_pattern_that_fits_nothing_is_a_mistake(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"fits no node.*Conv, Mul, Relu"):
        to_fp16(_convolutions(), POSE_CARD, keep=(pattern,))


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), set()),
        (("Conv",), {"Conv_0", "Conv_2"}),
        (("*_2", "Relu"), {"Conv_2", "Relu_1"}),
        (("*",), {"Conv_0", "Relu_1", "Conv_2", "Mul_3"}),
    ],
)
def test_patterns_are_of_names_or_operators(patterns: tuple[str, ...], expected: set[str]) -> None:
    graph = _convolutions()
    name_nodes(graph)

    assert matching(graph, patterns) == expected


def test_the_tail_begins_behind_the_last_convolution() -> None:
    graph = _convolutions()
    name_nodes(graph)

    assert tail(graph) == {"Mul_3"}
    assert last_weighted(graph) == {"Conv_2"}


def test_a_network_without_weights_is_all_tail() -> None:
    graph = model(
        mean_nodes(), ("n", 3, 32, 64),
        [("small", TensorProto.FLOAT, None), ("mean", TensorProto.FLOAT, None)],
    )  # fmt: skip
    name_nodes(graph)

    assert tail(graph) == {"AveragePool_0", "ReduceMean_1"}
    assert last_weighted(graph) == set()


def _run(graph: onnx.ModelProto, tmp_path: Path, batch: FloatArray) -> dict[str, FloatArray]:
    (tmp_path / "x.onnx").write_bytes(graph.SerializeToString())
    with OnnxRuntimeEngine(tmp_path / "x.onnx") as engine:
        return engine.infer(batch)


def test_an_answer_that_is_made_in_half_leaves_as_float32(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """No tail: the last convolution is the output, and feeds another node as well."""
    weights = numpy_helper.from_array(rng.standard_normal((4, 3, 1, 1)).astype(np.float32), "w")
    again = numpy_helper.from_array(rng.standard_normal((4, 4, 1, 1)).astype(np.float32), "v")
    nodes = [
        helper.make_node("Conv", ["frames", "w"], ["maps"]),
        helper.make_node("Conv", ["maps", "v"], ["more"]),
    ]
    outputs = [(name, TensorProto.FLOAT, None) for name in ("maps", "more")]
    graph = model(nodes, ("n", 3, 32, 64), outputs, CARD, [weights, again])
    batch = rng.standard_normal((2, 3, 32, 64), np.float32)

    found, right = _run(to_fp16(graph, CARD), tmp_path, batch), _run(graph, tmp_path, batch)

    assert list(found) == ["maps", "more"]
    for name, values in right.items():
        np.testing.assert_allclose(found[name], values, atol=3e-2)
        assert np.abs(found[name] - values).max() > 0


def test_one_weight_serves_both_precisions(tmp_path: Path, rng: np.random.Generator) -> None:
    """`w` scales before and behind the convolution; only the first is half."""
    weight = numpy_helper.from_array(np.float32(1.001) * np.ones(1, np.float32), "w")
    kernel = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "kernel")
    nodes = [
        helper.make_node("Mul", ["frames", "w"], ["a"]),
        helper.make_node("Conv", ["a", "kernel"], ["b"]),
        helper.make_node("Mul", ["b", "w"], ["maps"]),
    ]
    graph = model(
        nodes, ("n", 3, 32, 64), [("maps", TensorProto.FLOAT, None)], CARD, [weight, kernel]
    )
    batch = np.ones((1, 3, 32, 64), np.float32)

    half = to_fp16(graph, CARD)

    kinds = {each.name: each.data_type for each in half.graph.initializer}
    assert kinds["w"] == TensorProto.FLOAT and kinds["w.half"] == TensorProto.FLOAT16
    rounded = np.float32(np.float16(1.001))
    np.testing.assert_allclose(
        _run(half, tmp_path, batch)["maps"], 3 * rounded * np.float32(1.001), rtol=1e-3
    )


def test_nothing_is_cast_between_nodes_that_are_kept(tmp_path: Path) -> None:
    """The arithmetic of a detector's boxes must not pass through half precision."""
    half = to_fp16(onnx.load(model_path("person")), card_of("person"))

    named = {node.name: node for node in half.graph.node}
    behind = tail(half)
    casts = [node for node in half.graph.node if node.op_type == "Cast" and node.name in behind]
    to_half = [node for node in casts if node.attribute[0].i == TensorProto.FLOAT16]
    assert len(casts) > 5
    assert to_half == []
    assert any(node.op_type == "Slice" and name in behind for name, node in named.items())


def test_a_graph_with_branches_is_refused() -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["frames"], ["out"])],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )
    condition = numpy_helper.from_array(np.array(True), "condition")
    choose = helper.make_node("If", ["condition"], ["maps"], then_branch=branch, else_branch=branch)
    graph = model(
        [choose], ("n", 3, 32, 64), [("maps", TensorProto.FLOAT, None)], CARD, [condition]
    )

    with pytest.raises(ModelFileError, match="branches or loops"):
        to_fp16(graph, CARD)
