"""Losses of the person detector: hand and teacher labels, and the teacher's dense answers.

Centre scores follow the quality focal loss (Li et al., NeurIPS 2020), boxes the generalised IoU
(Rezatofighi et al., CVPR 2019). The teacher speaks on every cell: on photographs where not
everybody is labelled it decides what is background, elsewhere it steadies the fine-tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from network.person_detector import LevelMaps, candidates, cell_centres
from training.person_targets import Cells, CellTargets, assign


@dataclass(frozen=True)
class SceneLabels:
    """Labels of one scene as tensors; see `training.person_scene.PersonScene`."""

    xyxy: Tensor
    weights: Tensor
    ignored: Tensor
    complete: bool


@dataclass(frozen=True)
class LossShares:
    """How the parts are weighed.

    Attributes:
        box: Of the box loss against the score loss.
        teacher: Of the teacher's dense scores against hand labels, on completely labelled scenes.
        sure: Teacher's score from which its box teaches cells that no label was given to.
    """

    box: float = 2.0
    teacher: float = 0.25
    sure: float = 0.2


def detector_losses(
    maps: Sequence[LevelMaps],
    taught: Sequence[LevelMaps],
    labels: Sequence[SceneLabels],
    shares: LossShares | None = None,
) -> dict[str, Tensor]:
    """Losses of a batch.

    Args:
        maps: What the network says on N scenes.
        taught: What the teacher says on them, without gradient.
        labels: N scenes' labels.
        shares: Weights.

    Returns:
        `centre` and `box`, scalars.
    """
    shares = shares or LossShares()
    xyxy, logits = candidates(maps)  # (N, A, 4), (N, A)
    soft_xyxy, soft_logits = candidates(taught)
    soft = soft_logits.sigmoid()
    cells = cells_of(maps)
    targets = [
        assign(cells, found, logit, scene.xyxy, scene.weights, scene.ignored)
        for found, logit, scene in zip(xyxy.detach(), logits.detach(), labels, strict=True)
    ]
    complete = torch.tensor([scene.complete for scene in labels], device=logits.device)[:, None]
    scores = _wanted_scores(targets, soft, complete, shares)
    assigned = torch.stack([t.assigned for t in targets])
    box_weights = torch.stack([t.scores * t.weights for t in targets])
    boxes = torch.stack([t.xyxy for t in targets])
    # where no label was given to a cell and the teacher is sure, its box is the label
    guided = ~assigned & (soft > shares.sure) & ~complete
    box_weights = torch.where(guided, soft, box_weights)
    boxes = torch.where(guided[..., None], soft_xyxy, boxes)
    total = scores.sum().clamp(min=1.0)
    taken = box_weights > 0
    box = (1 - generalised_iou(xyxy[taken], boxes[taken])) * box_weights[taken]
    return {
        "centre": quality_focal(logits, scores).sum() / total,
        "box": shares.box * box.sum() / box_weights.sum().clamp(min=1.0),
    }


def _wanted_scores(
    targets: Sequence[CellTargets], soft: Tensor, complete: Tensor, shares: LossShares
) -> Tensor:
    """(N, A): hand labels drawn towards the teacher, or the teacher raised by labels."""
    hard = torch.stack([t.scores for t in targets])
    weights = torch.stack([t.weights for t in targets])
    believed = hard * weights + soft * (1 - weights)
    assigned = weights > 0
    by_hand = torch.where(assigned, hard, torch.zeros_like(hard))
    by_hand = by_hand + shares.teacher * (soft - by_hand)
    by_teacher = torch.where(assigned, torch.maximum(believed, soft), soft)
    scores = torch.where(complete, by_hand, by_teacher)
    ignored = torch.stack([t.ignored for t in targets]) & ~assigned
    return torch.where(ignored, soft, scores)


def cells_of(maps: Sequence[LevelMaps]) -> Cells:
    """The cells in the order of `candidates`."""
    centres = [cell_centres(level)[0].flatten(1).T for level in maps]
    strides = [c.new_full((len(c),), m.stride) for c, m in zip(centres, maps, strict=True)]
    return Cells(torch.cat(centres), torch.cat(strides))


def quality_focal(logits: Tensor, scores: Tensor) -> Tensor:
    """Cross entropy times the squared distance to the wanted score; same shape as both."""
    entropy = functional.binary_cross_entropy_with_logits(logits, scores, reduction="none")
    return entropy * (logits.sigmoid() - scores).square()


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """(P, 4), (P, 4) -> (P,) from -1 to 1, row by row."""
    shared = _product(torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2]))
    union = _product(a[:, 2:] - a[:, :2]) + _product(b[:, 2:] - b[:, :2]) - shared
    hull = _product(torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2]))
    overlap = shared / union.clamp(min=1e-6)
    return overlap - (hull - union) / hull.clamp(min=1e-6)


def _product(sides: Tensor) -> Tensor:
    sides = sides.clamp(min=0)
    return sides[:, 0] * sides[:, 1]
