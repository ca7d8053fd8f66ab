"""Curves of long results: fewer points, the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from app.gui.measure_plot import thinned


@pytest.mark.parametrize("count", [0, 1, 10, 11, 1000])
def test_a_thinned_curve_keeps_its_extremes_and_its_gaps(count: int) -> None:
    rng = np.random.default_rng(count)
    times_s, values = np.arange(count) / 30, rng.normal(size=count)
    values[count // 3 : count // 3 + 1] = np.nan

    kept_s, kept = thinned(times_s, values, most=10)

    assert len(kept) <= max(10, 10 + 2 + 1) and (np.diff(kept_s) >= 0).all()
    if count > 1:
        assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(values), np.nanmax(values))
        assert np.isnan(kept).sum() == 1
