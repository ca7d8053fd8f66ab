"""Several pose networks as one: their heatmaps are averaged, and the average is read.

The winning entry merged its models so. Networks may differ in backbone, input size and padding
of the crop; only the aspect must be one, so that all look at the same part of the frame. Every
network's heatmaps are brought to the grid of the finest ones, and to maxima of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from typing_extensions import Self

from app.steps.estimate import WITHIN_PIXEL, CropEstimator, by_frame, decode
from pose import affine
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.types import Boxes, FloatArray, Frame, Heatmaps, Poses

_SAME_ASPECT = 0.01  # relative; 192 / 256 and 288 / 384 are exactly the same
_SLACK = 1e-3  # heatmap pixels; maps to the frame and back are rounded


def as_one(members: Sequence[CropEstimator]) -> CropEstimator | EnsembleEstimator:
    """An ensemble; a single network is itself."""
    return members[0] if len(members) == 1 else EnsembleEstimator(members)


class EnsembleEstimator:
    """Finds keypoints like `CropEstimator`, by the mean of several networks' heatmaps.

    Args:
        members: At least one; of equals, the first decides how heatmaps are read.

    Raises:
        ModelFileError: The networks know different keypoints, or look at crops of another aspect.
    """

    def __init__(self, members: Sequence[CropEstimator]) -> None:
        first = members[0].card
        for member in members[1:]:
            card = member.card
            if card.keypoints != first.keypoints:
                raise ModelFileError(
                    f"expected pose networks with the same keypoints, got {first.skeleton} in "
                    f"{first.name!r} and {card.skeleton} in {card.name!r}"
                )
            if abs(card.aspect / first.aspect - 1) > _SAME_ASPECT:
                sizes = ["{}x{}".format(*each.input_size_wh) for each in (first, card)]
                raise ModelFileError(
                    f"expected pose networks of one aspect, got {sizes[0]} in {first.name!r} and "
                    f"{sizes[1]} in {card.name!r}"
                )
        self._members = tuple(members)
        self._stack = ExitStack()

    @property
    def card(self) -> ModelCard:
        """The first network's; all know the same keypoints."""
        return self._members[0].card

    @property
    def max_batch(self) -> int:
        """What the smallest of them takes at once."""
        return min(member.max_batch for member in self._members)

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # closes what is open if one cannot be opened
            for member in self._members:
                stack.enter_context(member)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        """Find the keypoints of everyone; as `CropEstimator`."""
        cards = [member.card for member in self._members]
        cuts = [member.cut(frames, boxes) for member in self._members]
        parts = []
        for start in range(0, len(cuts[0]), self.max_batch):
            some = slice(start, start + self.max_batch)
            answers = [
                member.heatmaps(cut[some]) for member, cut in zip(self._members, cuts, strict=True)
            ]
            parts.append(decode(*merged(answers, cards)))
        return by_frame(parts, boxes, len(self.card.keypoints))


def merged(answers: Sequence[Heatmaps], cards: Sequence[ModelCard]) -> tuple[Heatmaps, ModelCard]:
    """The mean of several networks' heatmaps of the same people.

    Args:
        answers: Of each network, for the same N people, cut out upright.
        cards: The networks'.

    Returns:
        Heatmaps on the grid of the finest answer (of equals, the first), their maxima brought to
        1; where a network's crop does not reach, the mean of the others. And the card to read
        them by.
    """
    finest = int(np.argmax([answer.values[0, 0].size for answer in answers]))
    grid, card = answers[finest], cards[finest]
    total = np.zeros_like(grid.values)
    votes = np.zeros((len(grid), 1, *grid.values.shape[2:]), np.float32)
    for answer, its_card in zip(answers, cards, strict=True):
        within = WITHIN_PIXEL.get(card.decoder, 0), WITHIN_PIXEL.get(its_card.decoder, 0)
        values = answer.values * np.float32(1 / its_card.heatmap_peak)
        across, down = _sampling(grid, answer, within)  # (N, w, w'), (N, h, h')
        total += down[:, None] @ (values @ across[:, None].swapaxes(2, 3))
        votes += (down.sum(axis=2)[:, :, None] * across.sum(axis=2)[:, None, :])[:, None]
    mean = Heatmaps(np.asarray(total / votes, np.float32), grid.to_frame, grid.boxes)
    return mean, replace(card, heatmap_peak=1.0)


def _sampling(
    grid: Heatmaps, answer: Heatmaps, within: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Bilinear interpolation at the grid's pixels, as products along rows and columns.

    Args:
        grid: Where values are wanted.
        answer: Where they are.
        within: Where in a pixel of either the keypoint lies that it speaks about.

    Returns:
        (N, w, w') and (N, h, h') float32 weights; rows that see nothing of the answer are 0.
    """
    there = affine.compose(affine.inverse(answer.to_frame), grid.to_frame)  # (N, 2, 3)
    sides = []
    for axis, wanted, present in zip(
        (0, 1), grid.values.shape[:1:-1], answer.values.shape[:1:-1], strict=True
    ):
        place = np.arange(wanted) + within[0]
        place = there[:, axis, axis, None] * place + there[:, axis, 2, None] - within[1]  # (N, w)
        seen = (place > -0.5 - _SLACK) & (place < present - 0.5 + _SLACK)
        place = np.clip(place, 0, present - 1)
        apart = np.abs(place[..., None] - np.arange(present))  # (N, w, w')
        sides.append((np.maximum(1 - apart, 0) * seen[..., None]).astype(np.float32))
    return sides[0], sides[1]
