"""Detection: frames -> people's boxes. Knows no network format; `app.steps.decoders` does.

Frames of one size travel to the engine as one batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from app.steps.decoders import BOX_DECODERS
from engines.engine import Engine
from pose import affine, boxes, crops
from pose.card import sized
from pose.errors import ModelFileError
from pose.types import Boxes, ByteArray, FloatArray, Frame

# 0.25 would give a third more boxes in the demo clip, nearly all of them ghosts that only the
# tracker turns away: a fifth of the frames a second. `app.steps.doubtful` finds the others.
MIN_SCORE = 0.35


class PersonDetector:
    """Finds people in frames; enter it before use.

    Args:
        engine: A network with a card of task `person`.
        min_score: Boxes below are nobody.
        nms_iou: Of two boxes that overlap more than this, the better one stays.
        max_people: At most so many boxes per frame, best first.
        parts: Keep boxes that seem to be a part of somebody who has a better box.
        side: Longest side in pixels of what the network sees, for one that takes any size; 0 for
            the card's. More finds smaller people, and takes longer.

    Raises:
        ModelFileError: The card is for another task or names an unknown decoder.
        UsageError: The network does not take that side.
    """

    def __init__(
        self,
        engine: Engine,
        min_score: float = MIN_SCORE,
        nms_iou: float = boxes.SAME_IOU,
        max_people: int = 20,
        parts: bool = False,
        side: int = 0,
    ) -> None:
        card = engine.card
        if card.task != "person" or card.decoder not in BOX_DECODERS:
            raise ModelFileError(
                f"expected a person detector with a decoder of {sorted(BOX_DECODERS)}, "
                f"got {card.name!r} for {card.task!r} with {card.decoder!r}"
            )
        self._engine = engine
        self._card = sized(card, side) if side else card
        self._decode = BOX_DECODERS[card.decoder]
        self._min_score, self._nms_iou, self._max_people = min_score, nms_iou, max_people
        self._parts = parts

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.__exit__(*exc)

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Find the people of every frame.

        Args:
            frames: A run of frames; sizes may differ.

        Returns:
            Per frame its boxes in frame pixels, clipped to the frame, best first.
        """
        canvases: list[tuple[ByteArray, FloatArray]] = [
            crops.letterbox(frame.image, self._card) for frame in frames
        ]
        batches: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, (canvas, _) in enumerate(canvases):
            batches[canvas.shape].append(i)
        found = [Boxes.empty() for _ in frames]
        for shape, members in batches.items():
            batch = crops.to_batch(np.stack([canvases[i][0] for i in members]), self._card)
            outputs = self._engine.infer(batch)
            for place, i in enumerate(members):
                candidates = self._decode(outputs, place, (shape[1], shape[0]))
                found[i] = self._people(candidates, canvases[i][1], frames[i])
        return found

    def _people(self, candidates: Boxes, to_frame: FloatArray, frame: Frame) -> Boxes:
        likely = candidates[candidates.scores >= self._min_score]
        corners = likely.xyxy.reshape(1, -1, 2)  # (1, 2N, 2), as one thing with 2N points
        xyxy = affine.apply(to_frame[None], corners).reshape(-1, 4)
        likely = Boxes(boxes.clip(xyxy, frame.size_wh), likely.scores)
        likely = likely[boxes.area(likely.xyxy) > 0]
        likely = likely[boxes.nms(likely.xyxy, likely.scores, self._nms_iou)]
        if not self._parts:
            likely = likely[whole_people(likely)]
        return likely[: self._max_people]


def whole_people(
    candidates: Boxes, min_inside: float = 0.9, min_share: float = 0.3, max_score: float = 0.6
) -> npt.NDArray[np.bool_]:
    """Tell boxes of whole people from boxes of parts of somebody who has a better box.

    A box that lies inside a far better one and is a good part of its size is the same person's
    upper body or legs; a much smaller one may be a child or somebody far behind and stays. So does
    one that is nearly as sure: in crowds those are people (dropping them too cost 0.02 of AP50 on
    200 held-in photographs), and two poses that are one person's are told apart later.

    Args:
        candidates: N boxes, best first.
        min_inside: Share of a part's area that lies inside the better box.
        min_share: A part's area over the better box's.
        max_score: A part's score over the better box's.

    Returns:
        (N,) bool.
    """
    xyxy, area = candidates.xyxy, boxes.area(candidates.xyxy)
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)  # (N, N)
    part = (common > min_inside * area[:, None]) & (area[:, None] > min_share * area[None])
    part &= candidates.scores[:, None] < max_score * candidates.scores[None]
    better = np.tri(len(xyxy), k=-1, dtype=bool)  # [i, j]: j comes before i
    parts: npt.NDArray[np.bool_] = (part & better).any(axis=1)
    return ~parts
