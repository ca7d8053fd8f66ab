"""Turning people upright, who hang, lie or do a handstand: a teacher knows people who stand.

A teacher that never saw anybody upside down is wrong on gymnasts, and so would be its pupil. Where
the torso is labelled by hand, the photograph is turned before the teacher is asked; training then
turns the answer back with the picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from pose import boxes
from pose.skeleton import COCO_17
from pose.types import FloatArray

LEANS_DEG = 35.0  # a torso that leans less is left as it is
_SHOULDERS = [COCO_17.keypoints.index(f"{side}_shoulder") for side in ("left", "right")]
_HIPS = [COCO_17.keypoints.index(f"{side}_hip") for side in ("left", "right")]
_AROUND = 1.3  # a person's box against that of the joints, head and feet included


def upright_deg(points: FloatArray) -> float:
    """By how much to turn the picture so that the torso stands.

    Args:
        points: (K, 2) pixels, NaN where unknown.

    Returns:
        Degrees counter-clockwise as `pose.affine.box_to_crop` takes them, -180 to 180; 0 where the
        torso is unknown or leans by less than `LEANS_DEG`.
    """
    top, bottom = points[_SHOULDERS].mean(0), points[_HIPS].mean(0)
    down = bottom - top
    if not np.isfinite(down).all() or not np.linalg.norm(down) > 1:
        return 0.0
    # Turning counter-clockwise by a takes a direction at angle t (y down) to t - a.
    leans = float(np.degrees(np.arctan2(down[1], down[0]))) - 90
    leans = (leans + 180) % 360 - 180
    return leans if abs(leans) >= LEANS_DEG else 0.0


def upright_affine(
    rng: np.random.Generator, points: FloatArray, turn_deg: float, size_wh: tuple[int, int]
) -> FloatArray:
    """Cut out a person turned by `turn_deg`, as large as a person's box would be.

    Args:
        rng: Draws how loosely.
        points: (K, 2) pixels of the photograph, NaN where unknown.
        turn_deg: See `upright_deg`.
        size_wh: Size of the crop.

    Returns:
        (2, 3) float32, photograph pixel -> crop pixel.
    """
    known = points[np.isfinite(points).all(1)]
    turn = np.asarray(cv2.getRotationMatrix2D((0.0, 0.0), turn_deg, 1.0), np.float64)
    turned = known @ turn[:, :2].T
    box = np.concatenate([turned.min(0), turned.max(0)])[None].astype(np.float32)
    padding = 1.2 * _AROUND * rng.uniform(0.9, 1.12)
    wide = boxes.widen(box, size_wh[0] / size_wh[1], padding)[0]
    scale = size_wh[0] / float(wide[2] - wide[0])
    centre = (wide[:2] + wide[2:]) / 2
    to_crop = turn * scale
    to_crop[:, 2] = (np.array(size_wh) - 1) / 2 - centre * scale
    return to_crop.astype(np.float32)
