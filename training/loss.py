"""What a CPN is told off for: heatmaps far from their targets, hard keypoints most.

Source: CPN, CVPR 2018, section 3.2, and tf-cpn: GlobalNet's loss is the mean squared error of
every level; RefineNet's takes only the hardest M of the K keypoints of each person (OHKM, M = 8).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from network.cpn import CpnOutput


def keypoint_errors(found: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error per person and keypoint.

    Args:
        found: (N, K, h, w) heatmaps.
        target: (N, K, h, w).
        weight: (N, K) from 0 (not labelled) to 1.

    Returns:
        (N, K).
    """
    return ((found - target) ** 2).mean(dim=(2, 3)) * weight


def hard_keypoint_loss(found: Tensor, target: Tensor, weight: Tensor, hardest: int) -> Tensor:
    """Online hard keypoints mining: the mean over each person's `hardest` worst keypoints."""
    errors = keypoint_errors(found, target, weight)
    return errors.topk(min(hardest, errors.shape[1]), dim=1).values.mean()


def cpn_losses(
    output: CpnOutput,
    level_targets: list[Tensor],
    target: Tensor,
    visible: Tensor,
    labelled: Tensor,
    hardest: int = 8,
    *,
    global_weight: float = 0.5,
    global_hardest: int | None = None,
    hidden: Literal["empty", "ignored"] = "empty",
) -> dict[str, Tensor]:
    """The paper's two losses; the defaults weigh them as tf-cpn does.

    Args:
        output: Heatmaps of every stage.
        level_targets: One (N, K, h, w) per level of `output.levels`, each with its own Gaussian.
        target: (N, K, h, w) for RefineNet.
        visible: (N, K) 1 where the keypoint is visible.
        labelled: (N, K) weight in RefineNet's loss.
        hardest: M of OHKM.
        global_weight: Of the mean over GlobalNet's levels; pytorch-cpn's sum of halves is 2.
        global_hardest: M of an OHKM in GlobalNet; None for the mean over all.
        hidden: What GlobalNet learns of keypoints that are not visible: an `empty` heatmap, as both
            public codes teach it, or nothing.

    Returns:
        `global` and `refine`, scalars.
    """
    weight = torch.ones_like(visible) if hidden == "empty" else visible
    most = global_hardest or visible.shape[1]
    levels = [
        hard_keypoint_loss(found, wanted * visible[..., None, None], weight, most)
        for found, wanted in zip(output.levels, level_targets, strict=True)
    ]
    return {
        "global": torch.stack(levels).mean() * global_weight,
        "refine": hard_keypoint_loss(output.refined, target, labelled, hardest),
    }


def distillation_losses(
    output: CpnOutput, target: Tensor, weight: Tensor, hardest: int = 8, global_share: float = 0.25
) -> dict[str, Tensor]:
    """Losses where the target is a teacher's heatmap, soft and never zero by rule.

    Every keypoint counts, and the hardest count again: a teacher's weak answers are as informative
    as its strong ones, so that OHKM alone would forget the easy joints.

    Args:
        output: Heatmaps of every stage.
        target: (N, K, h, w), peak about 1.
        weight: (N, K).
        hardest: M of OHKM.
        global_share: Weight of GlobalNet's levels; 0 where they do not train.
    """
    errors = keypoint_errors(output.refined, target, weight)
    losses = {
        "all": errors.mean(),
        "hard": 0.5 * errors.topk(min(hardest, errors.shape[1]), dim=1).values.mean(),
    }
    if global_share and output.levels:
        levels = [keypoint_errors(found, target, weight).mean() for found in output.levels]
        losses["global"] = global_share * torch.stack(levels).mean()
    return losses


def baseline_losses(
    output: CpnOutput, level_targets: list[Tensor], labelled: Tensor
) -> dict[str, Tensor]:
    """Plain squared error on every stage's heatmaps, for the baselines without RefineNet.

    Intermediate supervision, as in the stacked hourglass (Newell et al., ECCV 2016, section 3.2).

    Args:
        output: Its `levels` are the feature pyramid's, or every stage's of an hourglass.
        level_targets: One (N, K, h, w) per level.
        labelled: (N, K) weight.

    Returns:
        `stages`, a scalar.
    """
    errors = [
        keypoint_errors(found, wanted, labelled).mean()
        for found, wanted in zip(output.levels, level_targets, strict=True)
    ]
    return {"stages": torch.stack(errors).sum()}


def mask_loss(logits: Tensor, coverage: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy between the mask and how much of each pixel is the person.

    Args:
        logits: (N, h, w).
        coverage: (N, h, w), 0 to 1.
        known: (N,) 1 where there is a mask to learn.

    Returns:
        A scalar: the sum over people with a mask, divided by N, so that halves of a batch average
        to the whole whatever their share of masks.
    """
    errors = F.binary_cross_entropy_with_logits(logits, coverage, reduction="none")
    return (errors.mean(dim=(1, 2)) * known).mean()
