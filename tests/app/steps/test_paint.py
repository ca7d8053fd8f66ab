"""Painting frame after frame: trails, mirrors, colours and words."""

from __future__ import annotations

import numpy as np
import pytest

from app.steps.draw import DrawStyle, draw
from app.steps.paint import Painter, Trails
from app.steps.palette import confidence_colour
from pose.skeleton import COCO_17, SKELETONS
from pose.types import Boxes, ByteArray, Frame, Poses, Tracks
from tests.app.steps.test_draw import grey, standing

TRAIL = DrawStyle(trail_s=1.0, show_skeletons=False, show_ids=False)


def at(time_s: float) -> Frame:
    return Frame(round(30 * time_s), time_s, grey().image)


def walking(step: int) -> Tracks:
    return standing((20.0 + 10 * step, 40, 80.0 + 10 * step, 200))


def test_a_trail_is_where_the_feet_were() -> None:
    trails = Trails(COCO_17)
    assert trails() == {}
    for step in range(5):
        trails.add(at(step / 10), walking(step), seconds=9, min_score=0.2)

    (way,) = trails().values()

    ankles = [walking(step).poses.keypoints[0, 15:].mean(axis=0) for step in range(5)]
    np.testing.assert_allclose(way, ankles, atol=1e-4)


def test_a_trail_ends_after_its_time_and_at_a_new_scene() -> None:
    trails = Trails(COCO_17)
    for step in range(30):
        trails.add(at(step / 10), walking(step % 10), seconds=1.0, min_score=0.2)
    assert len(trails()[1]) == 11

    trails.add(at(60.0), walking(0), seconds=1.0, min_score=0.2)
    assert trails() == {}
    trails.add(at(0.0), walking(0), seconds=1.0, min_score=0.2)
    assert trails() == {}


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_nobody_leaves_no_trail(skeleton: object) -> None:
    paint = Painter(COCO_17)

    for step in range(3):
        drawing = paint(at(step / 10), Tracks.empty(17), TRAIL)
        np.testing.assert_array_equal(drawing, grey().image)


def test_trails_grow_on_the_picture_and_may_be_turned_on_late() -> None:
    paint, changed = Painter(COCO_17), []
    for step in range(6):
        style = TRAIL if step > 2 else DrawStyle(show_skeletons=False, show_ids=False)
        drawing = paint(at(step / 10), walking(step), style)
        changed.append(int((drawing != grey().image).any(axis=2).sum()))

    assert changed[:3] == [0, 0, 0]
    assert 0 < changed[3] < changed[4] < changed[5]


def test_a_mirror_turns_the_picture_and_keeps_the_words_readable() -> None:
    frame = Frame(0, 0.0, np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8))
    people = standing((40, 40, 110, 200))
    bare = DrawStyle(show_ids=False)

    plain = draw(frame, people, COCO_17, bare)
    mirrored = draw(frame, people, COCO_17, DrawStyle(show_ids=False, mirror=True))

    # a left limb stays the lighter one: the same picture, but for a pixel's rounding
    difference = np.abs(plain[:, ::-1].astype(int) - mirrored).max(axis=2)
    assert (difference > 60).mean() < 0.01
    label = draw(frame, people, COCO_17, DrawStyle(show_skeletons=False, mirror=True))
    assert (label[:, ::-1] != draw(frame, people, COCO_17, DrawStyle(show_skeletons=False))).any()


def test_confidence_has_a_colour_of_its_own() -> None:
    colours = [confidence_colour(score) for score in (0.0, 0.5, 1.0)]
    assert len(set(colours)) == 3
    assert confidence_colour(-1) == colours[0] and confidence_colour(7) == colours[2]

    style = DrawStyle(colours="confidence", show_ids=False)
    sure, unsure = (
        draw(grey(), standing((100, 40, 180, 200), score=score), COCO_17, style)
        for score in (0.95, 0.3)
    )
    assert has_colour(sure, confidence_colour(0.95)) and not has_colour(sure, colours[0])
    assert has_colour(unsure, confidence_colour(0.3))


@pytest.mark.parametrize("name", ["show_names", "show_scores", "show_boxes"])
def test_words_and_boxes_come_on_demand(name: str) -> None:
    frame, people = grey((640, 480)), standing((200, 60, 420, 460))
    plain = draw(frame, people, COCO_17, DrawStyle())

    more = draw(frame, people, COCO_17, DrawStyle(**{name: True}))  # type: ignore[arg-type]

    assert (plain != more).any()


def test_a_score_beside_an_id_is_the_detectors() -> None:
    people = standing((100, 60, 180, 220))
    poses = people.poses
    unsure = Poses(
        poses.keypoints, poses.scores, Boxes(poses.boxes.xyxy, np.array([0.4], np.float32))
    )
    style = DrawStyle(show_scores=True)

    one, other = (
        draw(grey(), Tracks(people.ids, each), COCO_17, style) for each in (poses, unsure)
    )

    assert (one != other).any()


def has_colour(image: ByteArray, bgr: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - bgr).max(axis=2) < 4).any())
