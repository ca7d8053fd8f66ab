"""Mixing the weights of two networks of one origin.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022. Small batches leave
noise in the weights, and hard views cost some of what was known of easy ones; on the straight line
between the weights before and after may lie networks that do well on both.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from network import checkpoint
from network.cpn import LiteCpn
from training.distill_exam import hits_of_each, oks_of_each
from training.distill_job import DistillJob

log = logging.getLogger(__name__)
BLENDS = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0)


def between(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights on the line from `old` (`share` 0) to `new` (1); counters are `new`'s."""
    return {
        name: old[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in new.items()
    }


def blended(job: DistillJob, before: LiteCpn, after: Path, out: Path) -> Path:
    """Mix the weights that a phase began and ended with, in the shares that do best held in.

    Args:
        job: Judges on its held-in people, as photographs show them and as training spoils them.
        before: What the phase began with.
        after: Weights that it ended with.
        out: Where the best mixture goes; one that is there stays.

    Returns:
        `out`.
    """
    if out.exists():
        return out
    old, new = before.state_dict(), checkpoint.load(after)["network"]
    best = -math.inf
    for share in BLENDS:
        mixed = copy.deepcopy(before)
        mixed.load_state_dict(between(old, new, share))
        plain, spoiled = (job.ask(mixed, job.held_in, spoiled) for spoiled in (False, True))
        figures = {
            "share": share,
            "plain": float(np.nanmean(oks_of_each(plain))),
            "spoiled": float(np.nanmean(oks_of_each(spoiled))),
            "pck": float(np.nanmean(hits_of_each(plain))),
        }
        log.info("blend %s", " ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        if figures["plain"] + figures["spoiled"] > best:
            best = figures["plain"] + figures["spoiled"]
            state = {"network": mixed.state_dict(), "figures": figures, "step": 0}
            checkpoint.save(out, {**state, "describe": job.describe()})
    return out
