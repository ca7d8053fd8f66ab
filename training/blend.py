"""Mixing the weights of two networks of one origin.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022. Small batches leave
noise in the weights, and hard views cost some of what was known of easy ones; on the straight line
between the weights before and after may lie networks that do well on both.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from network import checkpoint
from network.cpn import LiteCpn
from training.distill_exam import hits_of_each, oks_of_each
from training.distill_job import DistillJob

log = logging.getLogger(__name__)
BLENDS = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0)


def best_mixture(
    before: nn.Module,
    after: Path,
    out: Path,
    judge: Callable[[nn.Module], dict[str, float]],
    describe: Callable[[], dict[str, Any]],
    shares: Sequence[float] = BLENDS,
) -> Path:
    """Mix the weights that a training began and ended with, in the share that does best held in.

    Args:
        before: What the training began with; stays as it is.
        after: Weights that it ended with.
        out: Where the best mixture goes; one that is there stays.
        judge: Figures of a network on held-in data; the highest `score` is best.
        describe: What is saved beside the weights.
        shares: Of `after`; of equally good ones the largest is taken.

    Returns:
        `out`.
    """
    if out.exists():
        return out
    old, new = before.state_dict(), checkpoint.load(after)["network"]
    best: dict[str, Any] = {}
    scores: list[float] = []
    for share in sorted(shares):
        mixed = copy.deepcopy(before).eval()
        mixed.load_state_dict(_between(old, new, share))
        figures = {"share": share, **judge(mixed)}
        log.info("blend %s", " ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        score = figures["score"] if math.isfinite(figures["score"]) else -math.inf
        if score >= max(scores, default=-math.inf):
            best = {"network": mixed.state_dict(), "figures": figures, "step": 0}
        scores.append(score)
    if len(shares) > 1 and len(set(scores)) == 1:
        log.warning("nothing held in tells the mixtures apart: more of the training is kept")
    # Only now: what was stopped on the way is judged again, and not taken for the best.
    checkpoint.save(out, {**best, "describe": describe()})
    return out


def averaged(files: Sequence[Path], out: Path) -> Path:
    """The mean of the weights of trainings that had one start; counters are the last one's.

    Source: Wortsman et al., "Model soups", ICML 2022: what each training's order of the data left
    in its weights cancels out.

    Args:
        files: Checkpoints of one network, one or more.
        out: Where the mean goes, with the last one's description.

    Returns:
        `out`.
    """
    states = [checkpoint.load(file) for file in files]
    networks = [state["network"] for state in states]
    mean = {
        name: sum(network[name] for network in networks) / len(networks)
        if value.is_floating_point()
        else value
        for name, value in networks[-1].items()
    }
    described = states[-1]["describe"]
    checkpoint.save(out, {"network": mean, "figures": {}, "step": 0, "describe": described})
    return out


def blended(job: DistillJob, before: LiteCpn, after: Path, out: Path) -> Path:
    """The best mixture for people as photographs show them and as training spoils them."""

    def judge(network: nn.Module) -> dict[str, float]:
        plain, spoiled = (job.ask(network, job.held_in, spoiled) for spoiled in (False, True))
        figures = {
            "plain": _mean(oks_of_each(plain)),
            "spoiled": _mean(oks_of_each(spoiled)),
            "pck": _mean(hits_of_each(plain)),
        }
        # Agreement with the teachers, with and without spoiling, and with hand labels.
        known = [figure for figure in figures.values() if math.isfinite(figure)]
        return {**figures, "score": sum(known)}

    return best_mixture(before, after, out, judge, job.describe)


def _mean(values: np.ndarray) -> float:
    """Of those who have a value; NaN if nobody has."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _between(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights on the line from `old` (`share` 0) to `new` (1); counters are `new`'s."""
    return {
        name: old[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in new.items()
    }
