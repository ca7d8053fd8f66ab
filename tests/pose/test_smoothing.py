"""The One-Euro filter, against the paper's own scalar form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose.smoothing import OneEuro
from pose.types import FloatArray


class _PaperFilter:
    """Algorithm 1 of Casiez et al. (CHI 2012) for one number, told as the paper tells it."""

    def __init__(self, mincutoff: float, beta: float, dcutoff: float) -> None:
        self.mincutoff, self.beta, self.dcutoff = mincutoff, beta, dcutoff
        self.hatxprev: float | None = None
        self.hatdx = 0.0

    @staticmethod
    def alpha(rate: float, cutoff: float) -> float:
        tau = 1.0 / (2 * math.pi * cutoff)
        te = 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    def filter(self, x: float, rate: float) -> float:
        if self.hatxprev is None:
            self.hatxprev = x
            return x
        dx = (x - self.hatxprev) * rate
        a = self.alpha(rate, self.dcutoff)
        self.hatdx = a * dx + (1 - a) * self.hatdx
        a = self.alpha(rate, self.mincutoff + self.beta * abs(self.hatdx))
        self.hatxprev = a * x + (1 - a) * self.hatxprev
        return self.hatxprev


def _walk(rng: np.random.Generator, steps: int, keypoints: int = 3) -> FloatArray:
    return np.cumsum(rng.normal(0, 3, (steps, keypoints, 2)), axis=0).astype(np.float32)


@given(
    st.floats(0.1, 10), st.floats(0, 2), st.floats(0.1, 10), st.lists(st.floats(0.005, 0.4)),
    st.integers(0, 100),
)  # fmt: skip
def test_every_coordinate_is_filtered_as_the_paper_says(
    min_cutoff: float, beta: float, derivative_cutoff: float, gaps: list[float], seed: int
) -> None:
    times = np.cumsum([0.0, *gaps])
    walk = _walk(np.random.default_rng(seed), len(times))
    smooth = OneEuro(min_cutoff, beta, derivative_cutoff)
    paper = [_PaperFilter(min_cutoff, beta, derivative_cutoff) for _ in range(6)]

    for index, (values, time_s) in enumerate(zip(walk, times, strict=True)):
        ours = smooth(values, float(time_s))

        rate = 1 / (time_s - times[index - 1]) if index else math.nan
        theirs = [one.filter(float(x), rate) for one, x in zip(paper, values.flat, strict=True)]
        np.testing.assert_allclose(ours.ravel(), theirs, rtol=1e-5, atol=1e-4)


def test_a_person_without_keypoints_is_filtered_too() -> None:
    smooth = OneEuro()

    for time_s in (0.0, 0.1):
        assert smooth(np.zeros((0, 2), np.float32), time_s).shape == (0, 2)


def test_the_first_sample_comes_back_unchanged_and_the_argument_is_never_changed() -> None:
    smooth = OneEuro()
    values = np.array([[1.5, 2.5]], np.float32)

    first = smooth(values, 3.0)
    second = smooth(values + 1, 3.1)

    assert first.dtype == second.dtype == np.float32
    np.testing.assert_array_equal(values, [[1.5, 2.5]])
    np.testing.assert_array_equal(first, values)


def test_a_lost_keypoint_is_nan_and_starts_anew_while_others_go_on() -> None:
    smooth, undisturbed = OneEuro(), OneEuro()
    walk = np.array([[[0, 0], [0, 0]], [[9, 9], [9, 9]], [[50, 50], [9, 9]], [[60, 60], [9, 9]]])
    walk = walk.astype(np.float32)
    with_gap = walk.copy()
    with_gap[1, 0] = [np.nan, 9]  # half a point is none

    ours = np.stack([smooth(values, 0.1 * i) for i, values in enumerate(with_gap)])
    theirs = np.stack([undisturbed(values, 0.1 * i) for i, values in enumerate(walk)])

    assert np.isnan(ours[1, 0]).all()
    np.testing.assert_array_equal(ours[2, 0], [50, 50])
    assert (ours[3, 0] < 60).all()
    np.testing.assert_array_equal(ours[:, 1], theirs[:, 1])


@pytest.mark.parametrize(
    ("time_s", "anew"),
    [(0.1, False), (0.5, False), (0.51, True), (0.0, True), (-1.0, True), (math.nan, True)],
)
def test_the_past_is_forgotten_after_a_long_gap_or_a_jump_back(time_s: float, anew: bool) -> None:
    smooth = OneEuro(max_gap_s=0.5)
    smooth(np.zeros((1, 2), np.float32), 0.0)

    after = smooth(np.full((1, 2), 8, np.float32), time_s)

    assert (after == 8).all() == anew


def test_another_number_of_keypoints_starts_anew() -> None:
    smooth = OneEuro()
    smooth(np.zeros((2, 2), np.float32), 0.0)

    assert (smooth(np.ones((3, 2), np.float32), 0.1) == 1).all()


def test_a_resting_hand_trembles_less_and_a_quick_one_is_followed(
    rng: np.random.Generator,
) -> None:
    smooth = OneEuro(min_cutoff_hz=1.0, beta=0.05)
    noise = rng.normal(0, 1, (90, 1, 2)).astype(np.float32)
    dash = noise + 400 * np.arange(30, dtype=np.float32)[:, None, None].repeat(3, 0) / 30
    times = np.arange(180) / 30

    samples = np.concatenate([noise, dash + noise[-1]])
    ours = np.stack([smooth(values, float(t)) for values, t in zip(samples, times, strict=True)])

    assert ours[30:90].std() < noise[30:90].std() / 2
    assert np.abs(ours[-1] - samples[-1]).max() < 15


@pytest.mark.parametrize(
    "wrong",
    [{"min_cutoff_hz": 0}, {"derivative_cutoff_hz": -1}, {"beta": -0.1}, {"max_gap_s": -1}],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OneEuro(**wrong)
