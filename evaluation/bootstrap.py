"""How far a figure would move if other photographs had been drawn: paired bootstrap intervals.

Whole photographs are drawn with replacement (Efron & Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13, percentile intervals), because people of one photograph are not independent.
Paired: two models are compared on the same draws, so what is hard for both cancels out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
DRAWS = 1000


def draw(photographs: int, draws: int = DRAWS, seed: int = 0) -> npt.NDArray[np.int64]:
    """How often each photograph comes up in each draw: (B, I) int64, every row sums to I."""
    rng = np.random.default_rng(seed)
    even = np.full(photographs, 1 / photographs)
    return rng.multinomial(photographs, even, size=draws)


def interval(values: npt.NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """The middle `level` of a figure's values.

    Args:
        values: (B,) the figure in each draw; NaN where it did not exist.
        level: 0 to 1.

    Returns:
        Lower and upper end; NaN, NaN if the figure never existed.
    """
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
