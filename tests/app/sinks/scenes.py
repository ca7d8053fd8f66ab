"""Scenes made of numbers: what the writers' tests write."""

from __future__ import annotations

import numpy as np

from pose.types import Boxes, ByteArray, Frame, Poses, Scene, Tracks


def picture(index: int, size_wh: tuple[int, int] = (160, 120)) -> ByteArray:
    """A grey ramp that moves sideways, so that no two frames are alike."""
    width, height = size_wh
    row = (np.arange(width) * 2 + index * 5) % 200 + 20
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2).astype(np.uint8)


def people(count: int, keypoints: int = 17, seed: int = 0) -> Tracks:
    """So many people at random places; the last keypoint of each was not found."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-5, 700, (count, keypoints, 2)).astype(np.float32)
    scores = rng.uniform(0, 1, (count, keypoints)).astype(np.float32)
    points[:, -1], scores[:, -1] = np.nan, 0
    boxes = Boxes(
        rng.uniform(0, 700, (count, 4)).astype(np.float32),
        rng.uniform(0, 1, count).astype(np.float32),
    )
    return Tracks(np.arange(1, count + 1, dtype=np.int64), Poses(points, scores, boxes))


def scene(
    index: int,
    time_s: float | None = None,
    count: int = 0,
    size_wh: tuple[int, int] = (160, 120),
) -> Scene:
    """One scene; its time is that of a steady 30 fps unless given."""
    when = index / 30 if time_s is None else time_s
    return Scene(Frame(index, when, picture(index, size_wh)), people(count, seed=index))
