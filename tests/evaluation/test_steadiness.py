"""Jitter and lag, against finders and speeds whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.steadiness import SPEEDS, jitter, lag, still_clip
from pose.skeleton import COCO_17
from pose.types import Boxes, ByteArray, Frame, Poses

PICTURE: ByteArray = np.full((120, 160, 3), 128, np.uint8)
XYXY = np.array([[20, 10, 80, 110]], np.float32)


class Shaky:
    """Finds one person whose keypoints jump by so many pixels to and fro."""

    def __init__(self, jump_px: float, score: float = 1.0) -> None:
        self._jump_px, self._score = jump_px, score

    def __call__(self, frame: Frame) -> Poses:
        grid = np.stack(np.meshgrid(np.linspace(25, 75, 4), np.linspace(15, 105, 5)), -1)
        points = grid.reshape(-1, 2)[None, :17].astype(np.float32)
        points[..., 0] += self._jump_px * (frame.index % 2)
        scores = np.full((1, 17), self._score, np.float32)
        return Poses(points, scores, Boxes(XYXY, np.ones(1, np.float32)))


def test_nobody_has_no_jitter() -> None:
    def nobody(frame: Frame) -> Poses:
        return Poses.empty(17)

    for images in ([], [PICTURE]):
        found = jitter(images, nobody, COCO_17, frames=4)
        assert (found.people, found.steps) == (0, 0)
        assert math.isnan(found.pixels)


@pytest.mark.parametrize("jump_px", [0.0, 2.0])
def test_jitter_is_the_mean_step_of_a_keypoint(jump_px: float) -> None:
    found = jitter([PICTURE], Shaky(jump_px), COCO_17, frames=20)

    assert (found.people, found.steps) == (1, 19 * 17)
    assert found.pixels == pytest.approx(jump_px, abs=1e-5)
    assert found.share == pytest.approx(jump_px / 100, abs=1e-6)
    if jump_px:
        assert found.smooth_pixels < 0.6 * jump_px
        assert found.smooth_share < 0.6 * jump_px / 100


def test_keypoints_that_are_not_seen_are_not_counted() -> None:
    assert jitter([PICTURE], Shaky(2.0, score=0.01), COCO_17, frames=5).steps == 0


def test_a_still_clip_differs_by_noise_alone_and_is_the_same_again() -> None:
    first, again = (list(still_clip(PICTURE, 3, np.random.default_rng(1))) for _ in range(2))

    assert [frame.index for frame in first] == [0, 1, 2]
    assert np.abs(first[0].image.astype(int) - first[1].image).mean() > 1
    assert abs(first[0].image.mean() - PICTURE.mean()) < 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_lag_shrinks_with_speed_and_is_what_the_filter_says() -> None:
    """Casiez et al. 2012, solved by hand for a steady speed.

    L frames behind, the filter sees a speed of (L + 1) v, because it looks from its own last
    answer; a low-pass of that cutoff f stays 1 / (2 pi f / fps) frames behind: a square equation.
    """
    lags = [lag(speed) for speed in SPEEDS]

    assert lags == sorted(lags, reverse=True)
    for speed, found in zip(SPEEDS, lags, strict=True):
        gain = 10.0 * speed  # beta times speed, Hz
        right = 30 / (2 * math.pi)
        expected = (-(1 + gain) + math.sqrt((1 + gain) ** 2 + 4 * gain * right)) / (2 * gain)
        assert found == pytest.approx(expected, rel=0.01)
