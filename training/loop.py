"""The training loop: steps, EMA, mixed precision, checkpoints, progress. Knows no task.

A job brings the network, the batches and the losses. Under torchrun every process runs this loop on
its own part of the batches; the first one writes. A run lives in a folder:

    last.pt        everything needed to go on: network, EMA, optimiser, step
    best.pt        the EMA weights that did best on held-in data, with the figures
    final.pt       the EMA weights after the last step
    train.log      what was said; events.* for tensorboard
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from network import checkpoint
from pose.errors import InputError
from training import distributed
from training.progress import Progress
from training.schedule import Schedule, cosine

log = logging.getLogger(__name__)


class Job(Protocol):
    """One thing to train."""

    network: nn.Module

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Groups for the optimiser, each with `params` and `lr`; what is left out is frozen."""
        ...

    def batches(self, seed: int) -> Iterator[Any]:
        """One pass over the data in an order drawn from the seed; the loop asks again."""
        ...

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Scalars whose sum is to be made small. Moves the batch to the network's device."""
        ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on held-in data; the one called `score` chooses the best weights."""
        ...

    def describe(self) -> dict[str, Any]:
        """`network` (`network.described.describe`) and `card` (JSON), saved beside the weights."""
        ...


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps in all.
        rate: Highest learning rate.
        warmup_steps: Linear warm-up at the start.
        weight_decay: The optimiser's, for groups that do not say their own.
        optimiser: `adamw`, or `adam` or `sgd` (momentum 0.9), where it is added to the gradient.
        ema_decay: Of the running mean of the weights; 0 turns it off.
        clip_norm: Largest gradient norm; 0 does not clip.
        accumulate: Batches whose gradients are added before a step.
        validate_every: Steps between looks at held-in data.
        save_every: Steps between checkpoints.
        amp: Mixed precision: bfloat16 where the device does it well.
        channels_last: Memory order of images; faster on most devices.
        seed: Of the order of the data.
    """

    steps: int
    rate: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 1e-4
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    ema_decay: float = 0.998
    clip_norm: float = 5.0
    accumulate: int = 1
    validate_every: int = 500
    save_every: int = 200
    amp: bool = False
    channels_last: bool = False
    seed: int = 0


def run_loop(job: Job, config: LoopConfig, run_dir: Path, schedule: Schedule | None = None) -> Path:
    """Train until `config.steps`, going on from `run_dir/last.pt` if it is there.

    Returns:
        Path of `final.pt`: `{"network": state_dict, "figures": {...}, "step": n}`.

    Raises:
        InputError: The loss or its gradients became NaN or infinite, and the last good checkpoint
            is kept; there is no data; or another training lives in `run_dir`.
    """
    first = distributed.is_first()
    run_dir.mkdir(parents=True, exist_ok=True)
    device = next(job.network.parameters()).device
    if config.channels_last:
        job.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = schedule or cosine(config.steps, config.warmup_steps)
    groups = job.parameter_groups(config.rate)
    base_rates = [group["lr"] for group in groups]
    optimiser = _optimiser(groups, config)
    trained = [p for group in groups for p in group["params"]]
    ema = deepcopy(job.network).eval()
    step, epoch, best = _resume(run_dir, config, job.network, ema, optimiser)
    learner = distributed.Learner(job.network, job.losses)
    batches = job.batches(config.seed + epoch)
    writer = _writer(run_dir) if first else None
    with Progress(run_dir.name, config.steps, step, shown=first) as progress:
        while step < config.steps:
            for group, base in zip(optimiser.param_groups, base_rates, strict=True):
                group["lr"] = base * schedule(step)
            optimiser.zero_grad(set_to_none=True)
            taken = []
            for _ in range(config.accumulate):
                batch = next(batches, None)
                if batch is None:
                    epoch += 1
                    batches = job.batches(config.seed + epoch)
                    batch = next(batches, None)
                if batch is None:
                    raise InputError("expected data for a batch at least, got none to learn from")
                taken.append(batch)
            amp = torch.autocast(device.type, torch.bfloat16, enabled=config.amp)
            losses = learner.gradients(taken, amp)
            said = distributed.averaged({k: float(v.detach()) for k, v in losses.items()})
            total = sum(said.values())
            if not math.isfinite(total):
                raise InputError(f"the loss became {total} at step {step}; lower --rate and resume")
            norm = float(nn.utils.clip_grad_norm_(trained, config.clip_norm or math.inf))
            if not math.isfinite(norm):
                raise InputError(
                    f"the gradients became {norm} at step {step}; lower --rate and resume"
                )
            optimiser.step()
            _follow(ema, job.network, config.ema_decay, step)
            step += 1
            progress.advance(note=" ".join(f"{k} {v:.5f}" for k, v in said.items()))
            if writer is None:
                continue
            if step % 20 == 0:
                for name, value in said.items():
                    writer.add_scalar(f"loss/{name}", value, step)
                writer.add_scalar("rate", optimiser.param_groups[0]["lr"], step)
            if step % config.validate_every == 0 or step == config.steps:
                best = _look(job, ema, step, best, run_dir, writer)
            if step % config.save_every == 0 or step == config.steps:
                state = {
                    "network": job.network.state_dict(),
                    "ema": ema.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "optimiser_kind": config.optimiser,
                    "step": step,
                    "epoch": epoch,
                    "best": best,
                    "describe": job.describe(),
                }
                checkpoint.save(run_dir / "last.pt", state)
    final = run_dir / "final.pt"
    if writer is not None:
        writer.close()
        weights = {"network": ema.state_dict(), "figures": job.validate(ema), "step": step}
        checkpoint.save(final, {**weights, "describe": job.describe()})
    return final


def _writer(run_dir: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # tensorboard takes seconds to import

    return SummaryWriter(str(run_dir))


def _optimiser(groups: list[dict[str, Any]], config: LoopConfig) -> torch.optim.Optimizer:
    decay = config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.rate, momentum=0.9, weight_decay=decay)
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=decay)


def _resume(
    run_dir: Path,
    config: LoopConfig,
    network: nn.Module,
    ema: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> tuple[int, int, float]:
    file = run_dir / "last.pt"
    if not file.exists():
        return 0, 0, -math.inf
    state = checkpoint.load(file)
    checkpoint.fill(network, state.get("network"), file)
    checkpoint.fill(ema, state.get("ema"), file)
    kind = state.get("optimiser_kind", config.optimiser)
    try:
        if kind != config.optimiser:
            raise ValueError(f"its optimiser is {kind}, not {config.optimiser}")
        optimiser.load_state_dict(state["optimiser"])
        # A pass that was cut short is not finished: the next one starts with another order.
        done = int(state["step"]), int(state["epoch"]) + 1, float(state["best"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: expected this training to go on with, but {error}; "
            "name another folder with --run-dir"
        ) from error
    log.info("going on from step %d of %s", done[0], run_dir)
    return done


@torch.no_grad()
def _follow(ema: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the running mean towards the weights; early on it follows faster."""
    keep = min(decay, (1 + step) / (10 + step))
    current = network.state_dict()
    for name, mean in ema.state_dict().items():
        if mean.dtype.is_floating_point:
            mean.lerp_(current[name], 1 - keep)
        else:
            mean.copy_(current[name])


def _look(job: Job, ema: nn.Module, step: int, best: float, run_dir: Path, writer: Any) -> float:
    figures = job.validate(ema)
    log.info("step %d held-in: %s", step, " ".join(f"{k} {v:.4f}" for k, v in figures.items()))
    for name, value in figures.items():
        writer.add_scalar(f"held_in/{name}", value, step)
    score = figures.get("score", -math.inf)
    if score > best:
        weights = {"network": ema.state_dict(), "figures": figures, "step": step}
        checkpoint.save(run_dir / "best.pt", {**weights, "describe": job.describe()})
    return max(score, best)
