"""Estimation: frames and boxes -> poses, through crops and heatmaps.

The crops of all people of all frames of a run fill the engine's batches together. This is the
way of the CPU; an estimator that works on the GPU keeps the same contract.
"""

from __future__ import annotations

from collections.abc import Sequence

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
_WITHIN_PIXEL = {"heatmap_cpn": 0.5}


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
        card, batch = self._engine.card, self._engine.max_batch
        found = [Poses.empty(len(self._skeleton))] * len(frames)
        if not any(len(people) for people in boxes):
            return found
        cut = _joined(
            [
                crops.cut(frame.image, people, card.input_size_wh, card.crop_padding)
                for frame, people in zip(frames, boxes, strict=True)
            ]
        )
        parts = [
            decode(self.heatmaps(_part(cut, slice(start, start + batch))), card)
            for start in range(0, len(cut), batch)
        ]
        keypoints = np.concatenate([part.keypoints for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        end = 0
        for i, people in enumerate(boxes):
            start, end = end, end + len(people)
            found[i] = Poses(keypoints[start:end], scores[start:end], people)
        return found

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
            within = _WITHIN_PIXEL.get(self._engine.card.decoder, 0)
            ends = to_crop[0, 0] * np.array([within, heatmap_wh[0] - 1 + within]) + to_crop[0, 2]
            columns = mirrored_columns(batch.shape[3], ends.sum())
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


def mirrored_columns(width: int, first_plus_last: float) -> IntArray:
    """Say which column of a crop each column of its mirror image shows.

    The mirror stands where the heatmaps of the two sides fall on each other, first pixel on last,
    so that the mirrored answer needs no shift. With heatmap pixel i on crop pixel 4i that is
    column (W - 4) / 2, not the crop's middle (W - 1) / 2: mirrored there, maps are 0.75 pixels
    apart, for which published code shifts by one pixel (mmpose, PaddleDetection).

    Args:
        width: W.
        first_plus_last: Sum of the columns that the first and the last heatmap pixel speak about.

    Returns:
        (W,) int64; columns from beyond the edge repeat it.
    """
    return np.clip(round(first_plus_last) - np.arange(width), 0, width - 1)


def _joined(parts: Sequence[Crops]) -> Crops:
    people = Boxes(
        np.concatenate([part.boxes.xyxy for part in parts]),
        np.concatenate([part.boxes.scores for part in parts]),
    )
    return Crops(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.to_frame for part in parts]),
        people,
    )


def _part(people: Crops, chosen: slice) -> Crops:
    return Crops(people.images[chosen], people.to_frame[chosen], people.boxes[chosen])
