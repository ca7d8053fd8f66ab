"""What holds for every estimator: the CPU's, the GPU's on a fake GPU, the GPU's on a real one.

On the fake GPU the kernels' own source runs, compiled for the host, around ONNX Runtime as the
network: all but CUDA and TensorRT themselves. The oracle is the CPU's estimator, whose parts are
tested against OpenCV and against published decoders.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from app.commands.demo import CLIP
from app.steps.detect import PersonDetector
from app.steps.estimate import CropEstimator
from app.steps.estimate_gpu import estimator_for
from app.steps.kernel_records import DECODERS
from engines.engine import open_engine
from model_zoo.zoo import model_path
from pose.types import Boxes, FloatArray, Frame, Poses
from tests.app.steps.test_estimate import drawn, spread_out
from tests.engines.colour_network import write_colour_network
from tests.engines.fake_gpu import cached, install, write_fake_engine
from tests.engines.real_gpu import build_for_this_gpu, skip_without_gpu

ATOL = 0.5  # pixels of the frame

Open = Callable[..., CropEstimator]


@pytest.fixture(params=["cpu", "fake gpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def estimator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Open:
    """Makes an estimator for an ONNX file; `max_batch` is the engine's, `flip` as it says."""
    kind = request.param
    if kind == "gpu":
        skip_without_gpu()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    elif kind == "fake gpu":
        install(monkeypatch, tmp_path)

    def make(onnx: Path, max_batch: int = 4, flip: bool = False) -> CropEstimator:
        if kind == "cpu":
            return estimator_for(open_engine(onnx, max_batch=max_batch), flip)
        write = write_fake_engine if kind == "fake gpu" else build_for_this_gpu
        engine = write(cached(f"{onnx.stem}.engine"), onnx, max_batch)
        return estimator_for(open_engine(engine), flip)

    return make


def oracle(onnx: Path, flip: bool = False) -> CropEstimator:
    """The CPU's way."""
    return CropEstimator(open_engine(onnx, threads=1), flip)


def assert_alike(found: list[Poses], expected: list[Poses], atol: float = ATOL) -> None:
    """Same people, same keypoints found, at the same places, with the same scores."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.boxes.xyxy, theirs.boxes.xyxy)
        np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=atol, equal_nan=True)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("flip", [False, True])
def test_all_find_the_same_keypoints(
    estimator: Open, decoder: str, flip: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    onnx = write_colour_network(tmp_path / "colours.onnx", decoder)
    points, boxes = spread_out(3, rng)
    frame = drawn(points)

    with estimator(onnx, flip=flip) as ours, oracle(onnx, flip) as theirs:
        found, expected = ours([frame], [boxes]), theirs([frame], [boxes])

    assert_alike(found, expected)
    assert np.isfinite(found[0].keypoints).mean() > 0.9
    # Colours do not change sides in a mirror, people's hands do; CPN's wide blur sees neighbours.
    if not flip and decoder != "heatmap_cpn":
        np.testing.assert_allclose(found[0].keypoints, points, atol=4)


BOXES = {
    "nobody": np.zeros((0, 4)),
    "beyond the left edge": [[-80, 30, 60, 300]],
    "larger than the frame": [[-300, -200, 900, 700]],
    "wholly outside": [[5000, 5000, 5100, 5200]],
    "absurdly far": [[1e7, 1e7, 1e7 + 64, 1e7 + 64]],
    "without size": [[100, 100, 100, 100]],
    "tiny, huge and plain": [[50, 50, 53, 56], [0, 0, 640, 480], [10, 20, 140, 240]],
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes_may_lie_anywhere(
    estimator: Open, name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    onnx = write_colour_network(tmp_path / "colours.onnx")
    xyxy = np.array(BOXES[name], np.float32).reshape(-1, 4)
    boxes = Boxes(xyxy, np.ones(len(xyxy), np.float32))
    frame = drawn(spread_out(3, rng)[0])

    with estimator(onnx) as ours, oracle(onnx) as theirs:
        assert_alike(ours([frame], [boxes]), theirs([frame], [boxes]))


@pytest.mark.parametrize("people", [[], [0], [0, 0], [1], [3, 0, 4, 2], [0, 9]])
def test_people_of_all_frames_are_told_apart(
    estimator: Open, people: list[int], tmp_path: Path, rng: np.random.Generator
) -> None:
    """More people than a batch holds, frames of several sizes, the same size again."""
    onnx = write_colour_network(tmp_path / "colours.onnx")
    frames, boxes = [], []
    for i, count in enumerate(people):
        points, own = spread_out(4, rng)
        frames.append(drawn(points, size_wh=(640 + 3 * i, 480 - 5 * i)))
        chosen = rng.integers(0, 4, count)
        boxes.append(own[chosen])

    with estimator(onnx) as ours, oracle(onnx) as theirs:
        expected = theirs(frames, boxes)
        for _ in range(3):  # plainly, recorded, replayed
            assert_alike(ours(frames, boxes), expected)


def test_answers_stay_as_they_are_while_others_are_found(
    estimator: Open, tmp_path: Path, rng: np.random.Generator
) -> None:
    onnx = write_colour_network(tmp_path / "colours.onnx")
    points, boxes = spread_out(2, rng)
    with estimator(onnx) as ours:
        (first,) = ours([drawn(points)], [boxes])
        kept = first.keypoints.copy()
        ours([drawn(points + 3)], [boxes])

    np.testing.assert_array_equal(first.keypoints, kept)


def test_it_can_be_entered_again(estimator: Open, tmp_path: Path, rng: np.random.Generator) -> None:
    onnx = write_colour_network(tmp_path / "colours.onnx")
    points, boxes = spread_out(2, rng)
    ours = estimator(onnx)
    answers = []
    for _ in range(2):
        with ours:
            answers.append(ours([drawn(points)], [boxes]))

    assert_alike(answers[0], answers[1], atol=0)


def clip_frames(count: int, every: int) -> list[Frame]:
    """Frames of the clip that ships."""
    with av.open(str(CLIP)) as clip:
        pictures = [
            picture.to_ndarray(format="bgr24")
            for i, picture in enumerate(clip.decode(video=0))
            if i % every == 0 and i < count * every
        ]
    return [Frame(i, i / 30, np.ascontiguousarray(picture)) for i, picture in enumerate(pictures)]


def test_the_shipped_network_sees_the_same_in_the_clip_that_ships(estimator: Open) -> None:
    """Heatmaps of a network that was trained, of people that nobody placed for the test."""
    frames = clip_frames(2, every=60)
    with PersonDetector(open_engine(model_path("person"), threads=1)) as detector:
        boxes = detector(frames)
    onnx = model_path("pose")

    with estimator(onnx) as ours, oracle(onnx) as theirs:
        found, expected = ours(frames, boxes), theirs(frames, boxes)

    assert sum(map(len, boxes)) > 0
    # Where a map is flat a rounded pixel more or less decides; the sure ones must agree.
    sure = [sure_only(poses) for poses in expected]
    np.testing.assert_allclose(
        np.concatenate([places(poses)[mask] for poses, mask in zip(found, sure, strict=True)]),
        np.concatenate([places(poses)[mask] for poses, mask in zip(expected, sure, strict=True)]),
        atol=ATOL,
    )
    assert np.concatenate([mask.ravel() for mask in sure]).mean() > 0.5


def places(poses: Poses) -> FloatArray:
    """(N, K, 2) keypoints."""
    return poses.keypoints


def sure_only(poses: Poses) -> np.ndarray:
    """(N, K) bool: keypoints that the network is sure of."""
    return np.asarray(poses.scores > 0.3)
