"""JSON Lines: one line for every frame, also for those without people.

The schema stands in docs/outputs.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.sinks.one_output import OneOutput
from app.sinks.part_file import RecordFile
from pose.skeleton import Skeleton
from pose.types import Scene

_PIXEL_DIGITS = 3
_SCORE_DIGITS = 4
_SECOND_DIGITS = 6


class JsonLinesWriter(OneOutput):
    """Writes what was seen, frame by frame; a missing keypoint is `[null, null, 0.0]`."""

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is opened yet.

        Args:
            path: The file to make.
            skeleton: Named in every line: it tells which keypoint is which.
        """
        self._file = RecordFile(path)
        super().__init__(self._file)
        self._skeleton = skeleton

    def __call__(self, scene: Scene) -> None:
        """Add the scene's line; OutputError if the disc refuses it."""
        line = json.dumps(frame_record(scene, self._skeleton), separators=(",", ":"))
        self._file.append(line.encode() + b"\n")


def frame_record(scene: Scene, skeleton: Skeleton) -> dict[str, Any]:
    """One frame in plain lists and numbers, ready for JSON: no NaN, no infinity."""
    poses = scene.tracks.poses
    width, height = scene.frame.size_wh
    boxes = _plain(poses.boxes.xyxy, _PIXEL_DIGITS)
    box_scores = _plain(poses.boxes.scores, _SCORE_DIGITS)
    points = _plain(poses.keypoints, _PIXEL_DIGITS)
    point_scores = _plain(poses.scores, _SCORE_DIGITS)
    file = {"file": scene.frame.file} if scene.frame.file else {}
    return {
        "index": scene.frame.index,
        **file,
        "time_s": round(scene.frame.time_s, _SECOND_DIGITS),
        "size": [width, height],
        "skeleton": skeleton.name,
        "people": [
            {
                "id": person,
                "box": boxes[n],
                "score": box_scores[n],
                "keypoints": [
                    [*point, score] for point, score in zip(points[n], point_scores[n], strict=True)
                ],
            }
            for n, person in enumerate(scene.tracks.ids.tolist())
        ],
    }


def _plain(values: npt.NDArray[np.float32], digits: int) -> list[Any]:
    """Nested lists of rounded floats; None where a value is not finite."""
    rounded = np.round(values.astype(np.float64), digits)
    finite = np.isfinite(rounded)
    if finite.all():
        return list(rounded.tolist())
    plain = rounded.astype(object)
    plain[~finite] = None
    return list(plain.tolist())
