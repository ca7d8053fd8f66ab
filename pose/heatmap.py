"""Heatmaps: how keypoints are written into them for training, and read out of them again.

Points are heatmap pixels, integers at pixel centres; `pose.affine.heatmap_to_crop` says where
those lie on the crop. Every decoder answers NaN and score 0 for a map without a positive value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from pose.types import FloatArray, IntArray

_CPN_KERNEL = 21  # pixels; tf-cpn mptest.py pads by half of it and blurs with it
_DARK_KERNEL = 11  # pixels; Zhang et al.'s choice for 64 x 48 maps
_DARK_REACH = 2  # pixels; second differences are taken two pixels apart
_DARK_MAX_STEP = 1.0  # pixels; a longer Newton step means that the map is no Gaussian here


def encode(points: FloatArray, size_wh: tuple[int, int], sigma: float) -> FloatArray:
    """Draw one Gaussian per keypoint, centred between pixels where the keypoint is.

    The unbiased encoding of Zhang et al. (CVPR 2020, section 3.2).

    Args:
        points: (N, K, 2) heatmap pixels; NaN gives an empty map, outside only the tail shows.
        size_wh: Width and height of a map.
        sigma: Standard deviation in heatmap pixels.

    Returns:
        (N, K, h, w) float32; the Gaussian is 1 at the point itself.
    """
    known = np.isfinite(points.sum(axis=2))[..., None]  # (N, K, 1)
    centre = np.where(known, points, 0)
    falloff = np.float32(-0.5 / sigma**2)
    columns = np.exp(falloff * (np.arange(size_wh[0], dtype=np.float32) - centre[..., :1]) ** 2)
    rows = np.exp(falloff * (np.arange(size_wh[1], dtype=np.float32) - centre[..., 1:]) ** 2)
    maps: FloatArray = (rows * known)[..., :, None] * columns[..., None, :]  # (N, K, h, w)
    return maps


def encode_cpn(points: FloatArray, size_wh: tuple[int, int], kernel: int) -> FloatArray:
    """Draw CPN's own targets: a dot at int(point), blurred, divided by its maximum.

    tf-cpn's `CPNJointLabel`: `cv2.GaussianBlur` with sigma = 0.3 * ((kernel - 1) / 2 - 1) + 0.8.
    It rounds down, so `decode_cpn` adds half a pixel.

    Args:
        points: (N, K, 2) heatmap pixels; NaN or outside gives an empty map.
        size_wh: Width and height of a map.
        kernel: Odd side of the blur in pixels; 7, 9, 11 and 15 for 64 x 48 maps.

    Returns:
        (N, K, h, w) float32, maximum 1 (CPN trains on 255 times this).
    """
    width, height = size_wh
    floor = np.floor(np.nan_to_num(points, nan=-1.0))
    x, y = floor[..., 0], floor[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)  # (N, K)
    pixel = np.where(inside[..., None], floor, 0).astype(np.int64)
    columns = _blur_matrix(width, 0, kernel).T[pixel[..., 0]]  # (N, K, w)
    rows = _blur_matrix(height, 0, kernel).T[pixel[..., 1]]  # (N, K, h)
    columns = columns / columns.max(axis=-1, keepdims=True)
    rows = rows / rows.max(axis=-1, keepdims=True) * inside[..., None]
    maps: FloatArray = rows[..., :, None] * columns[..., None, :]
    return maps


def decode_quarter(values: FloatArray, peak: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """The highest pixel, moved a quarter towards the higher neighbour on each axis.

    The rule of the stacked hourglass (Newell et al., ECCV 2016) and SimpleBaseline.

    Args:
        values: (N, K, h, w) float32.
        peak: Value of a perfect map's maximum.

    Returns:
        (N, K, 2) float32 heatmap pixels, NaN where not found, and (N, K) float32 scores 0 to 1.
    """
    maps, shape = _flat(values)
    x, y, best = _highest(maps)
    m, (height, width) = np.arange(len(maps)), shape[2:]
    with np.errstate(invalid="ignore"):  # a half-precision network overflows: inf - inf
        slope_x = maps[m, y, np.minimum(x + 1, width - 1)] - maps[m, y, np.maximum(x - 1, 0)]
        slope_y = maps[m, np.minimum(y + 1, height - 1), x] - maps[m, np.maximum(y - 1, 0), x]
    slope_x[(x == 0) | (x == width - 1)] = 0
    slope_y[(y == 0) | (y == height - 1)] = 0
    points = np.stack([x + 0.25 * np.sign(slope_x), y + 0.25 * np.sign(slope_y)], axis=1)
    return _answer(points, best, best / np.float32(peak), shape)


def decode_cpn(values: FloatArray, peak: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """CPN's own rule: blur, then from the highest pixel a quarter towards the second highest.

    tf-cpn's `mptest.py`: zero pad 10, `cv2.GaussianBlur` 21 x 21, maximum, second maximum, 0.25
    along the unit vector between them, cut off at the edges; the score is the unblurred map at
    the rounded place. Its answer is 4 x + 2 crop pixels: half a heatmap pixel more, which gives
    back what `encode_cpn` rounded away. Use it only for networks trained on such targets.

    Args:
        values: (N, K, h, w) float32.
        peak: Value of a perfect map's maximum.

    Returns:
        (N, K, 2) float32 heatmap pixels, NaN where not found, and (N, K) float32 scores 0 to 1.
    """
    maps, shape = _flat(values)
    height, width = shape[2:]
    pad = _CPN_KERNEL // 2
    down, across = _blur_matrix(height, pad, _CPN_KERNEL), _blur_matrix(width, pad, _CPN_KERNEL)
    with np.errstate(invalid="ignore"):  # a half-precision network overflows: inf * 0
        # A blur is linear along each axis, so two products blur all maps at once.
        blurred = down @ (maps.reshape(-1, width) @ across.T).reshape(-1, height, width + 2 * pad)
    first_x, first_y, top = _highest(blurred)
    blurred[np.arange(len(maps)), first_y, first_x] = 0
    second_x, second_y, _ = _highest(blurred)
    first = np.stack([first_x, first_y], axis=1) - pad
    towards = np.stack([second_x, second_y], axis=1) - pad - first
    distance = np.linalg.norm(towards, axis=1, keepdims=True)
    step = np.divide(
        towards, distance, out=np.zeros_like(distance * towards), where=distance > 1e-3
    )
    points = np.clip(first + 0.25 * step, 0, [width - 1, height - 1])
    near_x, near_y = np.rint(points).astype(np.int64).T
    score = maps[np.arange(len(maps)), near_y, near_x] / np.float32(peak)
    highest = np.where(np.isnan(top), top, maps.max(axis=(1, 2)))
    return _answer(points + 0.5, highest, score, shape)


def decode_dark(values: FloatArray, peak: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """The summit of the Gaussian that fits around the highest pixel: DARK.

    Zhang et al., Distribution-Aware Coordinate Representation (CVPR 2020), section 3.1: blur
    (11 x 11, zeros outside), logarithm, one Newton step. A point stays on its pixel within two
    pixels of an edge, and where the logarithm is not curved downwards; a step ends at 1 pixel
    per axis.

    Args:
        values: (N, K, h, w) float32.
        peak: Value of a perfect map's maximum.

    Returns:
        (N, K, 2) float32 heatmap pixels, NaN where not found, and (N, K) float32 scores 0 to 1.
    """
    maps, shape = _flat(values)
    height, width = shape[2:]
    x, y, best = _highest(maps)
    log = np.log(_blurred_around(maps, x, y, best))  # (N*K, 5, 5)
    dx, dy = (log[:, 2, 3] - log[:, 2, 1]) / 2, (log[:, 3, 2] - log[:, 1, 2]) / 2
    dxx = (log[:, 2, 4] - 2 * log[:, 2, 2] + log[:, 2, 0]) / 4
    dyy = (log[:, 4, 2] - 2 * log[:, 2, 2] + log[:, 0, 2]) / 4
    dxy = (log[:, 3, 3] - log[:, 1, 3] - log[:, 3, 1] + log[:, 1, 1]) / 4
    determinant = dxx * dyy - dxy * dxy
    near, far_x, far_y = _DARK_REACH, width - _DARK_REACH - 1, height - _DARK_REACH - 1
    inside = (x >= near) & (x <= far_x) & (y >= near) & (y <= far_y)
    curved = inside & (dxx < 0) & (determinant > 1e-12)
    safe = np.where(curved, determinant, 1)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / safe[:, None]
    step = np.clip(np.where(curved[:, None], step, 0), -_DARK_MAX_STEP, _DARK_MAX_STEP)
    return _answer(np.stack([x, y], axis=1) + step, best, best / np.float32(peak), shape)


HeatmapDecoder = Callable[[FloatArray, float], tuple[FloatArray, FloatArray]]

HEATMAP_DECODERS: Mapping[str, HeatmapDecoder] = {
    "heatmap_quarter": decode_quarter,
    "heatmap_cpn": decode_cpn,
    "heatmap_dark": decode_dark,
}


def _flat(values: FloatArray) -> tuple[FloatArray, tuple[int, int, int, int]]:
    n, k, height, width = values.shape
    return values.reshape(n * k, height, width), (n, k, height, width)


def _highest(maps: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Column, row and value of the first maximum of (M, h, w) maps, each (M,)."""
    flat = maps.reshape(len(maps), -1) if len(maps) else np.zeros((0, 1), maps.dtype)
    index = flat.argmax(axis=1)
    y, x = np.divmod(index, maps.shape[2])
    return x, y, flat[np.arange(len(flat)), index]


def _blurred_around(maps: FloatArray, x: IntArray, y: IntArray, best: FloatArray) -> FloatArray:
    """(M, 5, 5) of the blurred map around (x, y), in parts of `best`, never 0.

    Only the window that the blur of those pixels reaches is blurred.
    """
    reach = _DARK_REACH + _DARK_KERNEL // 2
    offsets = np.arange(-reach, reach + 1)
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
    rows, columns = (y[:, None] + offsets + reach), (x[:, None] + offsets + reach)
    window = padded[np.arange(len(maps))[:, None, None], rows[:, :, None], columns[:, None, :]]
    taps = cv2.getGaussianKernel(_DARK_KERNEL, 0, cv2.CV_32F).ravel()
    side = 2 * _DARK_REACH + 1
    blur = np.stack([np.pad(taps, (i, side - 1 - i)) for i in range(side)])  # (5, 15)
    with np.errstate(invalid="ignore"):  # a half-precision network overflows: inf / inf
        scaled = window / np.where(best > 0, best, 1)[:, None, None]
        blurred: FloatArray = np.clip(blur @ scaled @ blur.T, np.float32(1e-10), np.float32(1))
    return blurred


@lru_cache(maxsize=32)
def _blur_matrix(length: int, pad: int, kernel: int) -> FloatArray:
    """(length + 2 * pad, length) float32: zero pad and `cv2.GaussianBlur` along one axis."""
    dots = np.pad(np.eye(length, dtype=np.float32), ((pad, pad), (0, 0)))
    blurred = cv2.GaussianBlur(dots, (1, kernel), 0)
    matrix: FloatArray = np.asarray(blurred, np.float32)
    matrix.setflags(write=False)
    return matrix


def _answer(
    points: npt.NDArray[np.floating],
    highest: FloatArray,
    scores: FloatArray,
    shape: tuple[int, int, int, int],
) -> tuple[FloatArray, FloatArray]:
    found = (highest > 0) & np.isfinite(highest)  # NaN compares as False
    placed = np.where(found[:, None], points, np.nan).astype(np.float32)
    sure = np.where(found, np.clip(scores, 0, 1), 0).astype(np.float32)
    return placed.reshape(*shape[:2], 2), sure.reshape(shape[:2])
