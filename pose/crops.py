"""Pictures made ready for a network: people cut out, frames letterboxed, bytes made a batch."""

from __future__ import annotations

import cv2
import numpy as np

from pose import affine, boxes
from pose.card import ModelCard
from pose.types import Boxes, ByteArray, Crops, FloatArray

_GRID = 32  # pixels; the coarsest stride of a detector
_PAD = 114  # grey that detectors of the YOLOX and RTMDet families are trained with


def cut(image: ByteArray, people: Boxes, size_wh: tuple[int, int], padding: float) -> Crops:
    """Cut people out of a frame, each box widened to the crop's aspect; outside is black.

    Args:
        image: (H, W, 3) uint8 BGR frame.
        people: N boxes in frame pixels; may lie partly or wholly outside.
        size_wh: Width and height of a crop in pixels.
        padding: Factor by which boxes grow, `card.crop_padding`.

    Returns:
        N crops; their `boxes` are `people`, as they came.
    """
    width, height = size_wh
    to_frame = crop_to_frame(people, size_wh, padding)
    images = np.empty((len(people), height, width, 3), np.uint8)
    for matrix, crop in zip(to_frame, images, strict=True):
        cv2.warpAffine(
            image,
            matrix,
            size_wh,
            dst=crop,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
    return Crops(images, to_frame, people)


def crop_to_frame(people: Boxes, size_wh: tuple[int, int], padding: float) -> FloatArray:
    """Where in the frame each person's crop lies; arguments as of `cut`.

    Returns:
        (N, 2, 3) float32, crop pixel -> frame pixel.
    """
    wide = boxes.widen(people.xyxy, size_wh[0] / size_wh[1], padding)
    return affine.inverse(affine.box_to_crop(wide, size_wh))


def to_batch(images: ByteArray, card: ModelCard) -> FloatArray:
    """Normalise pictures as a network wants them.

    Args:
        images: (N, H, W, 3) uint8 BGR.
        card: Gives `channels`, `mean` and `std`.

    Returns:
        (N, 3, H, W) float32, contiguous: (value - mean) / std, in the card's channel order.
    """
    n, height, width = images.shape[:3]
    batch = np.empty((n, 3, height, width), np.float32)
    order = (2, 1, 0) if card.channels == "rgb" else (0, 1, 2)
    for plane, source in enumerate(order):
        mean, std = np.float32(card.mean[plane]), np.float32(card.std[plane])
        normalised = batch[:, plane]
        np.subtract(images[..., source], mean, out=normalised, dtype=np.float32)
        normalised *= 1 / std
    return batch


def letterbox(image: ByteArray, card: ModelCard) -> tuple[ByteArray, FloatArray]:
    """Fit a frame into a detector's input, at the top left, the rest grey.

    A small picture is not enlarged: detectors find nothing new in invented pixels.

    Args:
        image: (H, W, 3) uint8 BGR frame.
        card: Gives `input_size_wh`; with `any_size` the canvas is only as large as the fitted
            frame needs, each side a multiple of 32.

    Returns:
        The canvas, (h, w, 3) uint8 BGR, and (2, 3) float32, canvas pixel -> frame pixel.
    """
    height, width = image.shape[:2]
    scale = min(card.input_size_wh[0] / width, card.input_size_wh[1] / height, 1.0)
    fitted_wh = max(1, round(width * scale)), max(1, round(height * scale))
    canvas_wh = card.input_size_wh
    if card.any_size:
        canvas_wh = -(-fitted_wh[0] // _GRID) * _GRID, -(-fitted_wh[1] // _GRID) * _GRID
    canvas = np.full((canvas_wh[1], canvas_wh[0], 3), _PAD, np.uint8)
    canvas[: fitted_wh[1], : fitted_wh[0]] = _shrunk(image, fitted_wh)
    return canvas, affine.resize(fitted_wh, (width, height))


def _shrunk(image: ByteArray, to_wh: tuple[int, int]) -> ByteArray:
    """Average a picture down; halves first, because OpenCV halves ten times faster."""
    height, width = image.shape[:2]
    while width % 2 == 0 and height % 2 == 0 and width >= 2 * to_wh[0] and height >= 2 * to_wh[1]:
        width, height = width // 2, height // 2
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    if (width, height) == to_wh:
        return image
    return np.asarray(cv2.resize(image, to_wh, interpolation=cv2.INTER_AREA), np.uint8)
