"""Does a built network still say what the ONNX file said? Both are asked about the same pictures.

A build in half precision that runs is not one that is right: pose networks have come out of it with
NaN, or drifted by pixels. So every build is measured before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pose import boxes as box_rules
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.heatmap import HEATMAP_DECODERS
from pose.oks import oks
from pose.types import FloatArray

_SURE = 0.3  # of boxes and keypoints that are compared in pixels
_NEARLY = 0.01  # of a map's range; two places that close are both its maximum


class Infers(Protocol):
    """The part of an engine that is compared."""

    card: ModelCard

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        """See `engines.engine.Engine.infer`."""
        ...


@dataclass(frozen=True, slots=True)
class Parity:
    """How far one engine's answers lie from another's.

    Attributes:
        pictures: How many were looked at.
        max_relative: Largest difference, relative to the largest value of that output.
        same_place: Share of the heatmaps with the maximum where the reference has it, or has as
            much within a hundredth; of a detector, share of the surest boxes that are the same.
        likeness: Mean OKS of poses with the reference's poses; of a detector, mean overlap (IoU)
            of the boxes that the reference is sure of.
        shift_px: Median distance in input pixels, of keypoints or of sure boxes' corners.
        finite: Whether every answer is a number.
    """

    pictures: int
    max_relative: float
    same_place: float
    likeness: float
    shift_px: float
    finite: bool

    def __str__(self) -> str:
        if not self.finite:
            return "answers that are not numbers (NaN or infinity)"
        return (
            f"same place {self.same_place:.1%}, likeness {self.likeness:.4f}, median shift "
            f"{self.shift_px:.3f} px, largest relative error {self.max_relative:.1e} on "
            f"{self.pictures} pictures"
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a precision may cost: the least share and likeness, the most of the rest of `Parity`."""

    same_place: float
    likeness: float
    shift_px: float
    max_relative: float


# fp32 on a GPU is TF32 inside convolutions: 10 bits of mantissa, like half precision
LIMITS: Mapping[str, Limits] = {
    "fp32": Limits(0.98, 0.995, 0.05, 0.02),
    "fp16": Limits(0.96, 0.98, 0.1, 0.1),
    "int8": Limits(0.5, 0.85, 1.5, 1.0),
}


def compare(reference: Infers, found: Infers, batch: FloatArray) -> Parity:
    """Ask two engines about the same pictures.

    Args:
        reference: Whose answers are held to be right; its card says what they mean.
        found: The other one, with the same outputs.
        batch: (N, 3, H, W) float32, N >= 1, as `build_engine.pictures` makes them.

    Raises:
        ModelFileError: The outputs are not the same in name or shape.
    """
    right, ours = reference.infer(batch), found.infer(batch)
    shapes = [{name: values.shape for name, values in each.items()} for each in (right, ours)]
    if shapes[0] != shapes[1]:
        raise ModelFileError(f"expected outputs {shapes[0]}, got {shapes[1]}; build it again")
    return parity(right, ours, batch.shape, reference.card)


def parity(
    right: Mapping[str, FloatArray],
    ours: Mapping[str, FloatArray],
    shape: tuple[int, ...],
    card: ModelCard,
) -> Parity:
    """Measure answers against the right ones.

    Args:
        right: Arrays by name.
        ours: The same names and shapes.
        shape: (N, 3, H, W) of the inputs.
        card: Of the network.
    """
    if not all(np.isfinite(values).all() for values in ours.values()):
        return Parity(shape[0], np.inf, 0.0, 0.0, np.inf, False)
    relative = max(
        float(np.abs(ours[name] - values).max(initial=0))
        / max(float(np.abs(values).max(initial=0)), 1e-6)
        for name, values in right.items()
    )
    if card.task == "pose":
        place, likeness, shift = _poses(_heatmaps(right), _heatmaps(ours), shape, card)
    elif {"xyxy", "scores"} <= set(right):
        place, likeness, shift = _boxes(right, ours)
    else:  # a detector whose decoder is elsewhere; its raw numbers must do
        place, likeness, shift = 1.0, 1.0, 0.0
    return Parity(shape[0], relative, place, likeness, shift, True)


def check(found: Parity, precision: str, what: str, refuse_drift: bool = True) -> None:
    """Refuse a build that is not what it was built from.

    Args:
        found: Its measurement.
        precision: Which of `LIMITS` holds.
        what: Its name, for the message.
        refuse_drift: Whether the limits hold; else NaN alone is refused.

    Raises:
        ModelFileError: NaN, or beyond a limit.
    """
    limits = LIMITS[precision]
    fits = (
        found.same_place >= limits.same_place
        and found.likeness >= limits.likeness
        and found.shift_px <= limits.shift_px
        and found.max_relative <= limits.max_relative
    )
    if not found.finite or (refuse_drift and not fits):
        raise ModelFileError(
            f"{what} in {precision} is not the network that it was built from: {found}; allowed "
            f"are at least {limits.same_place:.0%} and {limits.likeness}, at most "
            f"{limits.shift_px} px and {limits.max_relative:.0e}. Nothing was kept; try "
            "--keep-fp32 with the operators that overflow, or --precision fp32"
        )


def _heatmaps(answers: Mapping[str, FloatArray]) -> FloatArray:
    return answers["heatmaps"] if "heatmaps" in answers else next(iter(answers.values()))


def _poses(
    right: FloatArray, ours: FloatArray, shape: tuple[int, ...], card: ModelCard
) -> tuple[float, float, float]:
    """Share of equal maxima, mean OKS, median shift in crop pixels; all (N, K, h, w)."""
    n, k, height, width = right.shape
    flat, other = right.reshape(n, k, -1), ours.reshape(n, k, -1)
    top = flat.max(axis=2)
    there = np.take_along_axis(flat, other.argmax(axis=2)[..., None], axis=2)[..., 0]
    same = there >= top - _NEARLY * (top - flat.min(axis=2))

    decode = HEATMAP_DECODERS[card.decoder]
    to_crop = np.array([shape[3] / width, shape[2] / height], np.float32)
    points, scores = decode(right, card.heatmap_peak)
    moved, _ = decode(ours, card.heatmap_peak)
    points, moved = points * to_crop, moved * to_crop
    sure = scores >= _SURE
    if not sure.any():  # a network that was not trained is sure of nothing
        sure = np.ones_like(sure)
    same_sure = same[sure]
    sure = sure & np.isfinite(points).all(axis=2)  # a flat map has no place to compare
    if not sure.any():
        return float(same_sure.mean()), 1.0, 0.0
    moved = np.where(np.isfinite(moved), moved, np.inf)
    area = np.array([shape[2] * shape[3] / card.crop_padding**2], np.float32)
    sigmas = card.keypoints.oks_sigmas
    each = [
        oks(moved[i : i + 1], points[i : i + 1], sure[i : i + 1], area, sigmas)[0, 0]
        for i in range(n)
        if sure[i].any()
    ]
    shift = np.linalg.norm(moved - points, axis=2)[sure]
    return float(same_sure.mean()), float(np.mean(each)), float(np.median(shift))


def _boxes(
    right: Mapping[str, FloatArray], ours: Mapping[str, FloatArray]
) -> tuple[float, float, float]:
    """Share of sure boxes that stay sure, mean IoU and median shift of the sure ones."""
    sure = right["scores"] >= min(_SURE, float(right["scores"].max()))
    before, after = right["xyxy"][sure], ours["xyxy"][sure]
    still = ours["scores"][sure] >= 0.9 * right["scores"][sure]
    overlap = [
        float(box_rules.iou(a[None], b[None])[0, 0]) for a, b in zip(before, after, strict=True)
    ]
    return float(still.mean()), float(np.mean(overlap)), float(np.median(np.abs(after - before)))
