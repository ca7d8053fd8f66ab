"""People who do not stand are turned until they do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pose import affine
from pose.skeleton import COCO_17
from training.upright import LEANS_DEG, upright_affine, upright_deg


def _standing() -> np.ndarray:
    points = np.full((17, 2), np.nan, np.float32)
    for name, x, y in (
        ("left_shoulder", 110, 60), ("right_shoulder", 90, 60),
        ("left_hip", 107, 110), ("right_hip", 93, 110),
        ("left_ankle", 107, 180), ("right_ankle", 93, 180),
    ):  # fmt: skip
        points[COCO_17.keypoints.index(name)] = x, y
    return points


def _turned(angle_deg: float) -> np.ndarray:
    turn = np.asarray(cv2.getRotationMatrix2D((100, 100), angle_deg, 1.0), np.float32)
    return np.asarray(affine.apply(turn, _standing()[None])[0])


@pytest.mark.parametrize("angle_deg", [-170, -90, -50, 50, 90, 170])
def test_whoever_leans_is_turned_upright_and_fits(
    angle_deg: float, rng: np.random.Generator
) -> None:
    points = _turned(angle_deg)
    turn_deg = upright_deg(points)

    to_crop = upright_affine(rng, points, turn_deg, (192, 256))
    moved = affine.apply(to_crop, points[None])[0]
    shoulder, hip = (moved[COCO_17.keypoints.index(f"left_{n}")] for n in ("shoulder", "hip"))
    right = moved[COCO_17.keypoints.index("right_shoulder")]

    assert turn_deg == pytest.approx(-angle_deg, abs=1e-3)
    assert hip[1] > shoulder[1] and abs(hip[0] - shoulder[0]) < 0.1 * (hip[1] - shoulder[1])
    assert right[0] < shoulder[0], "nobody is mirrored"
    known = moved[np.isfinite(moved).all(1)]
    assert ((known > 0) & (known < [192, 256])).all()


@pytest.mark.parametrize(
    "points",
    [
        np.full((17, 2), np.nan, np.float32),
        _standing(),
        _turned(LEANS_DEG - 2),
        np.zeros((17, 2), np.float32),
    ],
)
def test_nobody_else_is_turned(points: np.ndarray) -> None:
    assert upright_deg(points) == 0
