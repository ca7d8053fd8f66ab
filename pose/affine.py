"""Affine maps between frame, crop and heatmap, and the one half-pixel rule they all follow.

The rule: integer coordinates are pixel centres, so a picture of width W reaches from -0.5 to
W - 0.5. A box cut to W pixels maps its left edge to -0.5 and its right edge to W - 0.5. The one
exception is the network's own: heatmap pixel i lies on crop pixel i * stride, because a strided
3x3 convolution with padding 1 puts it there, and both published CPNs train that way (target at
x * 48 / 192, answer times 4). No other file knows this rule.

A map is a (2, 3) float32 matrix [A | t]: p -> A p + t. Arithmetic is float64 inside, because
pixels of a large frame times a scale lose sub-pixels in float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose.types import FloatArray

_MIN_SIDE = 1e-2  # pixels; a box without size must still give a map that can be inverted


def box_to_crop(
    xyxy: FloatArray, size_wh: tuple[int, int], rotation_deg: FloatArray | None = None
) -> FloatArray:
    """Map each box onto a whole crop.

    Args:
        xyxy: (N, 4) boxes in frame pixels; may lie partly outside the frame.
        size_wh: Width and height of the crop in pixels.
        rotation_deg: (N,) degrees by which the picture turns in the crop, around the box's
            centre, counter-clockwise as in `cv2.getRotationMatrix2D`; None for upright.

    Returns:
        (N, 2, 3) float32, frame pixel -> crop pixel.
    """
    corners = xyxy.astype(np.float64).reshape(-1, 2, 2)
    size = np.array(size_wh, np.float64)
    scale = size / np.maximum(corners[:, 1] - corners[:, 0], _MIN_SIDE)  # (N, 2)
    angle = np.zeros(len(xyxy)) if rotation_deg is None else np.radians(rotation_deg, dtype=float)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # (N, 2, 2)
    linear = scale[:, :, None] * turn
    shift = (size - 1) / 2 - _times(linear, corners.mean(axis=1))
    return np.concatenate([linear, shift[:, :, None]], axis=2).astype(np.float32)


def resize(from_wh: tuple[int, int], to_wh: tuple[int, int]) -> FloatArray:
    """Map a whole picture onto the same picture at another size, as `cv2.resize` does.

    Args:
        from_wh: Width and height that the picture had.
        to_wh: Width and height that it has now.

    Returns:
        (2, 3) float32.
    """
    whole = np.array([[-0.5, -0.5, from_wh[0] - 0.5, from_wh[1] - 0.5]], np.float32)
    matrix: FloatArray = box_to_crop(whole, to_wh)[0]
    return matrix


def heatmap_to_crop(crop_wh: tuple[int, int], heatmap_wh: tuple[int, int]) -> FloatArray:
    """Map heatmap pixels to the crop pixels they speak about: times the stride, no shift.

    Returns:
        (2, 3) float32.
    """
    stride_x, stride_y = crop_wh[0] / heatmap_wh[0], crop_wh[1] / heatmap_wh[1]
    return np.array([[stride_x, 0, 0], [0, stride_y, 0]], np.float32)


def inverse(affine: FloatArray) -> FloatArray:
    """Undo maps: (..., 2, 3) -> (..., 2, 3) float32."""
    linear = np.linalg.inv(affine[..., :2].astype(np.float64))
    shift = -_times(linear, affine[..., 2])
    return np.concatenate([linear, shift[..., None]], axis=-1).astype(np.float32)


def compose(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """One map that does `inner` first, then `outer`; leading axes broadcast.

    Args:
        outer: (..., 2, 3).
        inner: (..., 2, 3).

    Returns:
        (..., 2, 3) float32.
    """
    linear = outer[..., :2].astype(np.float64)
    both = linear @ inner.astype(np.float64)
    both[..., 2] += outer[..., 2]
    return both.astype(np.float32)


def apply(affine: FloatArray, points: FloatArray) -> FloatArray:
    """Move points.

    Args:
        affine: (N, 2, 3), or (2, 3) for one map for all.
        points: (N, K, 2); NaN stays NaN.

    Returns:
        (N, K, 2) float32.
    """
    linear = affine[..., :2].astype(np.float64)
    moved = points @ np.swapaxes(linear, -1, -2) + affine[..., None, :, 2]
    return moved.astype(np.float32)


def _times(
    linear: npt.NDArray[np.float64], vector: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    product: npt.NDArray[np.float64] = (linear @ vector[..., None])[..., 0]
    return product
