"""Estimation: frames and boxes -> poses, through crops and heatmaps.

The crops of all people of all frames of a run fill the engine's batches together. This is the
way of the CPU; an estimator that works on the GPU keeps the same contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from typing_extensions import Self

from engines.engine import Engine
from pose import affine, crops
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.heatmap import HEATMAP_DECODERS
from pose.types import Boxes, Crops, FloatArray, Frame, Heatmaps, IntArray, Poses

MIN_SCORE = 0.01  # a lower maximum is noise, whatever the network

# Where in a heatmap pixel the keypoints lie that its network was taught to put there. CPN's own
# targets round down, so that a pixel speaks for all that lies up to the next one.
WITHIN_PIXEL = {"heatmap_cpn": 0.5}


class CropEstimator:
    """Finds the keypoints of the people in given boxes; enter it before use.

    Args:
        engine: A network with a card of task `pose`.
        flip: Look at every crop's mirror image too and take the mean: slower, more accurate.

    Raises:
        ModelFileError: The card is for another task, or names an unknown decoder or skeleton.
    """

    def __init__(self, engine: Engine, flip: bool = False) -> None:
        card = engine.card
        if card.task != "pose" or card.decoder not in HEATMAP_DECODERS:
            raise ModelFileError(
                f"expected a pose network with a decoder of {sorted(HEATMAP_DECODERS)}, "
                f"got {card.name!r} for {card.task!r} with {card.decoder!r}"
            )
        self._engine, self._flip, self._skeleton = engine, flip, card.keypoints

    @property
    def card(self) -> ModelCard:
        """The network's."""
        return self._engine.card

    @property
    def max_batch(self) -> int:
        """Most people in one run of the network."""
        return self._engine.max_batch

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.__exit__(*exc)

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        """Find the keypoints of everyone.

        Args:
            frames: A run of frames; sizes may differ.
            boxes: Per frame its people.

        Returns:
            Per frame its poses, in the order of its boxes.
        """
        people = self.cut(frames, boxes)
        parts = [
            decode(self.heatmaps(people[start : start + self.max_batch]), self.card)
            for start in range(0, len(people), self.max_batch)
        ]
        return by_frame(parts, boxes, len(self._skeleton))

    def cut(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> Crops:
        """Cut out everyone of all frames, as the card says, in the order of the boxes."""
        card = self.card
        return _joined(
            [
                crops.cut(frame.image, people, card.input_size_wh, card.crop_padding)
                for frame, people in zip(frames, boxes, strict=True)
            ],
            card.input_size_wh,
        )

    def heatmaps(self, people: Crops) -> Heatmaps:
        """Ask the network about N crops.

        Args:
            people: N crops of the card's size.

        Returns:
            N heatmaps, the mean with the mirror image's if `flip`.

        Raises:
            ModelFileError: The network does not answer with one map per keypoint of the card.
        """
        batch = crops.to_batch(people.images, self._engine.card)
        values = self._infer(batch)
        heatmap_wh = (values.shape[3], values.shape[2])
        to_crop = affine.heatmap_to_crop((batch.shape[3], batch.shape[2]), heatmap_wh)
        if self._flip:
            columns = mirrored_columns(batch.shape[3], first_plus_last(self.card, heatmap_wh))
            mirrored = self._infer(np.ascontiguousarray(batch[..., columns]))
            values = (values + mirrored[:, self._skeleton.flip, :, ::-1]) * np.float32(0.5)
        to_crop = np.broadcast_to(to_crop, people.to_frame.shape)
        return Heatmaps(values, affine.compose(people.to_frame, to_crop), people.boxes)

    def _infer(self, batch: FloatArray) -> FloatArray:
        outputs = self._engine.infer(batch)
        values = outputs["heatmaps"] if "heatmaps" in outputs else next(iter(outputs.values()))
        if values.ndim != 4 or values.shape[1] != len(self._skeleton):
            raise ModelFileError(
                f"{self._engine.card.name}: expected {len(self._skeleton)} heatmaps per person "
                f"({self._skeleton.name}), got an answer of shape {values.shape}; mend the card"
            )
        return values


def decode(heatmaps: Heatmaps, card: ModelCard) -> Poses:
    """Read keypoints from heatmaps, the way the card says.

    Args:
        heatmaps: N people's.
        card: The pose network's.

    Returns:
        N poses; a keypoint that is next to nothing or lies beyond its crop is not found.
    """
    points, scores = HEATMAP_DECODERS[card.decoder](heatmaps.values, card.heatmap_peak)
    height, width = heatmaps.values.shape[2:]
    scores = np.clip(scores, 0, 1)
    beyond = (points < -0.5) | (points > np.array([width, height], np.float32) - 0.5)
    lost = ~(scores >= MIN_SCORE) | beyond.any(axis=2) | ~np.isfinite(points).all(axis=2)
    keypoints = affine.apply(heatmaps.to_frame, points)
    keypoints[lost] = np.nan
    scores[lost] = 0
    return Poses(keypoints, scores, heatmaps.boxes)


def first_plus_last(card: ModelCard, heatmap_wh: tuple[int, int]) -> float:
    """Sum of the crop columns that a network's first and last heatmap pixel speak about."""
    to_crop = affine.heatmap_to_crop(card.input_size_wh, heatmap_wh)
    within = WITHIN_PIXEL.get(card.decoder, 0)
    ends = to_crop[0, 0] * np.array([within, heatmap_wh[0] - 1 + within]) + to_crop[0, 2]
    return float(ends.sum())


def mirrored_columns(width: int, first_plus_last: float) -> IntArray:
    """Say which column of a crop each column of its mirror image shows.

    The mirror stands where the heatmaps of the two sides fall on each other, first pixel on last,
    so that the mirrored answer needs no shift. With heatmap pixel i on crop pixel 4i that is
    column (W - 4) / 2, not the crop's middle (W - 1) / 2: mirrored there, maps are 0.75 pixels
    apart, for which published code shifts by one pixel (mmpose, PaddleDetection).

    Args:
        width: W.
        first_plus_last: What the function of that name gives.

    Returns:
        (W,) int64; columns from beyond the edge repeat it.
    """
    return np.clip(round(first_plus_last) - np.arange(width), 0, width - 1)


def by_frame(parts: Sequence[Poses], boxes: Sequence[Boxes], keypoints: int) -> list[Poses]:
    """Deal poses out to their frames.

    Args:
        parts: Poses of everyone, in the order of the boxes, in parts of any length.
        boxes: Per frame its people.
        keypoints: K, for frames without people.

    Returns:
        Per frame its poses, with its own boxes.
    """
    everybody = Poses.joined(parts, keypoints)
    ends = np.cumsum([0, *map(len, boxes)])
    return [
        Poses(everybody.keypoints[start:end], everybody.scores[start:end], people)
        for (start, end), people in zip(pairwise(ends), boxes, strict=True)
    ]


def _joined(parts: Sequence[Crops], size_wh: tuple[int, int]) -> Crops:
    nobody = np.zeros((0, size_wh[1], size_wh[0], 3), np.uint8)
    return Crops(
        np.concatenate([nobody, *(part.images for part in parts)]),
        np.concatenate([np.zeros((0, 2, 3), np.float32), *(part.to_frame for part in parts)]),
        Boxes.joined(part.boxes for part in parts),
    )
