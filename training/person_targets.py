"""Which cell shall find which person: targets of the person detector.

The assignment is RTMDet's soft one (Lyu et al., arXiv 2212.07784, section 3.3, after SimOTA in
YOLOX, arXiv 2107.08430): a person goes to the cells that already fit best by box and score, near
the centre first, and the wanted score is the IoU of the cell's box with the person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_FAR = 1e8  # cost of a cell that may not be chosen


@dataclass(frozen=True)
class CellTargets:
    """What A cells of one scene shall say.

    Attributes:
        scores: (A,) wanted centre score; 0 where no person was assigned.
        xyxy: (A, 4) wanted box, input pixels; zeros where no person was assigned.
        weights: (A,) how far the person's label is believed; 0 where no person was assigned.
        ignored: (A,) bool, cells of areas that are neither people nor empty.
    """

    scores: Tensor
    xyxy: Tensor
    weights: Tensor
    ignored: Tensor

    @property
    def assigned(self) -> Tensor:
        """(A,) bool."""
        return self.weights > 0


@dataclass(frozen=True)
class Cells:
    """Where the A cells of an input are.

    Attributes:
        centres: (A, 2) x, y in input pixels.
        strides: (A,) pixels per cell.
    """

    centres: Tensor
    strides: Tensor


@torch.no_grad()
def assign(
    cells: Cells,
    found: Tensor,
    logits: Tensor,
    xyxy: Tensor,
    weights: Tensor,
    ignored: Tensor,
    most_cells: int = 13,
    reach: float = 3.0,
) -> CellTargets:
    """Give every person of one scene to its cells.

    Args:
        cells: The A cells.
        found: (A, 4) boxes that the cells give now.
        logits: (A,) centre logits that they give now.
        xyxy: (M, 4) people's boxes; M may be 0.
        weights: (M,) how far each is believed, above 0.
        ignored: (C, 4) areas that are neither people nor empty.
        most_cells: A person gets as many cells as the sum of its best IoUs, at most this many.
        reach: Strides from the centre at which a cell costs 1 more.
    """
    count, people = len(found), len(xyxy)
    targets = CellTargets(
        found.new_zeros(count),
        found.new_zeros(count, 4),
        found.new_zeros(count),
        _inside(cells, ignored).any(1),
    )
    if not people:
        return targets
    may = _inside(cells, xyxy)  # (A, M)
    overlap = pairwise_iou(found, xyxy)
    wanted_bce = functional.binary_cross_entropy_with_logits(
        logits[:, None].expand_as(overlap), overlap, reduction="none"
    )
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    away = (cells.centres[:, None] - centre[None]).norm(dim=-1) / cells.strides[:, None]
    cost = (
        wanted_bce * (overlap - logits.sigmoid()[:, None]).square()
        - 3 * (overlap + 1e-7).log()
        + 10 ** (away - reach).clamp(max=6)
    )
    cost = torch.where(may, cost, torch.full_like(cost, _FAR))
    possible = torch.where(may, overlap, torch.zeros_like(overlap))
    shares = possible.topk(min(most_cells, count), 0).values.sum(0).int().clamp(min=1)  # (M,)
    order = cost.argsort(0)[: int(shares.max())]  # (k, M)
    rank = torch.arange(len(order), device=found.device)[:, None]
    chosen = torch.zeros_like(may)
    chosen.scatter_(0, order, rank < shares[None])
    cost = torch.where(chosen & may, cost, torch.full_like(cost, _FAR))
    least, person = cost.min(1)  # a cell that two people want goes to the cheaper one
    taken = least < _FAR
    person = person[taken]
    targets.scores[taken] = overlap[taken, person]
    targets.xyxy[taken] = xyxy[person]
    targets.weights[taken] = weights[person]
    return targets


def _inside(cells: Cells, xyxy: Tensor) -> Tensor:
    """(A, M) bool: cells within boxes; a box narrower than the finest cell still reaches one."""
    finest = cells.strides.min()
    centre, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2
    half = torch.where(
        (cells.strides == finest)[:, None, None], half.clamp(min=float(finest) / 2), half
    )  # (A, M, 2)
    return ((cells.centres[:, None] - centre[None]).abs() <= half).all(-1)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """(A, 4), (M, 4) -> (A, M) intersection over union."""
    sides = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(
        a[:, None, :2], b[None, :, :2]
    )
    shared = sides.clamp(min=0).prod(-1)
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1)
    return shared / (area_a[:, None] + area_b[None] - shared).clamp(min=1e-6)
