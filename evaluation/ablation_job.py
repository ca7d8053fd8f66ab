"""Training one variant of the ablations on kept features: GlobalNet, RefineNet, mask head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.ablation_crops import Exam, Lesson
from evaluation.ablation_rows import Variant
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import Cpn, CpnConfig, CpnOutput
from network.described import describe
from network.fpn_baseline import FpnBaseline, FpnBaselineConfig
from network.global_net import GlobalNetConfig
from network.mask_head import MaskHeadConfig
from network.refine_net import RefineNetConfig
from pose import heatmap
from pose.card import ModelCard
from pose.types import FloatArray
from training.loss import baseline_losses, cpn_losses, mask_loss
from training.pose_dataset import level_kernels

WIDTH = 32  # of the pyramid and of RefineNet; the paper's have 256
# Of a perfect heatmap: about fits the deviation of 1 at which the last BatchNorm starts. With the
# paper's 255 a row would spend all of its few steps on scaling its answers up.
PEAK = 10.0
MASK_WEIGHT = 0.5  # a tenth of the heatmaps' loss at first: three people in ten have masks
CARD = ModelCard(
    name="ablation",
    task="pose",
    architecture="CPN, Lite-HRNet, 128x96",
    input_size_wh=(96, 128),
    decoder="heatmap_cpn",
    heatmap_peak=PEAK,
    skeleton="coco_17",
)


def network_of(variant: Variant) -> Cpn | FpnBaseline:
    """A small network with fresh weights, the same for the same seed."""
    torch.manual_seed(variant.seed)
    backbone = LiteHrnetConfig()
    if not variant.refine:
        plain = GlobalNetConfig(channels=WIDTH, merge="none", head_squeeze=False)
        return FpnBaseline(FpnBaselineConfig(backbone, plain))
    joined = variant.levels
    refine = RefineNetConfig(
        in_channels=(WIDTH,) * joined,
        level_channels=WIDTH,
        final_channels=WIDTH,
        final_squeeze=WIDTH // 2,
        bottlenecks=(0, 1, 2, 3)[:joined],
    )
    mask_head = MaskHeadConfig(channels=WIDTH // 2) if variant.masks else None
    return Cpn(CpnConfig(backbone, GlobalNetConfig(channels=WIDTH), refine, mask_head))


def all_heatmaps(network: nn.Module, maps: list[Tensor]) -> CpnOutput:
    """What the network's own `all_heatmaps` answers, from C2..C5 instead of a picture."""
    assert isinstance(network, Cpn | FpnBaseline)
    pyramid = network.global_net.pyramid(maps)
    levels = network.global_net.heatmaps(pyramid)
    if isinstance(network, FpnBaseline):
        return CpnOutput(levels, levels[0])
    mask = None if network.mask_head is None else network.mask_head(pyramid)
    return CpnOutput(levels, network.refine_net(pyramid), mask)


class AblationJob:
    """A `training.loop.Job` on kept features.

    Args:
        variant: What is trained, and how.
        crops: What it learns from.
        backbone: Weights of the frozen backbone, saved with the rest.
        batch: Crops per step.
    """

    def __init__(
        self, variant: Variant, crops: Lesson, backbone: dict[str, Tensor], batch: int
    ) -> None:
        network = network_of(variant)
        network.backbone.load_state_dict(backbone)
        network.backbone.requires_grad_(False)
        self.network: nn.Module = network
        self._variant, self._crops, self._batch = variant, crops, min(batch, len(crops.points))
        self._kernels = level_kernels(CARD.input_size_wh[1], variant.kernels)

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """All but the backbone, at one rate."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad], "lr": rate}]

    def batches(self, seed: int) -> Iterator[np.ndarray]:
        """Indices of crops."""
        order = np.random.default_rng([self._variant.seed, seed]).permutation(
            len(self._crops.points)
        )
        for first in range(0, len(order) - self._batch + 1, self._batch):
            yield np.sort(order[first : first + self._batch])

    def losses(self, batch: np.ndarray) -> dict[str, Tensor]:
        """The recipe's own losses."""
        crops, variant = self._crops, self._variant
        output = all_heatmaps(self.network, _tensors(crops.maps, batch))
        height, width = output.refined.shape[2:]
        drawn = {
            kernel: torch.from_numpy(
                heatmap.encode_cpn(crops.points[batch], (width, height), kernel)
                * np.float32(CARD.heatmap_peak)
            )
            for kernel in set(self._kernels)
        }
        levels = [drawn[kernel] for kernel in self._kernels]
        labelled = torch.from_numpy(crops.labelled[batch])
        if not variant.refine:
            return baseline_losses(output, levels, labelled)
        visible = torch.from_numpy(crops.visible[batch])
        refine_target = drawn[min(self._kernels)]
        losses = cpn_losses(output, levels, refine_target, visible, labelled, variant.hardest)
        if output.mask is not None:
            mask, known = (torch.from_numpy(each[batch]) for each in (crops.mask, crops.mask_known))
            losses["mask"] = MASK_WEIGHT * mask_loss(output.mask, mask, known)
        return losses

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Nothing: rows are judged together, at the end, on other people."""
        return {}

    def describe(self) -> dict[str, Any]:
        """The network and its card."""
        return {"network": describe(self.network), "card": CARD.to_json()}


def answers(network: nn.Module, crops: Exam, batch: int = 32) -> FloatArray:
    """Heatmaps (n, K, h, w) of every crop of the exam."""
    network.eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(crops.to_frame), batch):
            some = np.arange(first, min(first + batch, len(crops.to_frame)))
            found.append(all_heatmaps(network, _tensors(crops.maps, some)).refined.numpy())
    return np.concatenate(found)


def _tensors(maps: tuple[np.ndarray, ...], chosen: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(each[chosen].astype(np.float32)) for each in maps]
