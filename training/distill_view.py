"""A kept crop and its heatmaps, seen again: another scale, turn and size of the network's input.

A small network learns from the crops that were kept for a large one. Narrowing a heatmap with its
crop would leave Gaussians too thin for their pixels; they are blurred first, so that what comes
out is as wide as the encoder draws it at the small size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose import affine
from pose.types import ByteArray, FloatArray

STRIDE = 4
SIGMA_KEPT = 2.0
SIGMA_SMALL = 1.5
SURE = 0.3  # a maximum as high as this is a keypoint that must stay in view


@dataclass(frozen=True, slots=True)
class View:
    """Where each pixel of a crop goes: (2, 3) float32, crop pixel -> input pixel."""

    to_input: FloatArray

    def image(self, crop: ByteArray, size_wh: tuple[int, int]) -> ByteArray:
        """(H, W, 3) uint8 -> the view of it at `size_wh`; black beyond the crop's edge."""
        return np.asarray(cv2.warpAffine(crop, self.to_input, size_wh), np.uint8)

    def between(self, maps_wh: tuple[int, int], size_wh: tuple[int, int]) -> FloatArray:
        """(2, 3) float32, heatmap pixel of the crop -> heatmap pixel of the input."""
        crop_wh = (maps_wh[0] * STRIDE, maps_wh[1] * STRIDE)
        small_wh = (size_wh[0] // STRIDE, size_wh[1] // STRIDE)
        to_crop = affine.heatmap_to_crop(crop_wh, maps_wh)
        from_input = affine.inverse(affine.heatmap_to_crop(size_wh, small_wh))
        return affine.compose(from_input, affine.compose(self.to_input, to_crop))

    def heatmaps(self, maps: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
        """(K, h, w) float32 at a quarter of the crop -> the same at a quarter of `size_wh`."""
        small_wh = (size_wh[0] // STRIDE, size_wh[1] // STRIDE)
        between = self.between((maps.shape[2], maps.shape[1]), size_wh)
        scale = float(np.sqrt(abs(np.linalg.det(between[:, :2]))))
        wanted = max(SIGMA_SMALL / scale, SIGMA_KEPT)
        extra = float(np.sqrt(wanted**2 - SIGMA_KEPT**2))
        gain = (wanted / SIGMA_KEPT) ** 2  # a blurred Gaussian is lower by this
        small = np.empty((len(maps), small_wh[1], small_wh[0]), np.float32)
        for out, one in zip(small, maps, strict=True):
            soft = cv2.GaussianBlur(one, (0, 0), extra) * gain if extra > 0.1 else one
            out[:] = cv2.warpAffine(soft, between, small_wh)
        return small.clip(0, 1)


def plain_view(crop_wh: tuple[int, int], size_wh: tuple[int, int]) -> View:
    """All of the crop, in the middle of the input; what is too long for it is cut off."""
    return View(_placed(crop_wh, size_wh, _fitting(crop_wh, size_wh), 0.0, (0.0, 0.0)))


def draw_view(
    rng: np.random.Generator, maps: FloatArray, crop_wh: tuple[int, int], size_wh: tuple[int, int]
) -> View:
    """A view by chance, near enough that sure keypoints mostly stay in it.

    Args:
        rng: Draws it.
        maps: (K, h, w) the crop's heatmaps.
        crop_wh: Size of the crop.
        size_wh: Size of the network's input.
    """
    least = _fitting(crop_wh, size_wh)
    most = max(size_wh[0] / crop_wh[0], size_wh[1] / crop_wh[1])
    peaks = maps.reshape(len(maps), -1)
    _, columns = np.divmod(peaks.argmax(1), maps.shape[2])
    sure = columns[peaks.max(1) > SURE] * STRIDE
    if len(sure):
        # As large as the keypoints' width allows, as a box of this narrower shape would be cut.
        reach = 2 * np.abs(sure - crop_wh[0] / 2).max() * 1.15
        most = float(np.clip(size_wh[0] / max(reach, 1.0), least, most))
    scale = rng.uniform(least, most) * rng.uniform(0.85, 1.15)
    turn_deg = rng.uniform(-25, 25) if rng.random() < 0.4 else 0.0
    shift = (rng.uniform(-0.05, 0.05, 2) * size_wh).tolist()
    return View(_placed(crop_wh, size_wh, scale, turn_deg, (shift[0], shift[1])))


def _fitting(crop_wh: tuple[int, int], size_wh: tuple[int, int]) -> float:
    return min(size_wh[0] / crop_wh[0], size_wh[1] / crop_wh[1])


def _placed(
    crop_wh: tuple[int, int],
    size_wh: tuple[int, int],
    scale: float,
    turn_deg: float,
    shift_xy: tuple[float, float],
) -> FloatArray:
    centre = ((crop_wh[0] - 1) / 2, (crop_wh[1] - 1) / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(centre, turn_deg, scale), np.float32)
    for axis in (0, 1):
        turn[axis, 2] += (size_wh[axis] - crop_wh[axis]) / 2 + shift_xy[axis]
    return turn
