"""Synthetic people for tests of steps: a stick figure of 17 keypoints that stands, walks, waves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose.types import Boxes, FloatArray, Frame, Poses

# x, y of COCO's 17 keypoints in parts of the person's height, feet at (0, 0), y downwards
_STANDING = np.array(
    [
        (0, -0.93), (0.02, -0.95), (-0.02, -0.95), (0.05, -0.94), (-0.05, -0.94),
        (0.12, -0.81), (-0.12, -0.81), (0.16, -0.64), (-0.16, -0.64), (0.17, -0.48), (-0.17, -0.48),
        (0.08, -0.51), (-0.08, -0.51), (0.09, -0.27), (-0.09, -0.27), (0.09, -0.04), (-0.09, -0.04),
    ],
    np.float32,
)  # fmt: skip
_BOX = np.array([-0.2, -1, 0.2, 0], np.float32)


def person(
    x: float,
    y: float = 400,
    height: float = 200,
    *,
    score: float = 0.9,
    box_score: float = 0.9,
    swing: float = 0.0,
) -> Poses:
    """One person: feet at (x, y), `height` pixels tall, legs and arms swung by -1 to 1."""
    body = _STANDING.copy()
    body[[9, 16], 0] += 0.1 * swing
    body[[10, 15], 0] -= 0.1 * swing
    place = np.array([x, y], np.float32)
    return Poses(
        (body * np.float32(height) + place)[None].astype(np.float32),
        np.full((1, 17), score, np.float32),
        Boxes(
            (_BOX * np.float32(height) + np.tile(place, 2))[None].astype(np.float32),
            np.array([box_score], np.float32),
        ),
    )


def crowd(people: Sequence[Poses]) -> Poses:
    """Several people in one frame, in the order given."""
    return Poses.joined(people, 17)


def jittered(poses: Poses, rng: np.random.Generator, px: float) -> Poses:
    """The same people with noise on keypoints and boxes."""

    def moved(points: FloatArray) -> FloatArray:
        return (points + rng.normal(0, px, points.shape)).astype(np.float32)

    boxes = Boxes(moved(poses.boxes.xyxy), poses.boxes.scores)
    return Poses(moved(poses.keypoints), poses.scores, boxes)


def frame(index: int, time_s: float, scene: int = 0) -> Frame:
    """A small picture that is the same for every frame of a scene."""
    image = np.random.default_rng(scene).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Frame(index, time_s, image)
