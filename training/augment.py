"""Augmentation: how a person is cut out while training, and what happens to the pixels.

Geometry follows CPN's recipe (tf-cpn's data provider; facts in docs): the box is extended,
scaled by 0.7 to 1.35, rotated by up to 45 degrees, mirrored. Half-body cuts are MSPN's (Li et al.,
"Rethinking on Multi-Stage Networks for Human Pose Estimation", 2019, section 4.2): webcams show
upper bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose import affine, boxes
from pose.skeleton import COCO_17
from pose.types import ByteArray, FloatArray

UPPER_BODY = np.array(
    [name.split("_")[-1] not in ("hip", "knee", "ankle") for name in COCO_17.keypoints]
)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How far a training crop may differ from the box.

    Attributes:
        padding: Factor on the box before anything else.
        scale: Range of a factor on the crop's size, drawn uniformly.
        rotation_deg: Largest rotation, drawn uniformly.
        rotation_chance: How often a crop is rotated at all.
        shift: Largest displacement, in parts of the crop's size.
        half_body_chance: How often only the upper or the lower body is cut out.
        half_body_min: A half needs this many joints to be cut.
        stretch: Largest factor by which the aspect is drawn out, either way.
    """

    padding: float = 1.25
    scale: tuple[float, float] = (0.7, 1.35)
    rotation_deg: float = 45.0
    rotation_chance: float = 0.5
    shift: float = 0.0
    half_body_chance: float = 0.0
    half_body_min: int = 5
    stretch: float = 1.0


def crop_affine(
    rng: np.random.Generator,
    xyxy: FloatArray,
    keypoints: FloatArray,
    size_wh: tuple[int, int],
    geometry: Geometry,
    drawn_out: float = 1.0,
) -> FloatArray:
    """Draw one way to cut a person out.

    Args:
        xyxy: (4,) box in photograph pixels.
        keypoints: (K, 2) photograph pixels, NaN where unknown; for half bodies only.
        size_wh: Size of the crop.
        geometry: Limits.
        drawn_out: The crop shows the photograph wider by this factor; undoes a squashed photograph.

    Returns:
        (2, 3) float32, photograph pixel -> crop pixel.
    """
    half = _half_body(rng, keypoints, geometry)
    box = xyxy if half is None else half
    aspect = size_wh[0] / size_wh[1] / drawn_out * geometry.stretch ** rng.uniform(-1, 1)
    padding = geometry.padding * rng.uniform(*geometry.scale)
    wide = boxes.widen(box[None], aspect, padding)
    sides = wide[:, 2:] - wide[:, :2]
    move = (rng.uniform(-1, 1, (1, 2)) * geometry.shift * sides).astype(np.float32)
    turned = rng.random() < geometry.rotation_chance
    angle = rng.uniform(-1, 1) * geometry.rotation_deg if turned else 0.0
    drawn = (wide + np.tile(move, (1, 2))).astype(np.float32)
    to_crop: FloatArray = affine.box_to_crop(drawn, size_wh, np.array([angle], np.float32))[0]
    return to_crop


def _half_body(
    rng: np.random.Generator, keypoints: FloatArray, geometry: Geometry
) -> FloatArray | None:
    if rng.random() >= geometry.half_body_chance:
        return None
    part = UPPER_BODY if rng.random() < 0.75 else ~UPPER_BODY
    known = keypoints[part & np.isfinite(keypoints).all(1)]
    if len(known) < geometry.half_body_min:
        return None
    low, high = known.min(0), known.max(0)
    margin = 0.15 * (high - low).max()
    return np.concatenate([low - margin, high + margin]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Camera:
    """What a cheap camera does to a picture; each chance is drawn on its own."""

    colour: float = 0.25
    gamma: float = 0.35
    blur_chance: float = 0.2
    noise_chance: float = 0.25
    compression_chance: float = 0.25
    grey_chance: float = 0.05


def photographed(rng: np.random.Generator, image: ByteArray, camera: Camera) -> ByteArray:
    """Change light and colour, blur, add noise, compress; (H, W, 3) uint8 BGR in and out."""
    gain = rng.uniform(1 - camera.colour, 1 + camera.colour, 3) * rng.uniform(0.7, 1.2)
    gamma = np.exp(rng.uniform(-camera.gamma, camera.gamma))
    levels = (np.arange(256)[:, None] / 255) ** gamma * gain * 255
    result = np.asarray(cv2.LUT(image, levels.clip(0, 255).astype(np.uint8)[:, None]), np.uint8)
    if rng.random() < camera.grey_chance:
        result = np.repeat(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    if rng.random() < camera.blur_chance:
        result = _blurred(rng, result)
    if rng.random() < camera.noise_chance:
        noise = rng.normal(0, rng.uniform(2, 14), result.shape)
        result = (result + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < camera.compression_chance:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 75))]
        coded = cv2.imencode(".jpg", result, quality)[1]
        result = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return result


def _blurred(rng: np.random.Generator, image: ByteArray) -> ByteArray:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.0)), np.uint8)
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
    turned = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return np.asarray(cv2.filter2D(image, -1, turned / max(float(turned.sum()), 1e-6)), np.uint8)
