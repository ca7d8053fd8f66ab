"""What spoils a picture, as functions from a labelled picture to others: arrays in, arrays out.

Pictures lose by blur, noise, little light and compression; people by being small, cut off or
tilted. Labels go along: a box becomes the box of the ellipse that filled it, a joint outside the
picture has no label. Nothing here knows a network or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pose.types import ByteArray

Row = Mapping[str, Any]  # an annotation of COCO: bbox, keypoints, area
Matrix = npt.NDArray[np.float64]  # (2, 3), pixels to pixels


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A picture and the people labelled in it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        rows: COCO annotations in its pixels.
    """

    image: ByteArray
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One row of the table.

    Attributes:
        name: With its strength: `blur 4 px`.
        kind: Without: `blur`.
        apply: A picture -> pictures; usually one.
        whole: Whether everybody who is in the result is still labelled.
    """

    name: str
    kind: str
    apply: Callable[[Labelled, np.random.Generator], Sequence[Labelled]]
    whole: bool = True


def blurred(sigma_px: float) -> Callable[[ByteArray], ByteArray]:
    """Out of focus: a Gaussian."""
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def noisy(image: ByteArray, spread: float, rng: np.random.Generator) -> ByteArray:
    """White noise of a standard deviation in grey levels, 0 to 255."""
    noise = rng.normal(0, spread, image.shape).astype(np.float32)
    return np.asarray(np.clip(image + noise, 0, 255).round(), np.uint8)


def darkened(image: ByteArray, stops: float, rng: np.random.Generator) -> ByteArray:
    """A sensor with little light: 2^-stops of it, shot and read noise, and no gain to make up.

    Light is linear (sRGB undone with gamma 2.2); a full pixel holds 4,000 electrons, reading adds 5
    (small sensors; Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE TIP 2008, for the model).
    """
    electrons = 4000.0 * (image.astype(np.float32) / 255) ** 2.2 * 2.0**-stops
    counted = rng.poisson(electrons) + rng.normal(0, 5, image.shape)
    light = np.clip(counted / 4000, 0, 1)
    return np.asarray((255 * light ** (1 / 2.2)).round(), np.uint8)


def compressed(quality: int) -> Callable[[ByteArray], ByteArray]:
    """To JPEG of a quality and back."""

    def apply(image: ByteArray) -> ByteArray:
        _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)

    return apply


def smaller(labelled: Labelled, factor: float) -> Labelled:
    """The picture and its people at a fraction of their size."""
    height, width = labelled.image.shape[:2]
    size_wh = (max(1, round(width * factor)), max(1, round(height * factor)))
    image = cv2.resize(labelled.image, size_wh, interpolation=cv2.INTER_AREA)
    scale = np.array([size_wh[0] / width, size_wh[1] / height])
    shift = (scale - 1) / 2  # pixel centres: x' + 0.5 = scale (x + 0.5)
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    return Labelled(np.asarray(image, np.uint8), _moved(labelled.rows, matrix, size_wh))


def tilted(labelled: Labelled, degrees: float) -> Labelled:
    """The picture turned anticlockwise about its centre, on a canvas that holds all of it."""
    height, width = labelled.image.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), np.float64)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - 0.5
    placed = _through(matrix, corners)
    low, high = placed.min(axis=0), placed.max(axis=0)
    size_wh = (round(high[0] - low[0]), round(high[1] - low[1]))
    matrix[:, 2] -= low + 0.5
    image = cv2.warpAffine(labelled.image, matrix, size_wh, flags=cv2.INTER_LINEAR)
    return Labelled(np.asarray(image, np.uint8), _moved(labelled.rows, matrix, size_wh))


def cut_off(labelled: Labelled, below: float = 1.0, beside: float = 1.0) -> list[Labelled]:
    """For each person with joints a picture of their own that ends within them.

    Args:
        labelled: A picture of several people.
        below: Share of the person's height that stays, from above.
        beside: Share of the width that stays, from the left.

    Returns:
        Pictures in which only that person is labelled, and has a joint left.
    """
    parts = []
    for row in labelled.rows:
        x, y, width, height = row["bbox"]
        if row.get("iscrowd") or not any((row.get("keypoints") or [])[2::3]):
            continue
        margin = 0.25 * max(width, height)
        left, top = max(0, round(x - margin)), max(0, round(y - margin))
        right = round(x + (width + margin if beside == 1 else beside * width))
        bottom = round(y + (height + margin if below == 1 else below * height))
        image = labelled.image[top:bottom, left:right]
        if min(image.shape[:2]) < 8:
            continue
        matrix = np.array([[1.0, 0, -left], [0, 1, -top]])
        rows = _moved([row], matrix, (image.shape[1], image.shape[0]))
        if rows and rows[0]["num_keypoints"]:
            parts.append(Labelled(np.ascontiguousarray(image), rows))
    return parts


def _moved(rows: Sequence[Row], matrix: Matrix, size_wh: tuple[int, int]) -> tuple[Row, ...]:
    """Labels in a changed picture; people who are no longer in it go."""
    moved = [_moved_row(row, matrix, size_wh) for row in rows]
    return tuple(row for row in moved if row["bbox"][2] > 0 and row["bbox"][3] > 0)


def _moved_row(row: Row, matrix: Matrix, size_wh: tuple[int, int]) -> dict[str, Any]:
    x, y, width, height = row["bbox"]
    linear = matrix[:, :2]
    middle = _through(matrix, np.array([[x + width / 2, y + height / 2]]))[0]
    # Half sides of the box around a turned ellipse: a person fills its box about so.
    reach = np.hypot(linear[:, 0] * width / 2, linear[:, 1] * height / 2)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach, size_wh)
    before, after = 4 * reach[0] * reach[1], np.prod(np.maximum(high - low, 0))
    known = row.get("area")
    area = (width * height if known is None else known) * abs(float(np.linalg.det(linear)))
    changed = {
        **{key: value for key, value in row.items() if key not in ("segmentation", "bbox_head")},
        "bbox": [float(low[0]), float(low[1]), *(float(side) for side in high - low)],
        "area": area * float(after / before) if before > 0 else 0.0,
    }
    if row.get("keypoints"):
        triples = np.array(row["keypoints"], np.float64).reshape(-1, 3)
        places = _through(matrix, triples[:, :2])
        inside = ((places >= -0.5) & (places < np.array(size_wh) - 0.5)).all(axis=1)
        seen = inside & (triples[:, 2] > 0)
        triples[:, :2] = places
        triples[~seen] = 0
        changed["keypoints"] = triples.ravel().tolist()
        changed["num_keypoints"] = int(seen.sum())
    return changed


def _through(matrix: Matrix, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points (N, 2) through a matrix (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _of_image(
    name: str, kind: str, change: Callable[[ByteArray, np.random.Generator], ByteArray]
) -> Disturbance:
    """A change of the picture that leaves the labels where they are."""
    return Disturbance(
        name, kind, lambda labelled, rng: [replace(labelled, image=change(labelled.image, rng))]
    )


DISTURBANCES: tuple[Disturbance, ...] = (
    _of_image("blur 2 px", "blur", lambda image, rng: blurred(2)(image)),
    _of_image("blur 4 px", "blur", lambda image, rng: blurred(4)(image)),
    _of_image("noise 15", "noise", lambda image, rng: noisy(image, 15, rng)),
    _of_image("noise 40", "noise", lambda image, rng: noisy(image, 40, rng)),
    _of_image("light -3 stops", "light", lambda image, rng: darkened(image, 3, rng)),
    _of_image("light -6 stops", "light", lambda image, rng: darkened(image, 6, rng)),
    _of_image("jpeg quality 20", "jpeg", lambda image, rng: compressed(20)(image)),
    _of_image("jpeg quality 5", "jpeg", lambda image, rng: compressed(5)(image)),
    Disturbance("half the size", "small", lambda labelled, rng: [smaller(labelled, 1 / 2)]),
    Disturbance("a quarter of the size", "small", lambda labelled, rng: [smaller(labelled, 1 / 4)]),
    Disturbance(
        "cut off at half the height", "truncation", lambda labelled, rng: cut_off(labelled, 0.5),
        whole=False,
    ),
    Disturbance(
        "cut off at 2/3 of the width", "truncation",
        lambda labelled, rng: cut_off(labelled, beside=2 / 3), whole=False,
    ),
    Disturbance("tilted by 20 degrees", "rotation", lambda labelled, rng: [tilted(labelled, 20)]),
    Disturbance("tilted by 45 degrees", "rotation", lambda labelled, rng: [tilted(labelled, 45)]),
)  # fmt: skip
KINDS = tuple(dict.fromkeys(each.kind for each in DISTURBANCES))
