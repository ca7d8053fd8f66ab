"""Ids that last: people who walk, cross, hide, leave and come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.steps.doubtful import Doubtful
from app.steps.track import Tracker
from pose.skeleton import COCO_17, SKELETONS
from pose.types import IntArray, Poses
from tests.app.steps.figures import crowd, frame, person
from tests.app.steps.stories import ids, times, told, tracker, walker, who_is_at

# ---- nobody, somebody -----------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_an_empty_scene_has_no_tracks(skeleton: object) -> None:
    assert isinstance(skeleton, type(COCO_17))
    ours = Tracker(skeleton)

    found = [ours(frame(i, i / 30), Poses.empty(len(skeleton))) for i in range(3)]

    assert all(len(tracks) == 0 for tracks in found)
    assert found[0].poses.keypoints.shape == (0, len(skeleton), 2)
    assert len(ours.predicted(1.0)) == 0


def test_people_of_the_first_frame_are_shown_at_once_with_what_was_found() -> None:
    poses = crowd([person(100, box_score=0.8), person(300)])

    tracks = tracker()(frame(0, 0.0), poses)

    assert sorted(tracks.ids.tolist()) == [1, 2]
    order = tracks.poses.boxes.xyxy[:, 0].argsort()
    np.testing.assert_array_equal(tracks.poses.keypoints[order], poses.keypoints)
    np.testing.assert_array_equal(tracks.poses.scores[order], poses.scores)


def test_who_comes_later_is_shown_when_seen_twice() -> None:
    found = told(lambda t: [person(100)] if t > 0.05 else [], times(30, 0.3))

    assert [len(tracks) for tracks in found] == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_a_ghost_of_one_frame_is_never_shown() -> None:
    found = told(lambda t: [person(100)] if 0.3 < t < 0.34 else [person(400)], times(30, 1))

    assert ids(found) == {1}


@pytest.mark.parametrize(
    ("looks", "shown"),
    [
        ({"score": 0.9, "box_score": 0.9}, True),
        ({"score": 0.9, "box_score": 0.4}, True),
        ({"score": 0.5, "box_score": 0.4}, False),
        ({"score": 0.2, "box_score": 0.95}, False),
    ],
)
def test_only_sure_poses_start_a_track(looks: dict[str, float], shown: bool) -> None:
    found = told(walker(100, 0, **looks), times(30, 0.5))

    assert (len(ids(found)) > 0) is shown


def test_unsure_poses_keep_a_track_alive() -> None:
    """The second round of ByteTrack."""
    found = told(
        lambda t: [person(100, box_score=0.9 if t < 0.5 else 0.35, score=0.6)], times(30, 4)
    )

    assert all(tracks.ids.tolist() == [1] for tracks in found)


def test_one_person_in_two_boxes_is_one_track() -> None:
    found = told(lambda t: [person(100), person(103, box_score=0.6)], times(30, 1))

    assert all(tracks.ids.tolist() == [1] for tracks in found)


# ---- walking --------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [5, 30])
@pytest.mark.parametrize("speed", [0, 150, 300])
@pytest.mark.parametrize("dropped", [0, 0.4])
def test_a_walker_keeps_one_id_at_any_frame_rate(fps: float, speed: float, dropped: float) -> None:
    """Up to one and a half body heights a second: a fast run."""
    found = told(walker(0, speed), times(fps, 2, dropped), noise_px=2)

    assert all(tracks.ids.tolist() == [1] for tracks in found)


@pytest.mark.parametrize("height", [40, 200, 1500])
def test_people_of_all_sizes_are_followed_alike(height: float) -> None:
    def story(t: float) -> list[Poses]:
        return [person(height * (1.2 * t + far), 400, height) for far in (0, 0.6, 4)]

    found = told(story, times(15, 3), noise_px=height / 100)

    assert all(sorted(tracks.ids.tolist()) == [1, 2, 3] for tracks in found)


def test_a_jump_across_the_picture_is_somebody_else() -> None:
    found = told(lambda t: [person(100 if t < 0.5 else 900)], times(30, 1))

    assert ids(found) == {1, 2}
    assert who_is_at(found[-1], 900) == 2


# ---- two people -----------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [10, 30])
@pytest.mark.parametrize("speed", [100, 250])
@pytest.mark.parametrize("hidden_px", [0, 30, 60])
def test_people_who_cross_keep_their_ids(fps: float, speed: float, hidden_px: float) -> None:
    """They meet at x = 300; the one behind is not found while closer than `hidden_px`."""
    meet_s = 200 / speed

    def story(t: float) -> list[Poses]:
        left, right = 100 + speed * t, 500 - speed * t
        people = [person(left, swing=float(np.sin(9 * t)))]
        if abs(left - right) >= hidden_px:
            people.append(person(right, 390, 190, swing=float(np.cos(8 * t))))
        return people

    found = told(story, times(fps, 2 * meet_s), noise_px=1.5)

    assert who_is_at(found[-1], 500) == who_is_at(found[0], 100)
    assert who_is_at(found[-1], 100) == who_is_at(found[0], 500)
    assert ids(found) == {1, 2}


def test_people_who_meet_and_turn_back_keep_their_ids() -> None:
    def story(t: float) -> list[Poses]:
        apart = abs(1.5 - t) * 100 + 22
        return [person(300 - apart), person(300 + apart, swing=0.5)]

    found = told(story, times(30, 3))

    assert ids(found) == {1, 2}
    assert who_is_at(found[-1], 128) == who_is_at(found[0], 128)


def test_a_row_of_people_keeps_its_order_while_walking() -> None:
    def story(t: float) -> list[Poses]:
        return [person(60 * i + 150 * t, swing=float(np.sin(9 * t + i))) for i in range(8)]

    found = told(story, times(12, 3))

    first = [who_is_at(found[0], 60 * i) for i in range(8)]
    last = [who_is_at(found[-1], 60 * i + 150 * times(12, 3)[-1]) for i in range(8)]
    assert first == last
    assert ids(found) == set(range(1, 9))


# ---- hiding, leaving, coming back -----------------------------------------------------------


@pytest.mark.parametrize("fps", [5, 30])
@pytest.mark.parametrize("speed", [0, 120])
@pytest.mark.parametrize("hidden_s", [0.1, 0.5, 0.9])
def test_somebody_who_was_hidden_is_found_again(fps: float, speed: float, hidden_s: float) -> None:
    walk = walker(100, speed)
    found = told(lambda t: [] if 1 <= t < 1 + hidden_s else walk(t), times(fps, 2.2))

    assert ids(found) == {1}
    assert len(found[-1]) == 1


@pytest.mark.parametrize("fps", [5, 30])
def test_who_was_away_for_long_is_somebody_new(fps: float) -> None:
    found = told(lambda t: [] if 1 <= t < 3 else [person(100)], times(fps, 5))

    assert ids(found) == {1, 2}
    assert found[-1].ids.tolist() == [2]


def test_a_missing_person_is_not_shown() -> None:
    found = told(lambda t: [] if 0.5 <= t < 0.8 else [person(100)], times(30, 1))

    assert [len(tracks) for tracks in found] == [1] * 15 + [0] * 9 + [1] * 6


def test_a_stranger_elsewhere_does_not_inherit_the_id_of_who_left() -> None:
    found = told(lambda t: [person(100)] if t < 1 else [person(700)], times(30, 2))

    assert ids(found) == {1, 2}


def test_somebody_in_sight_does_not_lose_the_id_to_somebody_hidden() -> None:
    """Hidden people are expected vaguely, so they fit everybody; that must not count.

    One stands at 200 and is not found any more while the other walks past.
    """

    def story(t: float) -> list[Poses]:
        walking = person(100 + 100 * t, swing=float(np.sin(9 * t)))
        return [walking, person(200)] if t < 0.25 else [walking]

    found = told(story, times(10, 2), noise_px=6)

    walker_ids = [who_is_at(one, 100 + 100 * t) for one, t in zip(found, times(10, 2), strict=True)]
    assert len(set(walker_ids)) == 1


def test_nobody_on_a_photograph_is_known_from_the_one_before() -> None:
    poses, ours = crowd([person(100)]), tracker()
    frames = [replace(frame(i, i / 25), alone=True) for i in range(3)]

    assert [ours(each, poses).ids.tolist() for each in frames] == [[1], [2], [3]]


# ---- boxes that do not count ------------------------------------------------------------------


def _looked_at(poses: Poses) -> Doubtful:
    """Boxes in which these poses are found."""
    return Doubtful(poses.boxes, lambda which: poses[which], room=20)


@pytest.mark.parametrize(
    ("elsewhere_px", "score", "stays"),
    [(0, 0.6, True), (5, 0.6, True), (150, 0.6, False), (0, 0.2, False)],
)
def test_who_is_missed_is_looked_for_in_doubtful_boxes(
    elsewhere_px: float, score: float, stays: bool
) -> None:
    """Near where they were, and only if somebody is in the box."""
    ours, there = tracker(), person(100)
    ours(frame(0, 0.0), there)
    unsure = person(100 + elsewhere_px, box_score=0.25, score=score)

    found = [
        ours(frame(i, i / 30), Poses.empty(17), doubtful=_looked_at(unsure)) for i in range(1, 4)
    ]

    assert [tracks.ids.tolist() for tracks in found] == [[1] if stays else []] * 3


def test_doubtful_boxes_let_nobody_in_and_bring_nobody_back() -> None:
    ours = tracker()
    unsure = _looked_at(person(100, box_score=0.3))
    nobody = Poses.empty(17)

    told = [ours(frame(0, 0.0), nobody, doubtful=unsure), ours(frame(1, 0.03), person(100))]
    told += [ours(frame(2, 0.06), person(100)), ours(frame(3, 0.1), nobody)]
    told += [ours(frame(4, 0.13), nobody, doubtful=unsure)]

    assert [tracks.ids.tolist() for tracks in told] == [[], [], [1], [], []]


def test_a_doubtful_box_around_somebody_who_was_seen_is_nobody_else() -> None:
    """Of two who stood close one is gone; the other's second box must not keep both."""
    ours, left, right = tracker(), person(100), person(130)
    ours(frame(0, 0.0), crowd([left, right]))
    double = person(102, box_score=0.25)

    tracks = ours(frame(1, 0.03), left, doubtful=_looked_at(double))

    assert tracks.ids.tolist() == [1]


def test_nobody_is_looked_for_where_nobody_is_missed() -> None:
    ours = tracker()
    asked: list[int] = []

    def poses(which: IntArray) -> Poses:
        asked.append(len(which))
        return Poses.empty(17)

    for i in range(3):
        ours(frame(i, i / 30), person(100), doubtful=Doubtful(person(300).boxes, poses, 20))

    assert asked == []


def test_people_side_by_side_whose_boxes_turn_unsure_both_stay_who_they_are() -> None:
    """The camera jerks: each one's best box is the neighbour's."""
    ours = tracker()
    for i in range(5):
        ours(frame(i, i / 30), crowd([person(100), person(130)]))
    moved = crowd([person(120, box_score=0.25), person(150, box_score=0.25)])

    tracks = ours(frame(5, 5 / 30), Poses.empty(17), doubtful=_looked_at(moved))

    assert (who_is_at(tracks, 120), who_is_at(tracks, 150)) == (1, 2)


def test_there_are_never_more_people_than_room_and_the_best_fit_stays() -> None:
    ours = tracker()
    ours(frame(0, 0.0), crowd([person(100), person(400)]))
    unsure = crowd([person(120, box_score=0.3), person(400, box_score=0.25)])
    few = replace(_looked_at(unsure), room=1)

    tracks = ours(frame(1, 0.03), Poses.empty(17), doubtful=few)

    assert tracks.ids.tolist() == [2]


def test_what_hangs_behind_somebody_who_left_is_not_them_for_ever() -> None:
    ours, poster = tracker(), _looked_at(person(100, box_score=0.21, score=0.5))
    ours(frame(0, 0.0), person(100))

    shown = [len(ours(frame(i, i / 30), Poses.empty(17), doubtful=poster)) for i in range(1, 200)]

    assert sum(shown) == pytest.approx(90, abs=2)  # three seconds
    assert not any(shown[100:])
