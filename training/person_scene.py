"""Scenes to train the person detector on: photographs zoomed, moved, stretched, put together.

One scene is one input of the network. Boxes follow the picture; boxes that leave it for the most
part become areas that count neither as people nor as empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pose import affine, boxes
from pose.errors import InputError
from pose.types import ByteArray, FloatArray
from training.augment import Camera, photographed
from training.person_dataset import Photograph

_PAD = 114  # the grey of `pose.crops.letterbox`
_VISIBLE = 0.3  # part of a box's area that must be in the picture
_SMALLEST = 4.0  # pixels of the network's input


@dataclass(frozen=True, slots=True, eq=False)
class PersonScene:
    """One input with its labels, in its own pixels.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        xyxy: (M, 4) float32.
        weights: (M,) float32, 0 to 1.
        ignored: (C, 4) float32 areas that are neither people nor empty.
        complete: Everybody is labelled.
    """

    image: ByteArray
    xyxy: FloatArray
    weights: FloatArray
    ignored: FloatArray
    complete: bool


_MILD = Camera(colour=0.15, gamma=0.3, blur_chance=0.12, noise_chance=0.15, compression_chance=0.2)


@dataclass(frozen=True, slots=True)
class Framing:
    """How far a scene may differ from the letterboxed photograph.

    Attributes:
        zoom: Range of a factor on the scale at which the photograph just fits; log-uniform.
        stretch: Largest factor on the aspect, either way.
        flip_chance: How often the scene is mirrored.
        mosaic_chance: How often four photographs share a scene.
        paste_chance: How often a masked person is pasted in.
        camera: What happens to the pixels afterwards.
        plain_chance: How often nothing but the letterbox and a mirror happens.
    """

    zoom: tuple[float, float] = (0.65, 1.9)
    stretch: float = 1.25
    flip_chance: float = 0.5
    mosaic_chance: float = 0.2
    paste_chance: float = 0.1
    plain_chance: float = 0.2
    camera: Camera = _MILD


Draw = Callable[[np.random.Generator], Photograph]


def read_picture(photograph: Photograph) -> ByteArray:
    """(H, W, 3) uint8 BGR; InputError if the file cannot be read."""
    image = cv2.imread(str(photograph.file), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{photograph.file}: expected a picture; check the data folder")
    return np.asarray(image, np.uint8)


def draw_scene(
    rng: np.random.Generator,
    photograph: Photograph,
    size_wh: tuple[int, int],
    framing: Framing,
    others: Draw | None = None,
    cutouts: Draw | None = None,
) -> PersonScene:
    """Make one scene.

    Args:
        rng: All chance comes from here.
        photograph: The picture to show.
        size_wh: The network's input.
        framing: Limits.
        others: Draws partners for a mosaic; only completely labelled pictures are put together.
        cutouts: Draws photographs with a mask, whose person may be pasted in.
    """
    if rng.random() < framing.plain_chance:
        scene = _place(rng, photograph, size_wh, (1.0, 1.0), 1.0, centred=False)
        return _mirrored(scene) if rng.random() < framing.flip_chance else scene
    if others and photograph.complete and rng.random() < framing.mosaic_chance:
        scene = _mosaic(rng, [photograph, *(others(rng) for _ in range(3))], size_wh, framing)
    else:
        scene = _place(rng, photograph, size_wh, framing.zoom, framing.stretch, centred=True)
    if cutouts and rng.random() < framing.paste_chance:
        scene = _pasted(rng, scene, cutouts(rng))
    if rng.random() < framing.flip_chance:
        scene = _mirrored(scene)
    return PersonScene(
        photographed(rng, scene.image, framing.camera),
        scene.xyxy,
        scene.weights,
        scene.ignored,
        scene.complete,
    )


def _place(
    rng: np.random.Generator,
    photograph: Photograph,
    size_wh: tuple[int, int],
    zoom: tuple[float, float],
    stretch: float,
    centred: bool,
) -> PersonScene:
    """One photograph at a drawn scale, aspect and place; the letterbox at zoom and stretch 1."""
    width, height = photograph.size_wh
    aspect = np.exp(rng.uniform(-1, 1) * np.log(stretch)) if stretch > 1 else 1.0
    if stretch > 1 and photograph.drawn_out != 1 and rng.random() < 0.5:
        aspect /= photograph.drawn_out  # what the camera saw, before it was squashed
    sides = np.array([width * np.sqrt(aspect), height / np.sqrt(aspect)])
    fit = min(size_wh[0] / sides[0], size_wh[1] / sides[1])
    factor = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    # invented pixels teach nothing: small photographs are blown up by no more than 1.5
    scale = min(fit * factor, 1.5) if centred else min(fit, 1.0)
    placed = sides * scale
    room = np.array(size_wh) - placed
    corner = rng.uniform(np.minimum(room, 0), np.maximum(room, 0)) if centred else np.zeros(2)
    box = np.array([[*(-corner / placed), *((np.array(size_wh) - corner) / placed)]])
    seen = (box * [width, height, width, height]).astype(np.float32)  # photograph pixels
    # labels count from the edge of the first pixel, `pose.affine` from its centre
    to_scene = affine.box_to_crop(seen - np.float32(0.5), size_wh)[0]
    image = read_picture(photograph)
    shrink = min(placed[0] / width, placed[1] / height)
    if shrink < 0.7:  # warping does not average: shrink first, or fine patterns turn into noise
        small_wh = max(1, round(placed[0])), max(1, round(placed[1]))
        small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
        image = np.asarray(small, np.uint8)
        to_small = affine.resize(photograph.size_wh, small_wh)
        to_picture = affine.compose(to_scene, affine.inverse(to_small))
    else:
        to_picture = to_scene
    border = [_PAD] * 3
    warped = cv2.warpAffine(image, to_picture, size_wh, flags=cv2.INTER_LINEAR, borderValue=border)
    step = np.array(size_wh * 2, np.float32) / np.tile(seen[0, 2:] - seen[0, :2], 2)  # (4,)
    start = np.tile(seen[0, :2], 2)
    return _framed(
        np.asarray(warped, np.uint8),
        ((photograph.xyxy - start) * step).astype(np.float32),
        photograph.weights,
        ((photograph.crowds - start) * step).astype(np.float32),
        photograph.complete,
    )


def _framed(
    image: ByteArray, xyxy: FloatArray, weights: FloatArray, ignored: FloatArray, complete: bool
) -> PersonScene:
    """Cut boxes at the edges; those mostly outside, or too small to see, are ignored areas."""
    size_wh = image.shape[1], image.shape[0]
    inside = boxes.clip(xyxy, size_wh)
    sides = inside[:, 2:] - inside[:, :2]
    shown = boxes.area(inside) >= _VISIBLE * np.maximum(boxes.area(xyxy), 1e-6)
    kept = shown & (sides.min(1, initial=np.inf) >= _SMALLEST)
    partly = ~kept & (boxes.area(inside) > 0)
    crowds = boxes.clip(ignored, size_wh)
    crowds = crowds[boxes.area(crowds) > 0]
    return PersonScene(
        image, inside[kept], weights[kept], np.concatenate([crowds, inside[partly]]), complete
    )


def _mosaic(
    rng: np.random.Generator,
    photographs: list[Photograph],
    size_wh: tuple[int, int],
    framing: Framing,
) -> PersonScene:
    """Four photographs around a drawn point (Bochkovskiy et al., YOLOv4, 2020): small people."""
    width, height = size_wh
    middle_x = int(rng.integers(width // 3, 2 * width // 3))
    middle_y = int(rng.integers(height // 3, 2 * height // 3))
    image = np.full((height, width, 3), _PAD, np.uint8)
    parts = []
    for index, photograph in enumerate(photographs):
        left, right = (0, middle_x) if index % 2 == 0 else (middle_x, width)
        top, bottom = (0, middle_y) if index < 2 else (middle_y, height)
        part = _place(
            rng, photograph, (right - left, bottom - top), (0.8, 2.0), framing.stretch, True
        )
        image[top:bottom, left:right] = part.image
        move = np.array([left, top, left, top], np.float32)
        parts.append((part.xyxy + move, part.weights, part.ignored + move, photograph.complete))
    return PersonScene(
        image,
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
        all(part[3] for part in parts),
    )


def _pasted(rng: np.random.Generator, scene: PersonScene, donor: Photograph) -> PersonScene:
    """A person cut out along its mask, in front of the scene (Ghiasi et al., CVPR 2021)."""
    if donor.mask is None:
        return scene
    mask = cv2.imread(str(donor.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None or not mask.any():
        return scene
    height, width = scene.image.shape[:2]
    x, y, w, h = cv2.boundingRect(mask)
    scale = float(np.exp(rng.uniform(np.log(0.2), np.log(0.9)))) * height / h
    scale = min(scale, 0.9 * width / w, 1.5)
    wh = max(4, round(w * scale)), max(4, round(h * scale))
    person = cv2.resize(read_picture(donor)[y : y + h, x : x + w], wh, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(mask[y : y + h, x : x + w], wh, interpolation=cv2.INTER_AREA)
    left = int(rng.integers(0, max(1, width - wh[0])))
    top = int(rng.integers(0, max(1, height - wh[1])))
    image = scene.image.copy()
    target = image[top : top + wh[1], left : left + wh[0]]
    share = cv2.GaussianBlur(alpha, (3, 3), 0)[: target.shape[0], : target.shape[1], None] / 255.0
    target[...] = target * (1 - share) + person[: target.shape[0], : target.shape[1]] * share
    box = np.array([[left, top, left + wh[0], top + wh[1]]], np.float32)
    box = boxes.clip(box, (width, height))
    # whoever is hidden behind the newcomer is no longer there to be found
    low = np.maximum(scene.xyxy[:, :2], box[:, :2])
    covered = np.maximum(np.minimum(scene.xyxy[:, 2:], box[:, 2:]) - low, 0).prod(1)
    hidden = covered > 0.6 * np.maximum(boxes.area(scene.xyxy), 1e-6)
    return PersonScene(
        image,
        np.concatenate([scene.xyxy[~hidden], box]),
        np.concatenate([scene.weights[~hidden], np.ones(1, np.float32)]),
        scene.ignored,
        scene.complete,
    )


def _mirrored(scene: PersonScene) -> PersonScene:
    width = scene.image.shape[1]

    def turned(xyxy: FloatArray) -> FloatArray:
        return np.stack([width - xyxy[:, 2], xyxy[:, 1], width - xyxy[:, 0], xyxy[:, 3]], 1)

    return PersonScene(
        np.ascontiguousarray(scene.image[:, ::-1]),
        turned(scene.xyxy),
        scene.weights,
        turned(scene.ignored),
        scene.complete,
    )
