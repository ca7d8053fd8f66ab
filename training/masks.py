"""Masks of people: COCO's polygons and run lengths, or mask pictures, warped like the crop.

A mask is kept as it came, small, and drawn only where a crop needs it. COCO's own tools are not
needed; the tests compare with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose import affine
from pose.errors import InputError
from pose.types import ByteArray, FloatArray

_SUBPIXEL_BITS = 4
_FINE = 4  # a heatmap pixel's part of the person is counted on 4 x 4 points


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """Outlines, each (n, 2) float32 photograph pixels; COCO's 0 is the picture's edge."""

    outlines: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RunLengths:
    """COCO's run lengths: down the columns, first the background's.

    Attributes:
        counts: (n,) int64 lengths of alternating runs.
        size_hw: Height and width of the photograph.
    """

    counts: np.ndarray
    size_hw: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class MaskPicture:
    """A picture as large as the photograph; above 127 is the person."""

    path: Path


Mask = Polygons | RunLengths | MaskPicture


def from_coco(segmentation: Any, what: str = "segmentation") -> Mask | None:
    """Read an annotation's `segmentation`; None where it is empty.

    Args:
        segmentation: A list of polygons, or run lengths, plain or compressed.
        what: Where it stands, for the message.

    Raises:
        InputError: It is none of these.
    """
    try:
        if isinstance(segmentation, Mapping):
            height, width = (int(side) for side in segmentation["size"])
            counts = segmentation["counts"]
            runs = _uncompressed(counts) if isinstance(counts, str) else np.array(counts, np.int64)
            if runs.sum() != height * width or runs.min(initial=0) < 0:
                raise ValueError(f"runs of {runs.sum()} pixels for {width}x{height}")
            return RunLengths(runs, (height, width))
        outlines = [np.array(flat, np.float32).reshape(-1, 2) for flat in segmentation or ()]
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{what}: expected COCO polygons or run lengths, got {error}") from error
    outlines = [outline for outline in outlines if len(outline) >= 3]
    return Polygons(tuple(outlines)) if outlines else None


def warped(mask: Mask, to_canvas: FloatArray, size_wh: tuple[int, int]) -> ByteArray:
    """Draw a mask on a canvas.

    Args:
        mask: Whose person.
        to_canvas: (2, 3) photograph pixel -> canvas pixel.
        size_wh: Of the canvas.

    Returns:
        (height, width) uint8, 255 on the person, between where pictures are resampled.

    Raises:
        InputError: A mask picture cannot be read.
    """
    if isinstance(mask, Polygons):
        canvas = np.zeros((size_wh[1], size_wh[0]), np.uint8)
        moved = [
            affine.apply(to_canvas, outline[None] - np.float32(0.5))[0] for outline in mask.outlines
        ]
        # Each for itself: together, parts that overlap would cancel out.
        for outline in moved:
            fixed = np.rint(outline * 2**_SUBPIXEL_BITS).astype(np.int32)
            cv2.fillPoly(canvas, [fixed], 255, shift=_SUBPIXEL_BITS)
        return canvas
    whole = _decoded(mask) if isinstance(mask, RunLengths) else read_picture(mask.path)
    return np.asarray(cv2.warpAffine(whole, to_canvas, size_wh), np.uint8)


def coverage(mask: Mask, to_crop: FloatArray, crop_wh: tuple[int, int]) -> FloatArray:
    """How much of each heatmap pixel is the person.

    Args:
        mask: Whose person.
        to_crop: (2, 3) photograph pixel -> crop pixel.
        crop_wh: Of the crop, which has four pixels to a heatmap pixel.

    Returns:
        (h, w) float32, 0 to 1; pixel i is centred on crop pixel 4 i, as the heatmaps are.
    """
    to_fine = to_crop.copy()
    to_fine[:, 2] += (_FINE - 1) / 2
    fine = warped(mask, to_fine, crop_wh)
    maps_wh = (crop_wh[0] // _FINE, crop_wh[1] // _FINE)
    small = cv2.resize(fine.astype(np.float32), maps_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def read_picture(path: Path) -> ByteArray:
    """Read a mask picture: (H, W) uint8; InputError if that is impossible."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InputError(f"expected a mask picture at {path}, could not read one")
    return np.asarray(picture, np.uint8)


def _decoded(mask: RunLengths) -> ByteArray:
    values = np.resize(np.array([0, 255], np.uint8), len(mask.counts))
    height, width = mask.size_hw
    return np.ascontiguousarray(np.repeat(values, mask.counts).reshape(width, height).T)


def _uncompressed(text: str) -> np.ndarray:
    """COCO's text of runs: five bits a letter, lowest first, each against the last but one."""
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text.encode():
        bits = letter - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    return np.array(counts, np.int64)
