"""What each process of a test group runs: `torchrun … two_processes.py OUT`. No test itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from network.mask_head import MaskHead, MaskHeadConfig
from network.refine_net import RefineNet, RefineNetConfig
from training import distributed
from training.loss import hard_keypoint_loss, mask_loss

CROPS = 8
CHANNELS = (6, 8)


class Small(nn.Module):
    """A pyramid of two levels, RefineNet and a mask head: all layers of CPN, small."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU())
        self.coarse = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.refine_net = RefineNet(
            RefineNetConfig(
                in_channels=CHANNELS,
                level_channels=8,
                final_channels=8,
                final_squeeze=4,
                bottlenecks=(0, 1),
                keypoints=5,
            )
        )
        self.mask_head = MaskHead(CHANNELS, MaskHeadConfig(channels=4))

    def pyramid(self, image: Tensor) -> list[Tensor]:
        fine = self.stem(image)
        return [fine, self.coarse(fine)]


def batch(dtype: torch.dtype) -> dict[str, Tensor]:
    """The joined batch: half of the people have no mask, unevenly spread."""
    draw = torch.Generator().manual_seed(1)
    shift = torch.linspace(-2, 2, CROPS)[:, None, None, None]  # halves differ in their statistics
    return {
        "image": (torch.randn(CROPS, 3, 32, 24, generator=draw) + shift).to(dtype),
        "target": torch.rand(CROPS, 5, 16, 12, generator=draw).to(dtype),
        "labelled": (torch.rand(CROPS, 5, generator=draw) > 0.3).to(dtype),
        "mask": torch.rand(CROPS, 16, 12, generator=draw).to(dtype),
        "known": torch.tensor([1, 1, 1, 0, 0, 0, 1, 0]).to(dtype),
    }


def losses(network: Small, part: dict[str, Tensor]) -> dict[str, Tensor]:
    """OHKM and the mask, as a CPN learns them."""
    pyramid = network.pyramid(part["image"])
    found = network.refine_net(pyramid)
    return {
        "refine": hard_keypoint_loss(found, part["target"], part["labelled"], hardest=3),
        "mask": mask_loss(network.mask_head(pyramid), part["mask"], part["known"]),
    }


def gradients(dtype: torch.dtype, synchronised: bool, parts: int) -> dict[str, Any]:
    """Gradients and running statistics after this process's share in so many parts."""
    network = Small().to(dtype)
    if synchronised:
        distributed.with_synchronised_norm(network, torch.device("cpu"))
    mine = {
        name: value[distributed.rank() :: distributed.processes()]
        for name, value in batch(dtype).items()
    }
    size = len(mine["image"]) // parts
    shares = [{n: v[i * size : (i + 1) * size] for n, v in mine.items()} for i in range(parts)]
    learner = distributed.Learner(network, lambda part: losses(network, part))
    learner.gradients(shares)
    return {
        "gradients": {n: p.grad for n, p in network.named_parameters()},
        "statistics": {n: b for n, b in network.named_buffers() if "running" in n},
    }


def main(out: Path) -> None:
    """Write what the first process has; also the mean of numbers that differ by process."""
    torch.set_num_threads(1)
    with distributed.group(torch.device("cpu")):
        answer = {
            "float64": gradients(torch.float64, synchronised=True, parts=1),
            "float32": gradients(torch.float32, synchronised=True, parts=1),
            "accumulated": gradients(torch.float64, synchronised=True, parts=2),
            "plain": gradients(torch.float64, synchronised=False, parts=1),
            "mean": distributed.averaged({"a": float(distributed.rank())}),
            "processes": distributed.processes(),
        }
        if distributed.is_first():
            torch.save(answer, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
