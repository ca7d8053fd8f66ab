"""A kept crop and its heatmaps, seen as a camera might frame the person: turned, near, cut off.

What a network is fed in use is the padded box of a person, upright in the frame, cut where the
frame ends. So a view turns the person first, then draws a box around what is left of them. Picture
and heatmaps go through one map. Narrowing a heatmap would leave Gaussians too thin for their
pixels, and widening too fat; they are blurred first, or drawn anew at their maxima.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose import affine, heatmap
from pose.types import ByteArray, FloatArray
from training.distill import CORNER_XY, SIZE_WH

STRIDE = 4
SIGMA_KEPT = 2.0
SIGMA_SMALL = 1.5
SURE = 0.3  # a maximum as high as this is a keypoint that must stay in view
_KEPT_PADDING = 1.25  # of the kept crops, where a person's box is theirs
_FAT = 1.3  # a Gaussian that the view enlarges by more is drawn anew
_AROUND = 1.16  # a person's box against that of all joints; what it covers beyond stays in padding
# How often the frame ends below, right, left, above: (axis, direction) by cumulated chance.
_ENDS = ((0.6, (1, 1)), (0.75, (0, 1)), (0.9, (0, -1)), (1.1, (1, -1)))


@dataclass(frozen=True, slots=True)
class Framing:
    """How far a view may differ from the crop.

    Attributes:
        padding: Factor by which the person's box grows in use, `card.crop_padding`.
        scale: Range of a factor on how large the person appears.
        shift: Largest displacement, in parts of the input's size.
        turn_deg: Deviation of the usual turns, normally distributed.
        any_turn_chance: How often the person is turned to any side, upside down included.
        as_taken_chance: How often somebody who was turned upright is turned back.
        cut_chance: How often the frame ends within the person.
        black_chance: How often such an end is the photograph's own, with black beyond.
    """

    padding: float = 1.15
    scale: tuple[float, float] = (0.82, 1.2)
    shift: float = 0.04
    turn_deg: float = 12.0
    any_turn_chance: float = 0.12
    as_taken_chance: float = 0.7
    cut_chance: float = 0.2
    black_chance: float = 0.6


PLAIN = Framing(
    scale=(1, 1), shift=0, turn_deg=0, any_turn_chance=0, as_taken_chance=1, cut_chance=0
)


@dataclass(frozen=True, slots=True)
class View:
    """One way to see a crop.

    Attributes:
        to_input: (2, 3) float32, crop pixel -> input pixel.
        end: Where the frame ends: (axis, sign, crop pixel): what lies beyond on that side of the
            input is gone. None where the person is seen whole.
        black: Whether the picture is black beyond the end; else only the heatmaps end there.
    """

    to_input: FloatArray
    end: tuple[int, int, float] | None = None
    black: bool = True

    def image(self, canvas: ByteArray, size_wh: tuple[int, int]) -> ByteArray:
        """(H, W, 3) uint8 canvas around the crop -> the view of it at `size_wh`."""
        corner = np.array([[1, 0, -CORNER_XY[0]], [0, 1, -CORNER_XY[1]]], np.float32)
        to_input = affine.compose(self.to_input, corner)
        seen = np.array(cv2.warpAffine(canvas, to_input, size_wh), np.uint8)
        if self.end is not None and self.black:
            self._beyond(seen, 1.0)[...] = 0
        return seen

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
        if scale > _FAT:
            points, scores = heatmap.decode_dark(maps[None])
            moved = affine.apply(between[None], points)
            seen = np.nan_to_num(heatmap.encode(moved, small_wh, SIGMA_KEPT)[0])
            seen = np.asarray(seen * scores[0][:, None, None], np.float32)
        else:
            wanted = max(SIGMA_SMALL / scale, SIGMA_KEPT)
            extra = float(np.sqrt(wanted**2 - SIGMA_KEPT**2))
            gain = (wanted / SIGMA_KEPT) ** 2  # a blurred Gaussian is lower by this
            stack = np.ascontiguousarray(maps.transpose(1, 2, 0))  # OpenCV warps all in one call
            if extra > 0.1:
                stack = cv2.GaussianBlur(stack, (0, 0), extra).reshape(stack.shape) * gain
            warped = [
                cv2.warpAffine(stack[..., k : k + 4], between, small_wh)
                for k in range(0, stack.shape[2], 4)
            ]
            warped = [part if part.ndim == 3 else part[..., None] for part in warped]
            seen = np.concatenate(warped, axis=2).transpose(2, 0, 1)
        seen = np.ascontiguousarray(seen.clip(0, 1), np.float32)
        if self.end is not None:
            self._beyond(seen.transpose(1, 2, 0), 1 / STRIDE)[...] = 0
        return seen

    def _beyond(self, picture: np.ndarray, scale: float) -> np.ndarray:
        """The part of an (H, W, C) picture of the input that lies beyond the end."""
        assert self.end is not None
        axis, sign, at = self.end
        length = picture.shape[1 - axis]
        edge = min(max(0, round(at * scale)), length)
        part = slice(edge, length) if sign > 0 else slice(0, edge)
        return picture[part] if axis == 1 else picture[:, part]


def draw_view(
    rng: np.random.Generator,
    maps: FloatArray,
    turned_deg: float,
    size_wh: tuple[int, int],
    framing: Framing,
) -> View:
    """A view by chance.

    Args:
        rng: Draws it.
        maps: (K, h, w) the crop's heatmaps; their sure maxima are the person.
        turned_deg: By how much the kept crop was turned upright.
        size_wh: Size of the network's input.
        framing: Limits.
    """
    turn_deg = float(rng.normal(0, framing.turn_deg))
    if rng.random() < framing.any_turn_chance:
        turn_deg = float(rng.uniform(-180, 180))
    elif turned_deg and rng.random() < framing.as_taken_chance:
        turn_deg -= turned_deg
    scale, shift = rng.uniform(*framing.scale), rng.uniform(-1, 1, 2) * framing.shift * size_wh
    cut, black, side, depth = rng.random(4)

    turn = np.asarray(cv2.getRotationMatrix2D((0.0, 0.0), turn_deg, 1.0), np.float64)[:, :2]
    points, is_sure = _maxima(maps)
    middle = (np.array(SIZE_WH) - 1) / 2
    seen = points @ turn.T  # crop pixels, turned
    fit = _fit(SIZE_WH, size_wh, _KEPT_PADDING / framing.padding)
    centre = middle @ turn.T
    end = None
    if abs(turn_deg) > 20 and is_sure.sum() >= 4:
        # Its box is not the crop's any more.
        low, high = seen[is_sure].min(0), seen[is_sure].max(0)
        centre = (low + high) / 2
        fit = _fit(tuple(np.maximum(high - low, 24) * _AROUND * framing.padding), size_wh)
    if cut < framing.cut_chance and is_sure.sum() >= 6:
        end, centre, wh = _end(seen, is_sure, side, depth)
        fit = _fit(tuple(wh * framing.padding), size_wh)
    linear = turn * fit * scale
    offset = (np.array(size_wh) - 1) / 2 + shift - fit * scale * centre
    to_input = np.concatenate([linear, offset[:, None]], 1).astype(np.float32)
    if end is not None:
        axis, sign, at = end
        end = (axis, sign, float(at * fit * scale + offset[axis]))
    return View(to_input, end, bool(black < framing.black_chance))


def sure_maxima(maps: FloatArray) -> np.ndarray:
    """(J, 2) crop pixels of the heatmaps' maxima that are sure."""
    points, is_sure = _maxima(maps)
    return np.asarray(points[is_sure])


def _maxima(maps: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """(K, 2) crop pixels and (K,) bool: where each heatmap is highest, and whether it is sure."""
    flat = maps.reshape(len(maps), -1)
    rows, columns = np.divmod(flat.argmax(1), maps.shape[2])
    return np.stack([columns, rows], 1) * float(STRIDE), flat.max(1) > SURE


def _fit(box_wh: tuple[float, ...], size_wh: tuple[int, int], padding: float = 1.0) -> float:
    return min(size_wh[0] / box_wh[0], size_wh[1] / box_wh[1]) * padding


def _end(
    points: np.ndarray, is_sure: np.ndarray, side: float, depth: float
) -> tuple[tuple[int, int, float], np.ndarray, np.ndarray]:
    """End the frame within a person: mostly below, as webcams do; else at a side or above.

    Returns:
        The end in turned crop pixels, and centre and sides of the box of what is left.
    """
    low, high = points[is_sure].min(0), points[is_sure].max(0)
    axis, sign = next(end for most, end in _ENDS if side < most)
    kept = 0.35 + 0.5 * depth  # of the extent along the axis
    length = max(float(high[axis] - low[axis]), 24.0)
    at = float(low[axis] + kept * length) if sign > 0 else float(high[axis] - kept * length)
    left = is_sure & ((points[:, axis] - at) * sign < 0)
    low, high = points[left].min(0, initial=np.inf), points[left].max(0, initial=-np.inf)
    if not left.any():
        low = high = points[is_sure].mean(0)
    margin = 0.12 * length
    low, high = low - margin, high + margin
    if sign > 0:
        high[axis] = at
    else:
        low[axis] = at
    return (axis, sign, at), (low + high) / 2, np.maximum(high - low, 32)
