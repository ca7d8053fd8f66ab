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


def halved_every(period_steps: int, warmup_steps: int = 0) -> Schedule:
    """CPN's schedule: halved after each period (tf-cpn: 3.6 million crops)."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return float(0.5 ** (step // period_steps))

    return factor
