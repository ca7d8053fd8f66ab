"""MOTChallenge tracks: one line of text for each person in each frame (motchallenge.net).

Format: Dendorfer et al., "MOT20: A benchmark for multi object tracking in crowded scenes", 2020,
section "Data Format": frame, id, left, top, width, height, confidence, x, y, z. Frames and pixels
count from 1; x, y, z are -1 where tracking is in the picture.
"""

from __future__ import annotations

from pathlib import Path

from app.sinks.one_output import OneOutput
from app.sinks.part_file import RecordFile
from pose import boxes
from pose.skeleton import Skeleton
from pose.types import Scene


class MotChallengeWriter(OneOutput):
    """Writes each person's box and id; keypoints have no place in this format."""

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is opened yet; `path` is the file to make."""
        self._file = RecordFile(path)
        super().__init__(self._file)

    def __call__(self, scene: Scene) -> None:
        """Add the scene's lines, all or none; OutputError if the disc refuses them."""
        people = scene.tracks.poses.boxes
        xywh = boxes.xywh_from_xyxy(people.xyxy)
        lines = [
            f"{scene.frame.index + 1},{person},{left + 1:.2f},{top + 1:.2f},{width:.2f},"
            f"{height:.2f},{score:.4f},-1,-1,-1\n"
            for person, (left, top, width, height), score in zip(
                scene.tracks.ids.tolist(), xywh.tolist(), people.scores.tolist(), strict=True
            )
        ]
        self._file.append("".join(lines).encode())
