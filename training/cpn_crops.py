"""The four ways in which CPN's authors cut a person out of a photograph.

Behaviour of tf-cpn's data provider (the facts; no code of it): the box grows by a tenth of its
width and 0.15 of its height on each side, a quarter more for training, then to the crop's aspect,
and shrinks until it lies inside the photograph padded by its longer side. All four samples of a
person are scaled, the second is mirrored, the third and fourth are turned. pytorch-cpn does the
same to four copies of each annotation.

There each operation resamples the picture and rounds corners to pixels; here they are one affine
map and the picture is resampled once.
"""

from __future__ import annotations

import numpy as np

from pose import affine
from pose.types import FloatArray
from training.cpn_options import CpnOptions

SCALED, MIRRORED, TURNED = "scaled", "mirrored", "turned"
WAYS = (SCALED, MIRRORED, TURNED, TURNED)


def extended(
    xyxy: FloatArray,
    photograph_wh: tuple[int, int],
    aspect: float,
    options: CpnOptions,
    loosen: float = 1.0,
) -> FloatArray:
    """Grow a box as the entry does.

    Args:
        xyxy: (4,) box in photograph pixels.
        photograph_wh: Width and height of the photograph.
        aspect: Wanted width / height, in photograph pixels.
        options: Gives `extend`.
        loosen: Further factor on both sides.

    Returns:
        (4,) float32, around the same centre, inside the photograph padded by its longer side.
    """
    centre = (xyxy[:2] + xyxy[2:]).astype(np.float64) / 2
    width, height = (xyxy[2:] - xyxy[:2]) * (1 + 2 * np.array(options.extend)) * loosen
    height = max(height, width / aspect)
    pad = max(photograph_wh)
    room = np.minimum(centre + pad, np.array(photograph_wh) + pad - centre)  # to the near edges
    height = max(min(height, 2 * room[0] / aspect, 2 * room[1]), 1.0)
    half = np.array([height * aspect, height]) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def training_affine(
    rng: np.random.Generator,
    xyxy: FloatArray,
    photograph_wh: tuple[int, int],
    size_wh: tuple[int, int],
    way: str,
    options: CpnOptions,
    drawn_out: float = 1.0,
) -> FloatArray:
    """Draw one of the four ways.

    Args:
        rng: Where scale and angle come from.
        xyxy: (4,) box in photograph pixels.
        photograph_wh: Width and height of the photograph.
        size_wh: Size of the crop.
        way: One of `WAYS`.
        options: Limits.
        drawn_out: The crop shows the photograph wider by this factor; undoes a squashed one.

    Returns:
        (2, 3) float32, photograph pixel -> crop pixel; a mirrored one has a negative determinant.
    """
    aspect = size_wh[0] / size_wh[1] / drawn_out
    loose = extended(xyxy, photograph_wh, aspect, options, options.loosen)
    scale = rng.uniform(*options.scale)
    if options.scale_limit:
        scale = min(scale, options.loosen)
    angle = rng.uniform(-options.rotation_deg, options.rotation_deg) if way == TURNED else 0.0
    centre, half = (loose[:2] + loose[2:]) / 2, (loose[2:] - loose[:2]) / 2
    half = half * np.float32(scale / options.loosen)
    box = np.concatenate([centre - half, centre + half])[None].astype(np.float32)
    to_crop = affine.box_to_crop(box, size_wh, np.array([angle], np.float32))[0]
    return mirrored(to_crop, size_wh) if way == MIRRORED else to_crop


def plain_affine(
    xyxy: FloatArray,
    photograph_wh: tuple[int, int],
    size_wh: tuple[int, int],
    options: CpnOptions,
    drawn_out: float = 1.0,
) -> FloatArray:
    """The crop that is answered at test time: (2, 3) float32, photograph pixel -> crop pixel."""
    aspect = size_wh[0] / size_wh[1] / drawn_out
    box = extended(xyxy, photograph_wh, aspect, options)
    to_crop: FloatArray = affine.box_to_crop(box[None], size_wh)[0]
    return to_crop


def mirrored(to_crop: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """The same crop, seen in a mirror; joints must change sides with it."""
    mirror = np.array([[-1, 0, size_wh[0] - 1], [0, 1, 0]], np.float32)
    return affine.compose(mirror, to_crop)
