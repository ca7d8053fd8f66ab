"""Person detection: drawn figures through a fake engine, and the teacher's own answers."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from typing_extensions import Self

from app.steps.detect import PersonDetector, whole_people
from engines.fake_engine import FakeEngine, write_fake
from pose import boxes
from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError
from pose.types import Boxes, ByteArray, FloatArray, Frame

CARD = ModelCard(
    name="figures",
    task="person",
    architecture="none",
    input_size_wh=(160, 160),
    decoder="centre",
    any_size=True,
)


def scene(size_wh: tuple[int, int], *figures: tuple[int, int, int, int], index: int = 0) -> Frame:
    """A grey frame with white boxes (x1, y1, x2, y2), edges between pixels."""
    image = np.full((size_wh[1], size_wh[0], 3), 114, np.uint8)
    for x1, y1, x2, y2 in figures:
        image[y1:y2, x1:x2] = 255
    return Frame(index, index / 30, image)


@pytest.fixture
def detector(tmp_path: Path) -> PersonDetector:
    return PersonDetector(FakeEngine(write_fake(tmp_path / "figures.fake", CARD, "figures")))


class _Counting:
    """An engine that notes the shape of each batch and sees the same candidates everywhere."""

    def __init__(self, candidates: Boxes, card: ModelCard = CARD) -> None:
        self.card, self.max_batch = card, 16
        self.shapes: list[tuple[int, ...]] = []
        self.entered = 0
        self._candidates = candidates

    def __enter__(self) -> Self:
        self.entered += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self.entered -= 1

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        self.shapes.append(batch.shape)
        n = len(batch)
        return {
            "xyxy": np.repeat(self._candidates.xyxy[None], n, axis=0),
            "scores": np.repeat(self._candidates.scores[None], n, axis=0),
        }


def candidates(*rows: tuple[float, float, float, float, float]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4])


@pytest.mark.parametrize(
    ("size_wh", "figures"),
    [
        ((320, 240), []),
        ((320, 240), [(40, 60, 80, 200)]),
        ((320, 240), [(40, 60, 80, 200), (200, 20, 260, 180)]),
        ((100, 60), [(10, 10, 30, 50)]),
        ((240, 640), [(0, 320, 80, 640), (160, 0, 240, 160)]),
    ],
)
def test_figures_are_found_where_they_were_drawn(
    detector: PersonDetector, size_wh: tuple[int, int], figures: list[tuple[int, int, int, int]]
) -> None:
    with detector:
        [found] = detector([scene(size_wh, *figures)])

    wanted = np.array(figures, np.float32).reshape(-1, 4)
    assert len(found) == len(wanted)
    if len(wanted):
        assert boxes.iou(wanted, found.xyxy).max(axis=1).min() > 0.85


def test_no_frames_give_no_answers(detector: PersonDetector) -> None:
    with detector:
        assert detector([]) == []


def test_frames_of_one_size_share_a_batch_and_keep_their_order() -> None:
    engine = _Counting(candidates((8, 8, 24, 56, 0.9)))
    sizes = [(320, 240), (320, 240), (200, 320), (320, 240)]

    with PersonDetector(engine) as detector:
        found = detector([scene(size, index=i) for i, size in enumerate(sizes)])

    assert sorted(shape[0] for shape in engine.shapes) == [1, 3]
    assert [float(one.xyxy[0, 2]) for one in found] == pytest.approx([48, 48, 48, 48], abs=1)
    assert engine.entered == 0


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([], []),
        ([(0, 0, 10, 30, 0.34)], []),
        ([(0, 0, 10, 30, 0.9), (1, 0, 11, 30, 0.8)], [0]),
        ([(0, 0, 10, 30, 0.8), (50, 0, 60, 30, 0.9)], [1, 0]),
        ([(0, 0, 40, 100, 0.9), (5, 0, 38, 45, 0.5)], [0]),  # head and shoulders of the first
        ([(0, 0, 40, 100, 0.9), (5, 0, 38, 45, 0.8)], [0, 1]),  # somebody close in front
        ([(0, 0, 80, 100, 0.9), (30, 60, 50, 100, 0.8)], [0, 1]),  # a child before an adult
        ([(200, 10, 220, 60, 0.9)], []),  # on the grey beside a small picture
    ],
)
def test_every_person_keeps_one_box(
    rows: list[tuple[float, float, float, float, float]], left: list[int]
) -> None:
    with PersonDetector(_Counting(candidates(*rows))) as detector:
        [found] = detector([scene((150, 150))])

    wanted = candidates(*rows)[np.array(left, np.int64)]
    np.testing.assert_allclose(found.xyxy, wanted.xyxy, atol=0.51)
    np.testing.assert_allclose(found.scores, wanted.scores)


def test_the_best_people_come_first_and_the_rest_is_cut_off() -> None:
    rows = [(20.0 * i, 0.0, 20.0 * i + 10, 30.0, 0.4 + 0.05 * i) for i in range(7)]

    with PersonDetector(_Counting(candidates(*rows)), max_people=3) as detector:
        [found] = detector([scene((150, 150))])

    np.testing.assert_allclose(found.scores, [0.7, 0.65, 0.6], atol=1e-6)


@pytest.mark.parametrize(("side", "seen"), [(0, (96, 160)), (320, (192, 320)), (64, (64, 64))])
def test_the_longest_side_is_for_the_user_to_choose(side: int, seen: tuple[int, int]) -> None:
    engine = _Counting(candidates((0, 0, 10, 30, 0.9)))

    with PersonDetector(engine, side=side) as detector:
        detector([scene((640, 360))])

    assert engine.shapes == [(1, 3, *seen)]


@pytest.mark.parametrize(
    ("card", "side", "complaint"),
    [
        (CARD, 100, "a multiple of 32"),
        (CARD, -32, "a multiple of 32"),
        (CARD, 4128, "up to 4096, got 4128"),
        (replace(CARD, any_size=False), 320, "only; leave the size"),
        (replace(CARD, built_for={"gpu": "x"}), 320, r"up to 160, asked for 320.*--side 320"),
    ],
)
def test_a_side_that_the_network_does_not_take_is_refused(
    card: ModelCard, side: int, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        PersonDetector(_Counting(Boxes.empty(), card), side=side)


def test_boxes_end_at_the_frame() -> None:
    with PersonDetector(_Counting(candidates((-9, -9, 300, 300, 0.9)))) as detector:
        [found] = detector([scene((150, 100))])

    np.testing.assert_allclose(found.xyxy, [[0, 0, 150, 100]])


def test_a_part_goes_only_if_a_better_box_holds_it() -> None:
    part, whole = (5, 0, 38, 45), (0, 0, 40, 100)
    part_first = candidates((*part, 0.9), (*whole, 0.4))
    whole_first = candidates((*whole, 0.9), (*part, 0.4))

    assert whole_people(Boxes.empty()).shape == (0,)
    assert whole_people(part_first).tolist() == [True, True]
    assert whole_people(whole_first).tolist() == [True, False]


@pytest.mark.parametrize(
    "card",
    [
        ModelCard("a", "pose", "none", (160, 160), "centre"),
        ModelCard("a", "person", "none", (160, 160), "heatmap_dark"),
    ],
)
def test_a_network_for_something_else_is_refused(card: ModelCard) -> None:
    with pytest.raises(ModelFileError, match="expected a person detector"):
        PersonDetector(_Counting(Boxes.empty(), card))


class _Teacher:
    """A teacher's file, which carries no card, as an engine."""

    def __init__(self, path: Path, card: ModelCard) -> None:
        self.card, self.max_batch = card, 1
        self._session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        names = [output.name for output in self._session.get_outputs()]
        answers: Sequence[FloatArray] = self._session.run(
            None, {self._session.get_inputs()[0].name: batch}
        )
        return dict(zip(names, answers, strict=True))


def _photograph(shared: Path) -> ByteArray:
    image = cv2.imread(str(shared / "data" / "people" / "ccp" / "0001.webp"))
    assert image is not None
    return np.asarray(image, np.uint8)


def test_rtmdets_answer_is_read_as_its_teacher_reads_it(shared: Path) -> None:
    script = importlib.util.spec_from_file_location("teachers", shared / "tools" / "teachers.py")
    assert script is not None and script.loader is not None
    teachers = importlib.util.module_from_spec(script)
    script.loader.exec_module(teachers)
    image = _photograph(shared)
    card = ModelCard(
        name="rtmdet", task="person", architecture="rtmdet-nano", input_size_wh=(416, 416),
        decoder="rtmdet", channels="bgr", mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
    )  # fmt: skip
    wanted, scores = teachers.PersonTeacher(416, threads=1)(image, min_score=0.5)

    engine = _Teacher(shared / "data" / "teachers" / "rtmdet_nano_person.onnx", card)
    with PersonDetector(engine, min_score=0.5) as detector:
        [found] = detector([Frame(0, 0.0, image)])

    assert len(found) == len(wanted) > 0
    assert boxes.iou(found.xyxy, wanted).max(axis=1).min() > 0.95
    np.testing.assert_allclose(found.scores, scores, atol=0.05)


def test_yolox_finds_the_person_whom_a_mask_outlines(shared: Path) -> None:
    image = _photograph(shared)
    card = ModelCard(
        name="yolox", task="person", architecture="yolox-nano", input_size_wh=(416, 416),
        decoder="yolox", channels="bgr", mean=(0, 0, 0), std=(1, 1, 1),
    )  # fmt: skip

    engine = _Teacher(shared / "data" / "teachers" / "yolox_nano.onnx", card)
    with PersonDetector(engine, min_score=0.5) as detector:
        [found] = detector([Frame(0, 0.0, image)])

    mask = cv2.imread(str(shared / "data" / "people" / "masks" / "ccp" / "0001.png"))
    assert mask is not None
    rows, columns = np.nonzero(mask.max(axis=2))
    x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    outline = np.array([[x1, y1, x2, y2]], np.float32)
    assert boxes.iou(found.xyxy[:1], outline)[0, 0] > 0.8
