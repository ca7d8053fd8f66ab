"""Learning rates over the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def cosine(steps: int, warmup_steps: int, floor: float = 0.02) -> Schedule:
    """Linear warm-up to 1, then half a cosine down to `floor` (Loshchilov & Hutter, ICLR 2017)."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        part = (step - warmup_steps) / max(steps - warmup_steps, 1)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(part, 1)))

    return factor


def halved_every(period_steps: int, warmup_steps: int = 0, start: float = 0.0) -> Schedule:
    """CPN's schedule: halved after each period (tf-cpn: 3.6 million crops).

    Args:
        period_steps: Steps between halvings.
        warmup_steps: Steps of a linear warm-up.
        start: Factor before the first step of the warm-up.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return start + (1 - start) * (step + 1) / warmup_steps
        return float(0.5 ** (step // period_steps))

    return factor


def linearly_scaled(rate: float, crops_per_step: int, rate_for: int) -> float:
    """The rate of a larger batch (Goyal et al., "Accurate, Large Minibatch SGD", 2017).

    Their warm-up starts at the rate that was multiplied: `halved_every(..., start=rate / this)`.

    Args:
        rate: What was found good for `rate_for` crops per step.
        crops_per_step: Over all processes and accumulated batches.
        rate_for: See there.
    """
    return rate * crops_per_step / rate_for
