"""Motion of boxes in seconds: predictions, their spread, and boxes that follow keypoints."""

from __future__ import annotations

import numpy as np
import pytest

from app.steps.motion import BoxMotion, followed
from pose.types import FloatArray
from tests.app.steps.figures import person


def box(x: float, y: float = 200, side: float = 100) -> FloatArray:
    return np.array([x - side / 4, y - side / 2, x + side / 4, y + side / 2], np.float32)


def middle(xyxy: FloatArray) -> float:
    return float(xyxy[0] + xyxy[2]) / 2


def test_somebody_seen_once_is_expected_at_the_same_place() -> None:
    motion = BoxMotion(box(100), 5.0)

    np.testing.assert_allclose(motion.predicted(5.0), box(100))
    np.testing.assert_allclose(motion.predicted(5.4), box(100))


@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_a_walker_is_expected_further_on_at_any_frame_rate(fps: int) -> None:
    motion = BoxMotion(box(0), 0.0)
    for i in range(1, fps + 1):
        motion.update(box(150 * i / fps), i / fps)

    assert middle(motion.predicted(1 + 1 / fps)) == pytest.approx(150 + 150 / fps, abs=6)
    assert motion.shift(1 + 1 / fps)[0] == pytest.approx(150 / fps, abs=6)


def test_who_is_out_of_sight_does_not_sail_away() -> None:
    motion = BoxMotion(box(0), 0.0)
    for i in range(1, 31):
        motion.update(box(5 * i), i / 30)

    assert middle(motion.predicted(60.0)) < 150 + 160


def test_the_spread_grows_with_time_and_size_and_shrinks_with_sightings() -> None:
    motion = BoxMotion(box(0), 0.0)
    once = motion.spread(0.1)
    motion.update(box(0), 0.1)
    motion.update(box(0), 0.2)

    assert motion.spread(0.3) < once
    assert motion.spread(0.2) < motion.spread(0.3) < motion.spread(1.0)
    assert BoxMotion(box(0, side=300), 0.0).spread(0.1) == pytest.approx(3 * once)


def test_raised_arms_do_not_make_the_size_fly() -> None:
    motion = BoxMotion(box(0, side=100), 0.0)
    for i in range(1, 10):
        motion.update(box(0, side=100 + 10 * i), i / 30)

    width, height = motion.predicted(2.0)[2:] - motion.predicted(2.0)[:2]
    assert (width, height) == pytest.approx((95, 190), rel=0.1)


def test_a_box_without_size_does_no_harm() -> None:
    motion = BoxMotion(np.zeros(4, np.float32), 0.0)
    motion.update(np.zeros(4, np.float32), 0.0)

    assert np.isfinite(motion.predicted(1.0)).all()


@pytest.mark.parametrize(
    ("scale", "shift", "found"),
    [
        (1.0, 0.0, 0),
        (1.0, 0.0, 17),
        (1.0, 30.0, 1),
        (1.0, 30.0, 17),
        (1.2, -10.0, 17),
        (0.8, 5.0, 17),
    ],
)
def test_a_box_follows_its_keypoints(scale: float, shift: float, found: int) -> None:
    before = person(100, 200, 150)
    keypoints = before.keypoints[0]
    after = keypoints * np.float32(scale) + np.float32(shift)
    after[found:] = np.nan
    old = before.boxes.xyxy[0]

    new = followed(old, keypoints, after)

    wanted = old if found == 0 else old * scale + shift
    np.testing.assert_allclose(new, wanted, atol=6 if scale != 1 else 1e-3)
