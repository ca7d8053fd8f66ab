"""Intervals: against the normal distribution, and what pairing is for."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation import bootstrap


def test_no_value_has_no_interval() -> None:
    assert np.isnan(bootstrap.interval(np.full(10, np.nan))).all()


def test_every_draw_has_as_many_photographs_and_is_the_same_every_time() -> None:
    weights = bootstrap.draw(7, draws=50)

    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, bootstrap.draw(7, draws=50))


def test_the_interval_of_a_mean_is_that_of_its_standard_error(rng: np.random.Generator) -> None:
    values = rng.normal(3, 1, 100)
    weights = bootstrap.draw(100, draws=2000)

    low, high = bootstrap.interval(weights @ values / 100)

    error = values.std() / np.sqrt(100)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)


def test_pairing_sees_a_difference_smaller_than_either_interval(rng: np.random.Generator) -> None:
    """What is hard for both models cancels out."""
    hard = rng.normal(0, 1, 60)
    better = hard + 0.1 + rng.normal(0, 0.02, 60)
    weights = bootstrap.draw(60)

    low, high = bootstrap.interval(weights @ (better - hard) / 60)
    alone = bootstrap.interval(weights @ hard / 60)

    assert 0 < low < 0.1 < high
    assert alone[1] - alone[0] > 0.3
