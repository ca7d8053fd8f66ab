"""A flat figure for animation: joint positions over time -> BVH text. Arrays in, text out.

BVH is a hierarchy of bones of fixed length and three angles for each (Meredith and Maddock, "Motion
Capture File Formats Explained", 2001). Our figure is flat: z = 0, every bone turns about the z axis
alone, and each bone is as long as its median in the picture. What points towards the camera is
therefore drawn at full length: directions are exact, lengths are not. y goes up, the person's left
is +x at rest (arms sideways, legs down, facing the viewer), as animation programs expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose.skeleton import Skeleton

METRES_PER_PIXEL = 0.01  # by definition: a picture does not say how far away anybody is

Array = npt.NDArray[np.float64]
_RIGHT, _LEFT, _UP, _DOWN = (-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)
_HIPS, _NECK = ("right_hip", "left_hip"), ("right_shoulder", "left_shoulder")


@dataclass(frozen=True, slots=True)
class Bone:
    """One joint of the hierarchy and the bone that begins at it.

    Attributes:
        name: As animation programs call it.
        parent: Name of the joint above; empty for the root.
        start, end: Keypoints between which the bone lies; of two, their middle.
        rest: Unit vector of the bone at rest.
        along: Where on its parent's bone the joint sits, from the parent's joint, in lengths.
        tip: Name of the end site, where nothing follows.
    """

    name: str
    parent: str
    start: tuple[str, ...]
    end: tuple[str, ...]
    rest: tuple[float, float]
    along: float = 1.0
    tip: bool = False


# The hips and the shoulders are lines from right to left whose middle is the joint.
BONES = (
    Bone("Hips", "", ("right_hip",), ("left_hip",), _LEFT),
    Bone("Spine", "Hips", _HIPS, _NECK, _UP, along=0),
    Bone("Shoulders", "Spine", ("right_shoulder",), ("left_shoulder",), _LEFT),
    Bone("Neck", "Shoulders", _NECK, ("nose",), _UP, along=0, tip=True),
    Bone("LeftArm", "Shoulders", ("left_shoulder",), ("left_elbow",), _LEFT, along=0.5),
    Bone("LeftForeArm", "LeftArm", ("left_elbow",), ("left_wrist",), _LEFT, tip=True),
    Bone("RightArm", "Shoulders", ("right_shoulder",), ("right_elbow",), _RIGHT, along=-0.5),
    Bone("RightForeArm", "RightArm", ("right_elbow",), ("right_wrist",), _RIGHT, tip=True),
    Bone("LeftUpLeg", "Hips", ("left_hip",), ("left_knee",), _DOWN, along=0.5),
    Bone("LeftLeg", "LeftUpLeg", ("left_knee",), ("left_ankle",), _DOWN, tip=True),
    Bone("RightUpLeg", "Hips", ("right_hip",), ("right_knee",), _DOWN, along=-0.5),
    Bone("RightLeg", "RightUpLeg", ("right_knee",), ("right_ankle",), _DOWN, tip=True),
)


def bvh_text(
    times_s: Array, keypoints: Array, skeleton: Skeleton, height: float, step_s: float
) -> str:
    """One person's motion as a BVH file.

    Args:
        times_s: (T,) rising times at which the person was seen.
        keypoints: (T, K, 2) pixels, NaN where not found: filled from the times around.
        skeleton: Names the K keypoints.
        height: Of the picture; its bottom left is the origin.
        step_s: Time between two frames of the file; the motion is interpolated to it.

    Returns:
        The file. Bones of which an end was never seen have no length.
    """
    frames = max(1, round((times_s[-1] - times_s[0]) / step_s) + 1)
    grid_s = times_s[0] + step_s * np.arange(frames)
    upwards = keypoints * [1, -1] + [0, height]
    points = _filled(times_s, upwards, grid_s) * METRES_PER_PIXEL
    named = dict(zip(skeleton.keypoints, points.transpose(1, 0, 2), strict=True))  # (F, 2) each
    vectors = {bone.name: _middle(named, bone.end) - _middle(named, bone.start) for bone in BONES}
    known = {name: np.nan_to_num(vector) for name, vector in vectors.items()}
    lengths = {name: float(np.median(np.hypot(*vector.T))) for name, vector in known.items()}
    turns = {bone.name: _turns(known[bone.name], bone.rest) for bone in BONES}
    columns = [np.nan_to_num(_middle(named, _HIPS)), np.zeros((frames, 1))]
    for bone in BONES:
        local = turns[bone.name] - (turns[bone.parent] if bone.parent else 0)
        degrees = np.degrees(np.unwrap(local))
        columns += [degrees[:, None], np.zeros((frames, 2))]
    motion = np.concatenate(columns, axis=1)
    rows = [" ".join(f"{value:.5f}" for value in row) for row in motion.tolist()]
    head = ["HIERARCHY", *_hierarchy("", lengths, 0)]
    return "\n".join([*head, "MOTION", f"Frames: {frames}", f"Frame Time: {step_s:.7f}", *rows, ""])


def _filled(times_s: Array, keypoints: Array, grid_s: Array) -> Array:
    """Keypoints at the grid's times: between two sights on the line, beyond them held."""
    filled = np.full((len(grid_s), *keypoints.shape[1:]), np.nan)
    for k in range(keypoints.shape[1]):
        seen = np.isfinite(keypoints[:, k]).all(axis=1)
        for axis in range(2) if seen.any() else ():
            filled[:, k, axis] = np.interp(grid_s, times_s[seen], keypoints[seen, k, axis])
    return filled


def _middle(named: dict[str, Array], names: tuple[str, ...]) -> Array:
    """Mean of those keypoints that were ever seen: (F, 2); NaN if none was."""
    some = next(iter(named.values()))
    there = [named[name] for name in names if name in named and np.isfinite(named[name]).all()]
    return np.mean(there, axis=0) if there else np.full_like(some, np.nan)


def _turns(vectors: Array, rest: tuple[float, float]) -> Array:
    """Angle in radians from rest to each vector, anticlockwise: (F,); 0 where there is none."""
    angles = np.arctan2(vectors[:, 1], vectors[:, 0]) - np.arctan2(rest[1], rest[0])
    return np.where(np.hypot(*vectors.T) > 0, angles, 0.0)


def _hierarchy(parent: str, lengths: dict[str, float], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for bone in BONES:
        if bone.parent != parent:
            continue
        above = next((each for each in BONES if each.name == parent), None)
        reach = bone.along * lengths[parent] if above is not None else 0.0
        rest = above.rest if above is not None else (0.0, 0.0)
        places = "6 Xposition Yposition Zposition" if above is None else "3"
        yield f"{pad}{'ROOT' if above is None else 'JOINT'} {bone.name}"
        yield pad + "{"
        yield f"{pad}  OFFSET {reach * rest[0]:.5f} {reach * rest[1]:.5f} 0.00000"
        yield f"{pad}  CHANNELS {places} Zrotation Xrotation Yrotation"
        yield from _hierarchy(bone.name, lengths, depth + 1)
        if bone.tip:
            x, y = (lengths[bone.name] * side for side in bone.rest)
            yield f"{pad}  End Site"
            yield pad + "  {"
            yield f"{pad}    OFFSET {x:.5f} {y:.5f} 0.00000"
            yield pad + "  }"
        yield pad + "}"
