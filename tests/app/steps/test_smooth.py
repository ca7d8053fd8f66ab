"""Smoothing of tracks: how much jitter goes, how little it lags, and where it starts anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from app.steps.smooth import SmoothingConfig, TrackSmoother
from pose.types import Boxes, FloatArray, Poses, Tracks
from tests.app.steps.figures import crowd, frame, jittered, person


def tracks(poses: Poses, *ids: int) -> Tracks:
    return Tracks(np.array(ids or range(1, len(poses) + 1), np.int64), poses)


def smoothed(
    story: Iterable[tuple[float, Tracks]], config: SmoothingConfig | None = None
) -> list[FloatArray]:
    """(N, K, 2) per frame."""
    smoother = TrackSmoother(config)
    return [smoother(frame(i, t), people).poses.keypoints for i, (t, people) in enumerate(story)]


def jitter(keypoints: list[FloatArray]) -> float:
    """Mean second difference in pixels: 0 for whatever moves evenly."""
    return float(np.abs(np.diff(np.stack(keypoints), n=2, axis=0)).mean())


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_somebody_at_rest_trembles_much_less(fps: float, rng: np.random.Generator) -> None:
    raw = [tracks(jittered(person(100), rng, 1.0)) for _ in range(round(3 * fps))]

    steady = smoothed((i / fps, people) for i, people in enumerate(raw))

    assert jitter(steady) < 0.4 * jitter([people.poses.keypoints for people in raw])


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_runner_is_hardly_behind(fps: float) -> None:
    """One and a half body heights a second; the lag is distance over speed."""
    speed = 300.0
    times = np.arange(round(2 * fps)) / fps
    steady = smoothed((float(t), tracks(person(speed * float(t)))) for t in times)

    behind = person(speed * float(times[-1])).keypoints - steady[-1]
    assert 0 <= behind[..., 0].max() / speed < 0.025  # seconds


@pytest.mark.parametrize("scale", [0.1, 5])
def test_near_and_far_people_are_smoothed_alike(scale: float, rng: np.random.Generator) -> None:
    walk = [jittered(person(20.0 * i, 0), rng, 2.0) for i in range(20)]

    def scaled(poses: Poses) -> Tracks:
        boxes = Boxes(poses.boxes.xyxy * np.float32(scale), poses.boxes.scores)
        return tracks(Poses(poses.keypoints * np.float32(scale), poses.scores, boxes))

    plain = smoothed((i / 30, tracks(poses)) for i, poses in enumerate(walk))
    other = smoothed((i / 30, scaled(poses)) for i, poses in enumerate(walk))

    np.testing.assert_allclose(np.stack(other), np.stack(plain) * scale, rtol=1e-3, atol=1e-2)


def test_everybody_has_a_filter_of_their_own(rng: np.random.Generator) -> None:
    both = [jittered(crowd([person(100), person(400)]), rng, 3.0) for _ in range(10)]

    together = smoothed((i / 30, tracks(poses, 4, 9)) for i, poses in enumerate(both))
    alone = smoothed((i / 30, tracks(poses[1:], 9)) for i, poses in enumerate(both))
    crossed = smoothed(
        (i / 30, tracks(poses[::-1], 9, 4) if i % 2 else tracks(poses, 4, 9))
        for i, poses in enumerate(both)
    )

    np.testing.assert_allclose([each[1] for each in together], [each[0] for each in alone])
    np.testing.assert_allclose([each[::-1] for each in crossed[1::2]], together[1::2])


def test_only_keypoints_change(rng: np.random.Generator) -> None:
    people = tracks(jittered(person(100), rng, 3.0), 7)
    smoother = TrackSmoother()
    smoother(frame(0, 0.0), tracks(person(100), 7))

    steady = smoother(frame(1, 0.03), people)

    assert steady.ids.tolist() == [7]
    assert steady.poses.boxes is people.poses.boxes
    np.testing.assert_array_equal(steady.poses.scores, people.poses.scores)
    assert not np.allclose(steady.poses.keypoints, people.poses.keypoints)


@pytest.mark.parametrize(
    ("gap_s", "starts_anew"), [(0.03, False), (0.4, False), (0.6, True), (100, True), (-5, True)]
)
def test_after_a_gap_somebody_starts_where_they_are(gap_s: float, starts_anew: bool) -> None:
    smoother = TrackSmoother()
    for i in range(5):
        smoother(frame(i, 10 + i / 30), tracks(person(100)))

    after = smoother(frame(5, 10 + 4 / 30 + gap_s), tracks(person(110)))

    assert np.array_equal(after.poses.keypoints, person(110).keypoints) is starts_anew


def test_who_comes_back_after_long_starts_anew_and_is_not_remembered() -> None:
    smoother = TrackSmoother()
    for i in range(60):
        smoother(frame(i, i / 30), tracks(person(400), 2))
        if i == 0:
            smoother(frame(i, 0.001), tracks(person(100), 1))

    back = smoother(frame(60, 2.0), tracks(person(120), 1))

    np.testing.assert_array_equal(back.poses.keypoints, person(120).keypoints)


def test_unseen_keypoints_pass_as_they_are_and_do_not_pull_later_ones() -> None:
    smoother = TrackSmoother()
    guess = person(100)
    keypoints, scores = guess.keypoints.copy(), guess.scores.copy()
    keypoints[0, 9], scores[0, 9] = (900, 900), 0.1
    keypoints[0, 10], scores[0, 10] = np.nan, 0
    guess = replace(guess, keypoints=keypoints, scores=scores)
    for i in range(5):
        shown = smoother(frame(i, i / 30), tracks(guess)).poses.keypoints
        np.testing.assert_array_equal(shown[0, 9:11], keypoints[0, 9:11])

    seen = smoother(frame(5, 5 / 30), tracks(person(100))).poses.keypoints

    np.testing.assert_array_equal(seen[0, 9:11], person(100).keypoints[0, 9:11])


def test_nobody_is_nobody() -> None:
    empty = TrackSmoother()(frame(0, 0.0), Tracks.empty(17))

    assert empty.poses.keypoints.shape == (0, 17, 2)
