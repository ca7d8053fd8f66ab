"""The fused estimator's own ways, on a fake GPU: what travels, a full memory, what is refused.

That it finds what the CPU finds stands in `test_estimate_contract.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from app.steps.estimate import CropEstimator
from app.steps.estimate_gpu import GpuEstimator, estimator_for
from app.steps.kernel_records import starts
from engines.tensorrt_engine import TensorRtEngine
from pose.errors import EngineError, ModelFileError
from pose.types import Boxes, Frame
from tests.app.steps.test_estimate import drawn, spread_out
from tests.engines.colour_network import COLOUR_CARD, write_colour_network
from tests.engines.fake_gpu import FakeGpu, cached, install, write_fake_engine
from tests.engines.tiny_networks import model, write_model


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    return install(monkeypatch, tmp_path)


def engine(tmp_path: Path, max_batch: int = 4, decoder: str = "heatmap_dark") -> TensorRtEngine:
    """The colour network on the fake GPU."""
    onnx = write_colour_network(tmp_path / "colours.onnx", decoder)
    return TensorRtEngine(write_fake_engine(cached("colours.engine"), onnx, max_batch))


def test_a_frame_goes_up_once_and_only_keypoints_come_down(
    gpu: FakeGpu, tmp_path: Path, rng: np.random.Generator
) -> None:
    points, boxes = spread_out(4, rng)
    many = Boxes(np.tile(boxes.xyxy, (2, 1)), np.ones(8, np.float32))
    with GpuEstimator(engine(tmp_path)) as estimator:
        estimator([drawn(points)], [many])
        before = len(gpu.calls)
        estimator([drawn(points), drawn(points)], [many, Boxes.empty()])
        calls = [call.partition(" ")[2] for call in gpu.calls[before:]]

    assert calls.count("cuMemcpyHtoDAsync_v2") == 1  # the frame; crops go up inside of the graph
    assert calls.count("cuGraphLaunch") == calls.count("cuStreamSynchronize") == 2  # of four people
    assert {"cuMemAlloc_v2", "cuMemHostAlloc", "cuLaunchKernel"}.isdisjoint(calls)
    assert gpu.living == 0


def test_nobody_does_not_trouble_the_gpu(gpu: FakeGpu, tmp_path: Path) -> None:
    with GpuEstimator(engine(tmp_path)) as estimator:
        before = len(gpu.calls)
        (found,) = estimator([Frame(0, 0.0, np.zeros((9, 9, 3), np.uint8))], [Boxes.empty()])
        assert estimator([], []) == []
        assert len(gpu.calls) == before

    assert found.keypoints.shape == (0, 17, 2)


def test_the_mirrors_maps_take_two_runs(
    gpu: FakeGpu, tmp_path: Path, rng: np.random.Generator
) -> None:
    points, boxes = spread_out(3, rng)
    with GpuEstimator(engine(tmp_path), flip=True) as estimator:
        estimator([drawn(points)], [boxes])

    calls = [call.partition(" ")[2] for call in gpu.calls]
    assert calls.count("execute 3") == 2
    assert calls.count("cuMemcpyDtoDAsync_v2") == 1


def test_use_outside_of_with_is_refused(gpu: FakeGpu, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="enter the estimator"):
        GpuEstimator(engine(tmp_path))([], [])


def test_a_gpu_that_is_full_while_running_sees_fewer_people_at_a_time(
    gpu: FakeGpu, tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    points, boxes = spread_out(4, rng)
    with GpuEstimator(engine(tmp_path)) as estimator:
        (expected,) = estimator([drawn(points)], [boxes])
        gpu.trt.full_beyond = 1
        estimator._fused = None
    with GpuEstimator(engine(tmp_path)) as estimator:
        (found,) = estimator([drawn(points)], [boxes])

    np.testing.assert_array_equal(found.keypoints, expected.keypoints)
    assert "colours now sees 1 people at a time" in caplog.text


def test_a_gpu_with_little_room_beside_the_network_sees_fewer_people(
    gpu: FakeGpu, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Decoding CPN's way needs most room: the blurred rows of every map."""
    points, boxes = spread_out(4, rng)
    maps, rows = 17 * 64 * 48 * 4, 17 * 64 * 68 * 4
    network = 4 * (3 * 256 * 192 * 4 + maps)
    gpu.limit(network + 2 * rows + 640 * 480 * 3 + 10_000)
    with GpuEstimator(engine(tmp_path, decoder="heatmap_cpn")) as estimator:
        (found,) = estimator([drawn(points)], [boxes])

    # Four did not fit beside the frame; pairs: once plainly, once recorded.
    assert [call.partition(" ")[2] for call in gpu.calls].count("execute 2") == 2
    assert np.isfinite(found.keypoints).any()


@pytest.mark.parametrize("room", ["frame", "crops"])
def test_a_gpu_that_holds_too_little_says_so_in_one_line(
    gpu: FakeGpu, tmp_path: Path, rng: np.random.Generator, room: str
) -> None:
    points, boxes = spread_out(1, rng)
    network = 4 * (3 * 256 * 192 * 4 + 17 * 64 * 48 * 4)
    gpu.limit(network + (100_000 if room == "frame" else 500))
    with (
        pytest.raises(EngineError, match="FAKE GPU does not hold frame and crops of colours"),
        GpuEstimator(engine(tmp_path)) as estimator,
    ):
        estimator([drawn(points)], [boxes])

    assert gpu.living == 0


def test_an_engine_with_other_keypoints_than_its_card_is_refused(
    gpu: FakeGpu, tmp_path: Path
) -> None:
    nodes = [helper.make_node("AveragePool", ["frames"], ["heatmaps"], kernel_shape=[4, 4])]
    outputs = [("heatmaps", TensorProto.FLOAT, None)]
    made = model(nodes, ("n", 3, 256, 192), outputs, COLOUR_CARD)
    onnx = write_model(tmp_path / "three.onnx", made)
    wrong = TensorRtEngine(write_fake_engine(cached("three.engine"), onnx))

    with pytest.raises(ModelFileError, match="expected 17 heatmaps per person"):
        GpuEstimator(wrong).__enter__()

    assert gpu.living == 0


def test_a_decoder_without_a_kernel_is_read_on_the_cpu(
    gpu: FakeGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = engine(tmp_path)
    assert type(estimator_for(ours)) is GpuEstimator
    monkeypatch.setattr(ours, "card", replace(ours.card, decoder="heatmap_new"))
    monkeypatch.setattr(
        "app.steps.estimate.HEATMAP_DECODERS", {"heatmap_new": lambda values, peak: None}
    )
    assert type(estimator_for(ours)) is CropEstimator
    with pytest.raises(ModelFileError, match="for the GPU, got 'heatmap_new'"):
        GpuEstimator(ours)


def test_frames_start_where_copies_are_fast_and_empty_ones_take_no_room() -> None:
    frames = [Frame(i, 0.0, np.zeros((3, 5 + i, 3), np.uint8)) for i in range(4)]
    one, nobody = Boxes(np.zeros((1, 4), np.float32), np.ones(1, np.float32)), Boxes.empty()

    assert starts([], []) == []
    assert starts(frames, [one, nobody, one, one]) == [0, 256, 256, 512]
