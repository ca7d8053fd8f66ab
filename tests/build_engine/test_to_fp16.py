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
from pose.card import ModelCard
from pose.errors import UsageError
from pose.onnx_header import card_in_onnx
from tests.engines.tiny_networks import POSE_CARD, mean_nodes, model


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
    assert kinds["first"] == kinds["last"] == TensorProto.FLOAT16
    assert kinds["stretch"] == TensorProto.FLOAT
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
    assert kinds["last"] == TensorProto.FLOAT16


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
