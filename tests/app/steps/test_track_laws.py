"""What holds for every scene: order does not matter, ids are never used twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pose.types import Boxes, Poses
from tests.app.steps.figures import crowd, frame, person
from tests.app.steps.stories import tracker


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
