"""INT8 in the graph: what is quantised, what is not, and that the network stays the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from build_engine.calibrate import calibrator, quantised
from build_engine.precision import converted, halves
from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.errors import InputError, UsageError
from pose.onnx_header import card_in_onnx
from pose.types import FloatArray
from tests.build_engine.fake_tensorrt import FakeDevice, fake
from tests.build_engine.toy_pose import convolutions, write_pictures, write_toy
from tests.engines.tiny_networks import POSE_CARD

WIDE = 32


@pytest.fixture
def batch(rng: np.random.Generator) -> FloatArray:
    return rng.standard_normal((5, 3, 64, 48), np.float32)


def test_the_middle_is_quantised_and_its_neighbours_are_not(batch: FloatArray) -> None:
    """The first convolution sees the picture, the last says where things are."""
    graph = convolutions(channels=WIDE)
    before = graph.SerializeToString()

    made = quantised(graph, POSE_CARD, batch)

    assert graph.SerializeToString() == before, "the caller's graph was changed"
    onnx.checker.check_model(made)
    makers = {name: node.op_type for node in made.graph.node for name in node.output}
    fed_by = [
        [makers.get(name, "weight") for name in node.input]
        for node in made.graph.node
        if node.op_type == "Conv"
    ]
    assert fed_by == [
        ["weight", "weight"],
        ["DequantizeLinear", "DequantizeLinear"],
        ["Relu", "weight"],
    ]
    assert card_in_onnx(made.SerializeToString(), "x") == replace(POSE_CARD, precision="int8")


def test_ranges_are_symmetric_as_tensorrt_wants_them(batch: FloatArray) -> None:
    made = quantised(convolutions(channels=WIDE), POSE_CARD, batch)

    weights = {each.name: each for each in made.graph.initializer}
    zeros = [
        numpy_helper.to_array(weights[node.input[2]])
        for node in made.graph.node
        if node.op_type == "QuantizeLinear"
    ]
    assert zeros and all(zero.dtype == np.int8 and not zero.any() for zero in zeros)
    per_channel = [zero.size for zero in zeros]
    assert WIDE in per_channel, "weights have one range for all channels"
    assert not any(each.data_type == TensorProto.INT32 for each in weights.values())


@pytest.mark.parametrize("channels", [1, 8, 31])
def test_thin_convolutions_are_left_alone(batch: FloatArray, channels: int) -> None:
    made = quantised(convolutions(channels=channels), POSE_CARD, batch)

    assert Counter(node.op_type for node in made.graph.node)["QuantizeLinear"] == 0


def test_what_is_named_stays_float32(batch: FloatArray) -> None:
    made = quantised(convolutions(channels=WIDE), POSE_CARD, batch, keep=("Conv_2",))

    assert Counter(node.op_type for node in made.graph.node)["QuantizeLinear"] == 0
    with pytest.raises(UsageError, match="fits no node"):
        quantised(convolutions(), POSE_CARD, batch, keep=("Softmax",))


@pytest.mark.parametrize(("precision", "most"), [("fp16", 0.02), ("int8", 0.2)])
def test_a_converted_file_is_the_same_network(
    tmp_path: Path, batch: FloatArray, precision: str, most: float
) -> None:
    source, folder = write_toy(tmp_path / "toy.onnx", WIDE), write_pictures(tmp_path / "pictures")

    content, parity = converted(source, POSE_CARD, precision, (), folder)  # type: ignore[arg-type]

    assert 0 < parity.max_relative < most
    (tmp_path / "out.onnx").write_bytes(content)
    with (
        OnnxRuntimeEngine(source) as right,
        OnnxRuntimeEngine(tmp_path / "out.onnx") as ours,
    ):
        assert ours.card.precision == precision
        wanted, found = right.infer(batch)["heatmaps"], ours.infer(batch)["heatmaps"]
    assert 0 < np.abs(found - wanted).max() < 3 * most * np.abs(wanted).max()


def test_no_picture_is_both_learned_from_and_looked_at(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", 9)

    learn, look = halves(POSE_CARD, 6, folder)

    assert (len(learn), len(look)) == (4, 5)
    assert not any(np.array_equal(one, other) for one in learn for other in look)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_are_told(tmp_path: Path, count: int) -> None:
    folder = write_pictures(tmp_path / "pictures", count)

    with pytest.raises(InputError, match="expected"):
        halves(POSE_CARD, 6, folder)
    with pytest.raises(UsageError, match="--calibrate-on"):
        halves(POSE_CARD, 0, folder)


@pytest.mark.parametrize("version", ["8.6", "10"])
def test_their_calibrator_gets_every_picture_once(version: str, batch: FloatArray) -> None:
    """On a FAKE TensorRT and FAKE memory: our order and our arrays."""
    device = FakeDevice()
    ours = calibrator(fake(version), device, batch)

    seen = []
    while (addresses := ours.get_batch(["crops"])) is not None:
        seen.append(device.memory[addresses[0]])

    assert ours.get_batch_size() == 1
    np.testing.assert_array_equal(np.concatenate(seen), batch)
    assert device.waited == len(batch), "a picture may be overwritten while it is copied"
    assert len(device.memory) == 1
    assert ours.read_calibration_cache() is None
