"""Pose estimation: keypoints drawn as colours, batches counted, and an oracle for the mirror."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import Self

from app.steps.estimate import CropEstimator, decode, mirrored_columns
from engines.fake_engine import FakeEngine, keypoint_colours, write_fake
from pose import heatmap
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.skeleton import COCO_17
from pose.types import Boxes, Crops, FloatArray, Frame, Heatmaps
from tests.app.steps.figures import person

CARD = ModelCard(
    name="colours",
    task="pose",
    architecture="none",
    input_size_wh=(192, 256),
    decoder="heatmap_dark",
    skeleton="coco_17",
    mean=(0, 0, 0),
    std=(1, 1, 1),
)


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(write_fake(tmp_path / "colours.fake", CARD, "colours"), max_batch=4)


def drawn(people: FloatArray, size_wh: tuple[int, int] = (640, 480), radius: int = 4) -> Frame:
    """A black frame with every keypoint of (N, 17, 2) as a disc of its colour."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for keypoints in people:
        for (x, y), colour in zip(keypoints, keypoint_colours(17), strict=True):
            if np.isfinite(x):
                centre = round(float(x) * 16), round(float(y) * 16)
                cv2.circle(image, centre, radius * 16, colour.tolist(), -1, cv2.LINE_AA, shift=4)
    return Frame(0, 0.0, image)


def spread_out(count: int, rng: np.random.Generator) -> tuple[FloatArray, Boxes]:
    """People whose keypoints stand on a grid, so that no disc covers another."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5)), axis=-1).reshape(-1, 2)[:17]
    keypoints, boxes = [], []
    for i in range(count):
        x, y = 20 + 155 * i, 40 + 30 * (i % 3)
        keypoints.append(np.array([x, y]) + grid * [30, 45] + rng.uniform(-6, 6, (17, 2)))
        boxes.append([x - 12, y - 12, x + 102, y + 192])
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    points = np.array(keypoints, np.float32).reshape(-1, 17, 2)
    return points, Boxes(xyxy, np.full(count, 0.9, np.float32))


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_keypoints_are_found_where_they_were_drawn(
    count: int, engine: FakeEngine, rng: np.random.Generator
) -> None:
    points, boxes = spread_out(count, rng)

    with CropEstimator(engine) as estimator:
        [found] = estimator([drawn(points)], [boxes])

    assert found.keypoints.shape == (count, 17, 2)
    np.testing.assert_allclose(found.keypoints, points, atol=1.0)
    assert (found.scores > 0.5).all()
    np.testing.assert_array_equal(found.boxes.xyxy, boxes.xyxy)


def test_a_keypoint_that_is_not_there_is_nan_with_score_0(
    engine: FakeEngine, rng: np.random.Generator
) -> None:
    points, boxes = spread_out(1, rng)
    points[0, [3, 9]] = np.nan

    with CropEstimator(engine) as estimator:
        [found] = estimator([drawn(points)], [boxes])

    lost = np.isnan(found.keypoints[0]).all(axis=1)
    assert np.flatnonzero(lost).tolist() == [3, 9]
    assert np.flatnonzero(found.scores[0] == 0).tolist() == [3, 9]


def test_no_frames_give_no_answers(engine: FakeEngine) -> None:
    with CropEstimator(engine) as estimator:
        assert estimator([], []) == []


class _Noting:
    """An engine that answers empty heatmaps and notes how many crops came at once."""

    def __init__(self, card: ModelCard = CARD, keypoints: int = 17) -> None:
        self.card, self.max_batch, self._keypoints = card, 4, keypoints
        self.counts: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        self.counts.append(len(batch))
        return {"heatmaps": np.zeros((len(batch), self._keypoints, 64, 48), np.float32)}


def test_people_of_all_frames_fill_batches_together() -> None:
    engine = _Noting()
    people = [3, 0, 4, 2]
    boxes = [Boxes(np.tile(person(50).boxes.xyxy, (n, 1)), np.ones(n, np.float32)) for n in people]
    frames = [Frame(i, i / 30, np.zeros((100 + i, 100, 3), np.uint8)) for i in range(4)]

    with CropEstimator(engine) as estimator:
        found = estimator(frames, boxes)

    assert engine.counts == [4, 4, 1]
    assert [len(poses) for poses in found] == people
    assert np.isnan(found[0].keypoints).all() and not found[0].scores.any()


def test_an_empty_run_does_not_trouble_the_engine() -> None:
    engine = _Noting()

    with CropEstimator(engine) as estimator:
        [found] = estimator([Frame(0, 0.0, np.zeros((9, 9, 3), np.uint8))], [Boxes.empty()])

    assert engine.counts == []
    assert found.keypoints.shape == (0, 17, 2)


def test_a_network_with_other_keypoints_than_its_card_is_refused() -> None:
    with (
        CropEstimator(_Noting(keypoints=14)) as estimator,
        pytest.raises(ModelFileError, match="expected 17 heatmaps"),
    ):
        estimator([Frame(0, 0.0, np.zeros((9, 9, 3), np.uint8))], [person(5).boxes])


@pytest.mark.parametrize(
    "card",
    [
        ModelCard("a", "person", "none", (160, 160), "heatmap_dark"),
        ModelCard("a", "pose", "none", (192, 256), "centre", skeleton="coco_17"),
        ModelCard("a", "pose", "none", (192, 256), "heatmap_dark", skeleton="nobody"),
    ],
)
def test_a_network_for_something_else_is_refused(card: ModelCard) -> None:
    with pytest.raises(ModelFileError):
        CropEstimator(_Noting(card))


@pytest.mark.parametrize("decoder", heatmap.HEATMAP_DECODERS)
def test_scores_lie_between_0_and_1_and_lost_keypoints_are_nan(
    decoder: str, rng: np.random.Generator
) -> None:
    values = rng.normal(0, 1, (3, 17, 64, 48)).astype(np.float32)
    values[0, 0], values[1, 1], values[2, 2] = 0, -1, 1e-4
    to_frame = np.tile(np.eye(2, 3, dtype=np.float32), (3, 1, 1))
    boxes = Boxes(np.zeros((3, 4), np.float32), np.ones(3, np.float32))
    card = ModelCard("a", "pose", "none", (192, 256), decoder, skeleton="coco_17")

    found = decode(Heatmaps(values, to_frame, boxes), card)

    lost = np.asarray(np.isnan(found.keypoints).any(axis=2))
    assert lost[[0, 1, 2], [0, 1, 2]].all() and not lost.all()
    assert (found.scores[lost] == 0).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


# ---- the mirror ---------------------------------------------------------------------------


class _Equivariant:
    """A network that treats both hands alike, exactly: the mirror image gives mirrored answers.

    Keypoint k is a bright spot in its own band of rows; a spot in the lowest band lies on the
    left of a crop that is not mirrored. A network that sees somebody mirrored calls their left
    wrist the right one, and so does this.
    """

    BAND = 14  # rows

    def __init__(self, decoder: str) -> None:
        self.card = ModelCard(
            "oracle", "pose", "none", (192, 256), decoder,
            mean=(0, 0, 0), std=(1, 1, 1), skeleton="coco_17",
        )  # fmt: skip
        self.max_batch = 16

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        answers = []
        for picture in batch[:, 0].astype(np.float64):
            centres = np.array([self._centre(picture, band) for band in range(18)])
            mirrored = centres[17, 0] > 96
            points = centres[:17][COCO_17.flip] if mirrored else centres[:17]
            answers.append(points / 4)
        points = np.array(answers, np.float32)
        if self.card.decoder == "heatmap_cpn":
            return {"heatmaps": heatmap.encode_cpn(points, (48, 64), 11)}
        return {"heatmaps": heatmap.encode(points, (48, 64), 2.0)}

    def _centre(self, picture: np.ndarray, band: int) -> tuple[float, float]:
        rows = picture[band * self.BAND : (band + 1) * self.BAND]
        down, across = rows.sum(axis=1), rows.sum(axis=0)
        y = np.average(np.arange(len(down)), weights=down) + band * self.BAND
        return float(np.average(np.arange(len(across)), weights=across)), float(y)


def _spots(x: FloatArray) -> Crops:
    """A crop with a spot at column x[k] of band k, and the one that tells left from right."""
    row, columns = np.arange(_Equivariant.BAND), np.arange(192)
    down = np.exp(-((row - 6.5) ** 2) / (2 * 1.5**2))  # (14,)
    across = np.exp(-((columns - np.array([*x, 40.0])[:, None]) ** 2) / (2 * 1.5**2))  # (18, 192)
    bands = 250 * down[None, :, None] * across[:, None]
    image = np.pad(bands.reshape(-1, 192), ((0, 256 - 18 * _Equivariant.BAND), (0, 0)))
    picture = np.repeat(np.rint(image)[None, :, :, None], 3, axis=3).astype(np.uint8)
    box = Boxes(np.array([[-0.5, -0.5, 191.5, 255.5]], np.float32), np.ones(1, np.float32))
    return Crops(picture, np.eye(2, 3, dtype=np.float32)[None], box)


@pytest.mark.parametrize("decoder", ["heatmap_quarter", "heatmap_dark"])
@given(seed=st.integers(0, 100))
@settings(max_examples=12)
def test_the_mirror_image_agrees_with_the_crop_itself(decoder: str, seed: int) -> None:
    """The mirrored map must fall on the plain one to a hundredth of a pixel, not 0.75 beside it."""
    columns = np.random.default_rng(seed).uniform(20, 170, 17).astype(np.float32)
    crops, engine = _spots(columns), _Equivariant(decoder)

    plain = CropEstimator(engine).heatmaps(crops)
    both = CropEstimator(engine, flip=True).heatmaps(crops)

    assert np.abs(both.values - plain.values).max() < 0.01
    np.testing.assert_allclose(both.to_frame, plain.to_frame)
    found = decode(both, engine.card).keypoints[0]
    np.testing.assert_allclose(
        found[:, 0], columns, atol=1.5 if decoder == "heatmap_quarter" else 0.3
    )


def test_the_mirror_does_not_move_keypoints_of_cpns_own_targets() -> None:
    """CPN rounds targets down, so single keypoints jump by a pixel; their mean must not."""
    columns = np.linspace(20, 170, 17 * 8, dtype=np.float32).reshape(8, 17)
    engine = _Equivariant("heatmap_cpn")
    errors = []
    for flip in (False, True):
        estimator = CropEstimator(engine, flip)
        found = [decode(estimator.heatmaps(_spots(row)), engine.card) for row in columns]
        errors.append(np.mean([poses.keypoints[0, :, 0] for poses in found] - columns))

    assert abs(errors[1] - errors[0]) < 0.3  # pixels of the crop; a map's pixel is 4


@pytest.mark.parametrize(
    ("width", "first_plus_last", "wanted"),
    [
        (8, 4, [4, 3, 2, 1, 0, 0, 0, 0]),  # two heatmap pixels, at 0 and 4
        (8, 7, [7, 6, 5, 4, 3, 2, 1, 0]),
        (8, 8, [7, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_the_mirror_stands_where_the_heatmap_says(
    width: int, first_plus_last: float, wanted: list[int]
) -> None:
    assert mirrored_columns(width, first_plus_last).tolist() == wanted
