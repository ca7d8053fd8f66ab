"""What a drawing shows, measured in its pixels."""

from __future__ import annotations

import time
from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.steps.draw import DrawStyle, draw, line_width, style_of
from app.steps.palette import PALETTE, RIM, Colour, id_colour, shades
from pose.errors import UsageError
from pose.skeleton import COCO_17, SKELETONS, Skeleton
from pose.types import Boxes, ByteArray, FloatArray, Frame, Poses, Tracks

BARE = DrawStyle(show_ids=False)

# A standing person in a box of 1 x 1: COCO's 17 keypoints.
STANDING = np.array(
    [
        (0.50, 0.08), (0.54, 0.06), (0.46, 0.06), (0.58, 0.08), (0.42, 0.08),
        (0.68, 0.20), (0.32, 0.20), (0.78, 0.36), (0.22, 0.36), (0.84, 0.50), (0.16, 0.50),
        (0.60, 0.52), (0.40, 0.52), (0.62, 0.75), (0.38, 0.75), (0.64, 0.96), (0.36, 0.96),
    ],
    np.float32,
)  # fmt: skip


def grey(size_wh: tuple[int, int] = (320, 240), level: int = 128) -> Frame:
    return Frame(0, 0.0, np.full((size_wh[1], size_wh[0], 3), level, np.uint8))


def standing(*xyxy: tuple[float, float, float, float], score: float = 0.9) -> Tracks:
    """People who stand in these boxes, with ids from 1."""
    boxes = np.array(xyxy, np.float32).reshape(-1, 4)
    points = boxes[:, None, :2] + STANDING * (boxes[:, None, 2:] - boxes[:, None, :2])
    scores = np.full(points.shape[:2], score, np.float32)
    poses = Poses(points, scores, Boxes(boxes, np.ones(len(boxes), np.float32)))
    return Tracks(np.arange(1, len(boxes) + 1, dtype=np.int64), poses)


def changed(frame: Frame, drawing: ByteArray) -> ByteArray:
    """How much each pixel was changed, 0 to 255."""
    difference: ByteArray = cv2.absdiff(frame.image, drawing).max(axis=2)
    return difference


def test_nobody_gives_an_equal_copy() -> None:
    frame = grey()

    drawing = draw(frame, Tracks.empty(17), COCO_17)

    np.testing.assert_array_equal(drawing, frame.image)
    assert not np.shares_memory(drawing, frame.image)


def test_the_frame_is_not_altered() -> None:
    frame = grey()

    drawing = draw(frame, standing((100, 40, 180, 200), score=0.4), COCO_17)

    assert (frame.image == 128).all()
    assert changed(frame, drawing).any()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_is_drawn_where_its_keypoints_are(skeleton: Skeleton) -> None:
    frame = grey()
    points = np.random.default_rng(3).uniform(40, 200, (1, len(skeleton), 2)).astype(np.float32)
    boxes = Boxes(np.array([[30, 30, 210, 210]], np.float32), np.ones(1, np.float32))
    poses = Poses(points, np.ones((1, len(skeleton)), np.float32), boxes)

    difference = changed(frame, draw(frame, Tracks(np.array([1]), poses), skeleton, BARE))

    for x, y in np.rint(points[0]).astype(int):
        assert difference[y, x] > 20


def test_weak_and_missing_keypoints_are_left_out() -> None:
    frame, people = grey(), standing((100, 40, 180, 200))
    weak = Tracks(
        people.ids, Poses(people.poses.keypoints, people.poses.scores * 0.2, people.poses.boxes)
    )
    missing_points = np.full_like(people.poses.keypoints, np.nan)
    missing = Tracks(people.ids, Poses(missing_points, people.poses.scores * 0, people.poses.boxes))

    for nothing in (weak, missing):
        np.testing.assert_array_equal(draw(frame, nothing, COCO_17, BARE), frame.image)
    zero = DrawStyle(show_ids=False, keypoint_score=0)
    np.testing.assert_array_equal(draw(frame, missing, COCO_17, zero), frame.image)
    assert changed(frame, draw(frame, weak, COCO_17, zero)).any()


def test_one_missing_keypoint_takes_its_limbs_with_it() -> None:
    frame, whole = grey(), standing((100, 20, 220, 220))
    points, scores = whole.poses.keypoints.copy(), whole.poses.scores.copy()
    points[0, 13], scores[0, 13] = np.nan, 0  # left knee
    legless = Tracks(whole.ids, Poses(points, scores, whole.poses.boxes))
    hip, knee = whole.poses.keypoints[0, 11], whole.poses.keypoints[0, 13]
    x, y = np.rint((hip + knee) / 2).astype(int)

    assert changed(frame, draw(frame, whole, COCO_17, BARE))[y, x] > 0
    assert changed(frame, draw(frame, legless, COCO_17, BARE))[y, x] == 0


def test_left_limbs_are_lighter_than_right_ones_of_the_same_colour() -> None:
    people = standing((60, 10, 260, 230))
    drawing = draw(grey(), people, COCO_17, BARE)
    middle, left, right = shades(id_colour(1))
    points = people.poses.keypoints[0]

    for a, b, shade in ((13, 15, left), (14, 16, right), (5, 6, middle)):
        x, y = np.rint((points[a] + points[b]) / 2).astype(int)
        assert drawing[y, x].tolist() == list(shade)
    assert sum(left) > sum(middle) + 60
    assert sum(right) < sum(middle) - 60


def test_a_guess_is_fainter_than_a_sure_keypoint() -> None:
    frame = grey()
    shown = [
        changed(frame, draw(frame, standing((60, 10, 260, 230), score=score), COCO_17, BARE))
        for score in (0.1, 0.25, 0.4, 0.6, 1.0)
    ]

    strength = [float(difference.mean()) for difference in shown]

    assert strength[0] == 0
    assert 0 < strength[1] < strength[2] < strength[3]
    assert strength[3] == pytest.approx(strength[4], rel=0.02)


def test_lines_grow_with_the_person_and_with_the_frame() -> None:
    sizes = [0.0, 50.0, 300.0, 500.0, 5000.0]
    small, large = ([line_width(size, wh) for size in sizes] for wh in ((320, 240), (1920, 1080)))

    for widths in (small, large):
        assert widths == sorted(widths)
        assert widths[0] >= 1
    assert small[-1] < 4
    assert large[-1] > 3 * small[-1]
    assert large[1] < large[3]


def test_the_larger_person_lies_on_top() -> None:
    """Both orders of the same two people look the same, but for their ids."""
    far, near = (120.0, 60.0, 180.0, 200.0), (90.0, 10.0, 210.0, 235.0)
    frame = grey()
    one, other = standing(far, near), standing(near, far)
    swapped = Tracks(np.array([2, 1]), other.poses)

    np.testing.assert_array_equal(
        draw(frame, one, COCO_17, BARE), draw(frame, swapped, COCO_17, BARE)
    )


@pytest.mark.parametrize("level", [0, 90, 128, 255])
def test_the_skeleton_and_the_label_show_on_any_background(level: int) -> None:
    frame = grey((640, 480), level)
    people = standing((200, 100, 320, 440))

    difference = changed(frame, draw(frame, people, COCO_17))

    x, y = np.rint(people.poses.keypoints[0, 13]).astype(int)
    assert difference[y - 6 : y + 7, x - 6 : x + 7].max() > 90
    assert difference[85:100, 250:270].max() > 90


@pytest.mark.parametrize("colour", PALETTE)
def test_an_id_can_be_read_on_its_label(colour: Colour) -> None:
    """WCAG 2.1, 1.4.3: a contrast of at least 4.5 between letters and ground."""
    light, dark = luminance(shades(colour)[1]), luminance(RIM)

    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: Colour) -> float:
    linear = linear_rgb(colour)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def linear_rgb(colour: Colour) -> FloatArray:
    """(3,) linear light of a BGR colour, as sRGB defines it."""
    rgb = np.array(colour[::-1], np.float32) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


# Machado, Oliveira & Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (TVCG 2009), severity 1, on linear RGB.
EYES = {
    "common": np.eye(3, dtype=np.float32),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        np.float32,
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        np.float32,
    ),
}


@pytest.mark.parametrize("eyes", EYES)
def test_the_colours_of_two_ids_are_well_apart_for_most_eyes(eyes: str) -> None:
    """CIE 1976 difference; about 2 is the least that anyone sees."""
    labs = []
    for colour in PALETTE:
        seen = np.clip(EYES[eyes] @ linear_rgb(colour), 0, 1)
        encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
        labs.append(cv2.cvtColor(encoded.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0])

    apart = {(a, b): float(np.linalg.norm(labs[a] - labs[b])) for a, b in combinations(range(6), 2)}

    assert min(apart.values()) > 15
    assert min(apart[a, a + 1] for a in range(5)) > 30
    assert apart[0, 5] > 30


def test_an_id_keeps_its_colour() -> None:
    assert [id_colour(identity) for identity in (1, 2, 3, 1, 7)] == [
        PALETTE[0],
        PALETTE[1],
        PALETTE[2],
        PALETTE[0],
        PALETTE[0],
    ]


@pytest.mark.parametrize("xyxy", [(-50, -80, 40, 60), (300, 200, 400, 300), (0, 0, 320, 240)])
def test_labels_stay_within_the_frame(xyxy: tuple[int, int, int, int]) -> None:
    frame, people = grey(), standing(xyxy)

    bare, labelled = (
        draw(frame, people, COCO_17, DrawStyle(show_ids=ids)) for ids in (False, True)
    )

    assert (bare != labelled).any(axis=2).sum() > 80


def test_boxes_are_drawn_where_asked() -> None:
    frame, people = grey(), standing((100, 40, 180, 200))

    without, boxed = (
        draw(frame, people, COCO_17, DrawStyle(show_ids=False, show_boxes=boxes))
        for boxes in (False, True)
    )

    assert changed(frame, without)[190, 100] == 0
    np.testing.assert_allclose(boxed[190, 100], id_colour(1), atol=30)  # anti-aliased


wild = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=60)
@given(
    points=hnp.arrays(np.float32, (2, 17, 2), elements=wild | st.floats(-20, 80, width=32)),
    scores=hnp.arrays(np.float32, (2, 17), elements=st.floats(0, 1, width=32)),
    xyxy=hnp.arrays(np.float32, (2, 4), elements=wild | st.floats(-20, 80, width=32)),
    size_wh=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    boxes=st.booleans(),
)
def test_no_numbers_upset_it(
    points: FloatArray,
    scores: FloatArray,
    xyxy: FloatArray,
    size_wh: tuple[int, int],
    boxes: bool,
) -> None:
    frame = grey(size_wh)
    poses = Poses(points, scores, Boxes(xyxy, np.ones(2, np.float32)))

    drawing = draw(frame, Tracks(np.arange(1, 3), poses), COCO_17, DrawStyle(show_boxes=boxes))

    assert drawing.shape == frame.image.shape
    assert (frame.image == 128).all()


def test_two_people_at_720p_are_drawn_in_a_few_milliseconds() -> None:
    """1.4 ms of processor time on the machine it was written on; 3 ms is what the design allows."""
    frame = grey((1280, 720))
    people = standing((200, 40, 480, 700), (700, 60, 1000, 700), score=0.55)
    spent_s = []
    for _ in range(30):
        start = time.process_time()
        draw(frame, people, COCO_17)
        spent_s.append(time.process_time() - start)

    assert min(spent_s) < 0.006


@pytest.mark.parametrize(
    "changes", [{"trail_s": -1.0}, {"line_scale": float("nan")}, {"keypoint_score": float("inf")}]
)
def test_styles_that_cannot_be_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected --"):
        style_of(DrawStyle(**changes))  # type: ignore[arg-type]
