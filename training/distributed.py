"""Several processes that learn one network: torchrun's environment, BatchNorm over all, gradients.

`torchrun --nproc-per-node 8 main.py train …` starts the processes; each takes its part of every
batch. Gradients are averaged by torch's DistributedDataParallel, so equal parts of a batch give the
gradients of the whole. Without torchrun everything here is a single process and costs nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pose.errors import UsageError

# The others wait at the next gradient while the first looks at held-in data.
_PATIENCE = timedelta(hours=1)
Losses = dict[str, Tensor]


def started_by_torchrun() -> bool:
    """Whether this is one of several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_rank() -> int:
    """Which process of this machine, hence which of its GPUs."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Join the other processes: NCCL between GPUs, gloo between CPUs. Only the first one talks.

    Raises:
        UsageError: torchrun's variables are not all there.
    """
    if not started_by_torchrun():
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, timeout=_PATIENCE)
    except (ValueError, KeyError) as error:
        raise UsageError(f"WORLD_SIZE is set, but not for torchrun: {error}") from error
    if not is_first():
        logging.getLogger().setLevel(logging.WARNING)
    try:
        yield
        dist.barrier()  # who leaves first takes the meeting point along
    finally:
        dist.destroy_process_group()


def processes() -> int:
    """How many learn together; 1 outside `group`."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this one writes files and talks."""
    return rank() == 0


def averaged(values: dict[str, float]) -> dict[str, float]:
    """The mean of each number over all processes: what is said, and whether it is finite."""
    if processes() == 1:
        return values
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    numbers = torch.tensor(list(values.values()), device=device, dtype=torch.float64)
    dist.all_reduce(numbers)
    return dict(zip(values, (numbers / processes()).tolist(), strict=True))


class Learner:
    """A job's losses, with gradients that are averaged over all processes.

    Args:
        network: Whose gradients; the one that `losses` runs.
        losses: Batch -> scalars.
    """

    def __init__(self, network: nn.Module, losses: Callable[[Any], Losses]) -> None:
        self._losses: Callable[[Any], Losses] = losses
        self._parallel: DistributedDataParallel | None = None
        if processes() > 1:
            # BatchNorm's running figures agree where it is synchronised; else the first one's win.
            self._parallel = DistributedDataParallel(_Whole(network, losses))
            self._losses = self._parallel

    def __call__(self, batch: Any) -> Losses:
        return self._losses(batch)

    def gradients(self, batches: list[Any], amp: torch.autocast | None = None) -> Losses:
        """Add the gradients of the mean over the batches; answers the mean of their losses.

        Only the last backward pass talks to the other processes.
        """
        means: Losses = {}
        for index, batch in enumerate(batches):
            quiet = self._parallel is not None and index + 1 < len(batches)
            with self._parallel.no_sync() if quiet and self._parallel else nullcontext():
                with amp or nullcontext():
                    losses = self(batch)
                    loss = torch.stack(list(losses.values())).sum() / len(batches)
                loss.backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                share = value.detach() / len(batches)
                means[name] = means[name] + share if name in means else share
        return means


class _Whole(nn.Module):
    """What DistributedDataParallel wraps: it wants the losses as somebody's `forward`."""

    def __init__(self, network: nn.Module, losses: Callable[[Any], Losses]) -> None:
        super().__init__()
        self.network = network
        self._losses = losses

    def forward(self, batch: Any) -> Losses:
        return self._losses(batch)


# ---- BatchNorm over all processes ----------------------------------------------------------------


def with_synchronised_norm(network: nn.Module, device: torch.device) -> nn.Module:
    """Let every BatchNorm2d see the batches of all processes while training.

    On GPUs it is torch's SyncBatchNorm; that has no CPU kernel, so CPUs get `CpuSyncBatchNorm`.
    Names and tensors stay, so checkpoints are those of the plain network.
    """
    if device.type == "cuda":
        convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
        return convert(network)
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = CpuSyncBatchNorm
    return network


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose statistics in training are those of all processes' batches together.

    Mean first, then squares around it: two messages, and no difference of large numbers.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(x)
        assert self.momentum is not None and self.running_mean is not None
        assert self.running_var is not None and self.num_batches_tracked is not None
        axes = (0, 2, 3)
        count = _summed(x.new_tensor([x.numel() / x.shape[1]]))
        mean = _summed(x.sum(axes)) / count
        centred = x - mean[:, None, None]
        variance = _summed((centred**2).sum(axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias[:, None, None], centred, scale[:, None, None])


class _Summed(torch.autograd.Function):
    """A sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


_summed: Callable[[Tensor], Tensor] = _Summed.apply  # torch leaves it untyped
