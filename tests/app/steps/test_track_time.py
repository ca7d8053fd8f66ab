"""The tracker between frames: cuts, clocks, silences, and boxes that are fed back."""

from __future__ import annotations

import numpy as np
import pytest

from pose.types import Poses
from tests.app.steps.figures import crowd, frame, person
from tests.app.steps.stories import ids, times, told, tracker

# ---- cuts, clocks, gaps ---------------------------------------------------------------------


def test_after_a_scene_cut_everybody_is_new_and_shown_at_once() -> None:
    ours = tracker()
    before = [ours(frame(i, i / 30, scene=1), person(100)) for i in range(10)]
    after = [ours(frame(i, i / 30, scene=2), person(100)) for i in range(10, 20)]

    assert ids(before) == {1}
    assert [tracks.ids.tolist() for tracks in after] == [[2]] * 10


def test_a_clock_that_jumps_back_does_not_cost_the_ids() -> None:
    clock = [*times(30, 2), *(t + 0.5 for t in times(30, 2))]
    ours = tracker()

    found = [ours(frame(i, t), person(100 + 3 * i)) for i, t in enumerate(clock)]

    assert all(tracks.ids.tolist() == [1] for tracks in found)


def test_one_frame_a_second_is_enough_for_people_who_stand() -> None:
    found = told(lambda t: [person(100), person(400)], times(1, 8))

    assert all(tracks.ids.tolist() == [1, 2] for tracks in found)


def test_after_a_long_silence_everybody_is_new_and_shown_at_once() -> None:
    found = told(lambda t: [person(100)], [0.0, 0.1, 60.0, 60.1])

    assert [tracks.ids.tolist() for tracks in found] == [[1], [1], [2], [2]]


# ---- boxes fed back -------------------------------------------------------------------------


def test_predicted_boxes_lie_where_walkers_will_be() -> None:
    ours = tracker()
    for i in range(15):
        ours(frame(i, i / 30), person(100 + 5 * i))

    boxes = ours.predicted(17 / 30)

    np.testing.assert_allclose(boxes.xyxy, person(100 + 5 * 17).boxes.xyxy, atol=4)
    np.testing.assert_allclose(boxes.scores, [0.9], atol=1e-6)


def test_who_is_missing_is_not_predicted() -> None:
    ours = tracker()
    ours(frame(0, 0.0), crowd([person(100), person(400)]))
    ours(frame(1, 0.03), person(100))

    assert len(ours.predicted(0.06)) == 1


@pytest.mark.parametrize("every", [2, 10])
@pytest.mark.parametrize("turns", [False, True])
def test_boxes_follow_the_keypoints_between_detections(every: int, turns: bool) -> None:
    """The estimator sees where people are; boxes that are fed back must go there too."""
    ours = tracker()
    off = []
    for i in range(60):
        t = i / 30
        x = 100 + 200 * (abs(1 - t) if turns else t)
        true = person(x, swing=float(np.sin(9 * t)))
        if i % every == 0:
            tracks = ours(frame(i, t), true)
        else:
            fed = ours.predicted(t)
            assert len(fed) == 1
            tracks = ours(frame(i, t), Poses(true.keypoints, true.scores, fed), detected=False)
        assert tracks.ids.tolist() == [1]
        off.append(np.abs(tracks.poses.boxes.xyxy - true.boxes.xyxy).max())

    assert max(off) < 12  # pixels, of a person 200 pixels tall


def test_boxes_that_are_fed_back_make_nobody_new() -> None:
    ours = tracker()
    ours(frame(0, 0.0), person(100))

    found = [
        ours(frame(i, i / 30), crowd([person(100), person(400)]), detected=False)
        for i in range(1, 5)
    ]

    assert ids(found) == {1}
