"""Angles, lean, speeds and body length against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.signal import savgol_filter

from app.review.measures import (
    JOINT_ANGLES,
    body_length,
    joint_angle,
    lean,
    measure,
    speed,
)
from app.review.tracked import DoubleArray, Track, Tracked
from pose.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from pose.types import FloatArray

# A standing figure, by hand: shoulders at y 100, hips 200, knees 300, ankles 400.
STANDING = {
    "left_shoulder": (60, 100), "right_shoulder": (40, 100),
    "left_elbow": (60, 150), "right_elbow": (10, 100),
    "left_wrist": (60, 200), "right_wrist": (10, 50),
    "left_hip": (60, 200), "right_hip": (40, 200),
    "left_knee": (60, 300), "right_knee": (140, 200),
    "left_ankle": (60, 400), "right_ankle": (140, 300),
}  # fmt: skip
BY_HAND = {
    "left_elbow": 180, "right_elbow": 90,  # hanging down; the forearm up
    "left_shoulder": 0, "right_shoulder": 90,  # the arm along the trunk; out to the side
    "left_hip": 180, "right_hip": 90,  # standing; the thigh level
    "left_knee": 180, "right_knee": 90,
    "trunk_lean": 0,
}  # fmt: skip


def points_of(figure: Mapping[str, tuple[float, float]], skeleton: Skeleton) -> FloatArray:
    """(1, K, 2), NaN for what the figure does not name."""
    points = np.full((1, len(skeleton), 2), np.nan, np.float32)
    for name, at in figure.items():
        points[0, skeleton.keypoints.index(name)] = at
    return points


def tracked_from(points: FloatArray, times_s: DoubleArray, skeleton: Skeleton = COCO_17) -> Tracked:
    """One person in every frame."""
    count = len(points)
    found = np.all(np.isfinite(points), axis=2)
    track = Track(
        7,
        np.arange(count),
        points,
        found.astype(np.float32),
        np.zeros((count, 4), np.float32),
        np.ones(count, np.float32),
    )
    return Tracked(skeleton, np.arange(count), times_s, (640, 480), (track,))


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16, LSP_14])
def test_angles_of_a_standing_figure(skeleton: Skeleton) -> None:
    tracked = tracked_from(points_of(STANDING, skeleton), np.zeros(1), skeleton)

    angles = measure(tracked, tracked.tracks[0]).angles

    assert {name: round(float(values[0]), 4) for name, values in angles.items()} == BY_HAND


def test_every_angle_is_between_two_segments_of_one_side() -> None:
    for start, joint, end in JOINT_ANGLES.values():
        assert len({start, joint, end}) == 3
        assert len({name.partition("_")[0] for name in (start, joint, end)}) == 1


@pytest.mark.parametrize(
    ("start", "end", "degrees"),
    [
        ((1, 0), (1, 0), 0),
        ((1, 0), (1, 1), 45),
        ((1, 0), (1, -1), 45),
        ((1, 0), (0, 5), 90),
        ((1, 0), (-1, math.sqrt(3)), 120),
        ((1, 0), (-9, 0), 180),
        ((0, 0), (1, 0), math.nan),
        ((math.nan, 0), (1, 0), math.nan),
    ],
)
def test_the_angle_between_two_lines(
    start: tuple[float, float], end: tuple[float, float], degrees: float
) -> None:
    joint = np.array([[3.0, 4.0]])

    found = joint_angle(joint + start, joint, joint + end)

    np.testing.assert_allclose(found, [degrees], atol=1e-9)


@pytest.mark.parametrize(
    ("shoulders", "degrees"),
    [((0, -10), 0), ((10, 0), 90), ((-10, 0), -90), ((5, -5), 45), ((0, 0), math.nan)],
)
def test_lean_is_from_upright_and_positive_to_the_right(
    shoulders: tuple[float, float], degrees: float
) -> None:
    np.testing.assert_allclose(lean(np.zeros((1, 2)), np.array([shoulders], float)), [degrees])


def test_no_frames_have_no_measures() -> None:
    tracked = tracked_from(np.zeros((0, 17, 2), np.float32), np.zeros(0))

    measures = measure(tracked, tracked.tracks[0])

    assert all(len(values) == 0 for values in measures.angles.values())
    assert all(len(values) == 0 for values in measures.speeds.values())
    assert math.isnan(measures.body_px)


def test_a_steady_walk_has_its_speed_also_at_the_ends_and_at_uneven_times() -> None:
    times_s = np.cumsum(np.tile([1 / 30, 1 / 60, 1 / 20], 20))
    points = np.stack([30 * times_s, 100 - 40 * times_s], axis=1)

    np.testing.assert_allclose(speed(points, times_s, 0.2), 50)


def test_three_frames_in_the_middle_are_a_central_difference() -> None:
    """At even times the fitted slope over three frames is (last - first) / (2 step)."""
    times_s = np.arange(3) / 10
    points = np.array([[0, 0], [7, 1], [6, 8]], float)

    found = speed(points, times_s, 0.2)

    assert found[1] == pytest.approx(math.hypot(6, 8) / 0.2)
    assert np.isnan(found[[0, 2]]).all()  # two frames are no line


def test_rare_frames_have_speeds_over_their_neighbours() -> None:
    times_s = np.arange(5) / 5

    found = speed(np.stack([10 * times_s, 0 * times_s], axis=1), times_s, 0.2)

    np.testing.assert_allclose(found, [np.nan, 10, 10, 10, np.nan])


def test_speeds_are_those_of_a_savitzky_golay_filter(rng: np.random.Generator) -> None:
    """Which scipy has for even times."""
    points = np.cumsum(rng.normal(0, 3, (60, 2)), axis=0)
    slopes = savgol_filter(points, 7, 1, deriv=1, delta=1 / 30, axis=0)

    found = speed(points, np.arange(60) / 30, 6 / 30)

    np.testing.assert_allclose(found[3:-3], np.hypot(*slopes.T)[3:-3])


def test_a_gap_is_no_leap_and_a_missing_point_has_no_speed() -> None:
    times_s = np.concatenate([np.arange(10), np.arange(100, 110)]) / 30
    points = np.zeros((20, 2))
    points[10:] = 1000  # came back elsewhere
    points[4] = np.nan

    found = speed(points, times_s, 0.2)

    assert np.flatnonzero(np.isnan(found)).tolist() == [4]
    np.testing.assert_allclose(np.delete(found, 4), 0, atol=1e-9)


def test_body_length_is_that_of_drillis_and_contini() -> None:
    figure = {**STANDING, "right_knee": (40, 300), "right_ankle": (40, 400)}

    whole = body_length(points_of(figure, COCO_17), COCO_17)
    torso = {name: at for name, at in figure.items() if "shoulder" in name or "hip" in name}

    assert whole == pytest.approx(300 / 0.779)
    assert body_length(points_of(torso, COCO_17), COCO_17) == pytest.approx(100 / 0.288)
    assert math.isnan(body_length(points_of({}, COCO_17), COCO_17))


def test_speeds_in_body_lengths_do_not_depend_on_the_distance() -> None:
    times_s = np.arange(30) / 30
    far = np.repeat(points_of(STANDING, COCO_17), 30, axis=0)
    far[..., 0] += (60 * times_s)[:, None]

    measures = [
        measure(tracked, tracked.tracks[0])
        for tracked in (tracked_from(far, times_s), tracked_from(3 * far, times_s))
    ]

    np.testing.assert_allclose(measures[1].speeds["body"], 180, rtol=1e-4)
    near = measures[1].relative("body")
    np.testing.assert_allclose(measures[0].relative("body"), near, rtol=1e-4)


def test_a_keypoint_below_the_score_counts_as_missing() -> None:
    tracked = tracked_from(points_of(STANDING, COCO_17), np.zeros(1))
    track = tracked.tracks[0]
    track.scores[0, COCO_17.keypoints.index("left_wrist")] = 0.1

    angles = measure(tracked, track, min_score=0.2).angles

    assert math.isnan(angles["left_elbow"][0])
    assert not math.isnan(angles["left_knee"][0])
