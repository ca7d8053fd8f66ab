"""Time only goes forward, and true stamps are never touched."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.timeline import Timeline

STEP_S = 0.04


@pytest.mark.parametrize(
    ("start_s", "stamps_s", "expected_s"),
    [
        (None, [], []),
        (None, [0.0, 0.033, 0.133], [0.0, 0.033, 0.133]),
        (None, [10.0, 10.5], [0.0, 0.5]),
        (1.4, [1.5, 1.6], [0.1, 0.2]),  # sound begins before the pictures
        (9e9, [0.0, 0.04], [0.0, 0.04]),  # a start that cannot be true
        (None, [0.0, None, 0.08], [0.0, 0.04, 0.08]),
        (None, [None, None], [0.0, 0.04]),
        (None, [0.0, 0.04, 0.04, 0.08], [0.0, 0.04, 0.041, 0.08]),
        (None, [0.0, 30.0], [0.0, 30.0]),  # a pause is a pause
        (None, [5.0, 6.0, 7.0, 5.0, 6.0], [0.0, 1.0, 2.0, 2.04, 3.04]),  # joined recordings
        (None, [0.0, 0.04, 1e9, 0.12], [0.0, 0.04, 0.08, 0.12]),  # one damaged stamp
    ],
)
def test_stamps_become_times(
    start_s: float | None, stamps_s: list[float | None], expected_s: list[float]
) -> None:
    timeline = Timeline(start_s, STEP_S)

    times_s = [timeline(stamp_s) for stamp_s in stamps_s]

    assert times_s == pytest.approx(expected_s, abs=0.001)


@given(st.lists(st.none() | st.floats(-1e6, 1e12, allow_nan=False), max_size=30))
def test_time_goes_forward_whatever_the_file_says(stamps_s: list[float | None]) -> None:
    timeline = Timeline(None, STEP_S)

    times_s = [timeline(stamp_s) for stamp_s in stamps_s]

    assert all(later > earlier for earlier, later in itertools.pairwise(times_s))


@given(st.lists(st.integers(1, 90_000 * 60), min_size=1, max_size=30))
def test_stamps_in_order_are_kept(steps: list[int]) -> None:
    stamps_s = [sum(steps[:count]) / 90_000 for count in range(len(steps))]
    timeline = Timeline(0.0, STEP_S)

    assert [timeline(stamp_s) for stamp_s in stamps_s] == pytest.approx(stamps_s, abs=1e-9)
    assert timeline.mended == 0
