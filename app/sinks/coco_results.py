"""COCO keypoint results: the list that COCO's own evaluation reads (`COCO.loadRes`).

Format: cocodataset.org, "results format", keypoint detection. The score of a person is the
detector's score times the mean score of the keypoints that were seen (`pose/ranking.py`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.sinks.one_output import OneOutput
from app.sinks.part_file import RecordFile
from pose.ranking import person_scores
from pose.skeleton import Skeleton
from pose.types import Poses, Scene

_PERSON = 1  # COCO's category id


class CocoResultsWriter(OneOutput):
    """Writes one entry per person; the image id is the frame's index.

    The file is valid JSON after every frame, complete or not.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is opened yet.

        Args:
            path: The file to make.
            skeleton: COCO's evaluation expects `coco_17`; others are written as they come.
        """
        self._file = RecordFile(path, opening=b"[", closing=b"\n]\n")
        super().__init__(self._file)
        self._skeleton = skeleton
        self._separator = "\n"

    def __call__(self, scene: Scene) -> None:
        """Add the scene's people; OutputError if the disc refuses them."""
        entries = coco_results(scene.frame.index, scene.tracks.poses)
        if scene.frame.file:
            entries = [{**entry, "file_name": scene.frame.file} for entry in entries]
        if entries:
            text = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
            self._file.append((self._separator + text).encode())
            self._separator = ",\n"


def coco_results(image_id: int, poses: Poses) -> list[dict[str, Any]]:
    """The people of one image as entries of a COCO results list.

    Args:
        image_id: COCO's id of the image.
        poses: N people; a missing keypoint becomes (0, 0) with score 0, because the format
            knows no other way to say so.

    Returns:
        N entries, positions in pixels to 0.001, scores to 0.0001.
    """
    found = np.all(np.isfinite(poses.keypoints), axis=2, keepdims=True)  # (N, K, 1)
    points = np.where(found, poses.keypoints, 0).astype(np.float64)
    point_scores = np.where(found[..., 0], poses.scores, 0).astype(np.float64)
    scores = person_scores(replace(poses, scores=point_scores.astype(np.float32)))
    triplets = np.dstack([np.round(points, 3), np.round(point_scores, 4)])  # (N, K, 3)
    return [
        {
            "image_id": image_id,
            "category_id": _PERSON,
            "keypoints": triplets[n].reshape(-1).tolist(),
            "score": round(float(scores[n]), 4),
        }
        for n in range(len(poses))
    ]
