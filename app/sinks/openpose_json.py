"""OpenPose's JSON: a folder with one file for every frame, 25 body points a person.

Format: OpenPose, "Output Format", BODY_25 (Cao et al., TPAMI 2019). Points that we have no joint
for (feet) and joints that were not found are 0, 0, 0, as OpenPose itself writes them. Its neck and
its middle of the hips are the means of the two shoulders and of the two hips.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from app.sinks.one_output import OneOutput
from app.sinks.part_folder import PartFolder
from pose.skeleton import Skeleton
from pose.types import FloatArray, Scene

_VERSION = 1.3
_NECK, _MID_HIP, _POINTS = 1, 8, 25
# Place in BODY_25 -> our name; the feet (19 to 24) have none.
_JOINTS = {
    0: "nose", 2: "right_shoulder", 3: "right_elbow", 4: "right_wrist", 5: "left_shoulder",
    6: "left_elbow", 7: "left_wrist", 9: "right_hip", 10: "right_knee", 11: "right_ankle",
    12: "left_hip", 13: "left_knee", 14: "left_ankle", 15: "right_eye", 16: "left_eye",
    17: "right_ear", 18: "left_ear",
}  # fmt: skip
_NOT_MEASURED = (
    "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d",
    "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d",
)  # fmt: skip


class OpenPoseWriter(OneOutput):
    """Writes `NAME_000000000012_keypoints.json` for every frame, also those without people."""

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is made yet; `path` is the folder to make."""
        self._folder = PartFolder(path)
        super().__init__(self._folder)
        self._name = path.stem
        self._skeleton = skeleton

    def __call__(self, scene: Scene) -> None:
        """Add the scene's file; OutputError if the disc refuses it."""
        content = json.dumps(openpose_record(scene, self._skeleton), separators=(",", ":"))
        name = f"{self._name}_{scene.frame.index:012d}_keypoints.json"
        self._folder.write(name, content.encode())


def openpose_record(scene: Scene, skeleton: Skeleton) -> dict[str, Any]:
    """One frame as OpenPose writes it; `person_id` is the track's id, which OpenPose leaves -1."""
    poses = scene.tracks.poses
    points = body_25(poses.keypoints, poses.scores, skeleton)
    people = [
        {
            "person_id": [person],
            "pose_keypoints_2d": points[n].ravel().tolist(),
            **{name: [] for name in _NOT_MEASURED},
        }
        for n, person in enumerate(scene.tracks.ids.tolist())
    ]
    return {"version": _VERSION, "people": people}


def body_25(keypoints: FloatArray, scores: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Put keypoints into OpenPose's order.

    Args:
        keypoints: (N, K, 2) pixels, NaN where not found.
        scores: (N, K).
        skeleton: Names the K keypoints; those that BODY_25 lacks are left out.

    Returns:
        (N, 25, 3) float64: x, y to 0.001 pixel and score to 0.0001; zeros where not found.
    """
    points = np.zeros((len(keypoints), _POINTS, 3))
    for place, name in _JOINTS.items():
        if name in skeleton.keypoints:
            k = skeleton.keypoints.index(name)
            points[:, place, :2], points[:, place, 2] = keypoints[:, k], scores[:, k]
    for place, left, right in ((_NECK, 5, 2), (_MID_HIP, 12, 9)):
        points[:, place, :2] = (points[:, left, :2] + points[:, right, :2]) / 2
        points[:, place, 2] = np.minimum(points[:, left, 2], points[:, right, 2])
    lost = ~np.isfinite(points).all(axis=2) | (points[..., 2] <= 0)
    points[lost] = 0
    return np.dstack([np.round(points[..., :2], 3), np.round(points[..., 2], 4)])
