"""Ids that last: people who walk, cross, hide, leave and come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.steps.track import Tracker, TrackerConfig
from pose.skeleton import COCO_17, SKELETONS
from pose.types import Boxes, Poses, Tracks
from tests.app.steps.figures import crowd, frame, jittered, person

Story = Callable[[float], Sequence[Poses]]


def tracker(**config: float) -> Tracker:
    return Tracker(COCO_17, TrackerConfig(**config))  # type: ignore[arg-type]


def told(
    story: Story, times_s: Iterable[float], noise_px: float = 1.0, **config: float
) -> list[Tracks]:
    """What a tracker makes of a story: people as a function of time."""
    rng, ours = np.random.default_rng(7), tracker(**config)
    return [
        ours(frame(i, t), jittered(crowd(story(t)), rng, noise_px)) for i, t in enumerate(times_s)
    ]


def times(fps: float, seconds: float, dropped: float = 0) -> list[float]:
    """Times of frames, some of which were dropped at random (never the first)."""
    every = np.arange(round(fps * seconds)) / fps
    kept = np.random.default_rng(1).random(len(every)) >= dropped
    kept[:1] = True
    return [float(t) for t in every[kept]]


def ids(tracks: Iterable[Tracks]) -> set[int]:
    return {int(each) for one in tracks for each in one.ids}


def who_is_at(tracks: Tracks, x: float) -> int:
    """Id of the person whose box is centred nearest to a column."""
    centres = (tracks.poses.boxes.xyxy[:, 0] + tracks.poses.boxes.xyxy[:, 2]) / 2
    return int(tracks.ids[np.abs(centres - x).argmin()])


def walker(x0: float, speed: float, **looks: float) -> Story:
    """Walks at a speed in pixels per second; heights are 200 pixels."""
    return lambda t: [person(x0 + speed * t, swing=float(np.sin(9 * t)), **looks)]


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


# ---- laws -----------------------------------------------------------------------------------


@st.composite
def scenes(draw: st.DrawFn) -> list[Poses]:
    """Frames with people at random places and of random looks, doubles among them."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    frames = []
    for _ in range(draw(st.integers(2, 12))):
        people = [
            person(
                float(rng.choice([100, 130, 180, 400])) + rng.normal(0, 4),
                score=float(rng.uniform(0.2, 1)),
                box_score=float(rng.uniform(0.3, 1)),
                swing=float(rng.uniform(-1, 1)),
            )
            for _ in range(rng.integers(0, 5))
        ]
        frames.append(crowd(people))
    return frames


@settings(max_examples=25)
@given(frames=scenes(), seed=st.integers(0, 1000))
def test_the_order_of_detections_does_not_change_ids(frames: list[Poses], seed: int) -> None:
    rng = np.random.default_rng(seed)
    straight, shuffled = tracker(), tracker()

    for i, poses in enumerate(frames):
        one = straight(frame(i, i / 10), poses)
        other = shuffled(frame(i, i / 10), poses[rng.permutation(len(poses))])

        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.poses.keypoints, other.poses.keypoints)


@settings(max_examples=25)
@given(frames=scenes(), gaps=st.lists(st.floats(0, 2), min_size=12, max_size=12))
def test_ids_are_positive_and_never_used_for_another_person(
    frames: list[Poses], gaps: list[float]
) -> None:
    """New ids only ever grow, and an id that is gone for good does not come back."""
    ours, time_s = tracker(), 0.0
    last_seen: dict[int, float] = {}
    for i, poses in enumerate(frames):
        time_s += gaps[i]
        found = ours(frame(i, time_s), poses).ids.tolist()

        assert len(set(found)) == len(found) and found == sorted(found)
        for each in found:
            assert each > 0
            if each not in last_seen:
                assert each > max(last_seen, default=0)
            last_seen[each] = time_s


@settings(max_examples=25)
@given(frames=scenes())
def test_a_track_shows_only_poses_that_came_in(frames: list[Poses]) -> None:
    ours = tracker()
    for i, poses in enumerate(frames):
        tracks = ours(frame(i, i / 10), poses)

        came = {keypoints.tobytes() for keypoints in poses.keypoints}
        shown = [keypoints.tobytes() for keypoints in tracks.poses.keypoints]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= came


def test_lost_keypoints_and_empty_boxes_do_no_harm() -> None:
    ours = tracker()
    odd = person(100)
    keypoints, scores = odd.keypoints.copy(), odd.scores.copy()
    keypoints[0, 8:], scores[0, 8:] = np.nan, 0
    odd = Poses(keypoints, scores, Boxes(np.zeros((1, 4), np.float32), odd.boxes.scores))

    for i in range(5):
        tracks = ours(frame(i, i / 30), odd)

    assert tracks.ids.tolist() == [1]
    assert np.isfinite(ours.predicted(1.0).xyxy).all()
