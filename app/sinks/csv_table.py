"""A CSV table: one row for every person in every frame, one column for every number."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from app.sinks.one_output import OneOutput
from app.sinks.part_file import RecordFile
from pose.skeleton import Skeleton
from pose.types import FloatArray, Scene

FILE_COLUMN = "file"  # the last one: of a photograph; empty for frames of a film
_LEADING_COLUMNS = ("index", "time_s", "id", "x1", "y1", "x2", "y2", "score")


class CsvWriter(OneOutput):
    """Writes a header, then the people of each frame; a missing keypoint's cells are empty."""

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is opened yet.

        Args:
            path: The file to make.
            skeleton: Its keypoint names make the header.
        """
        self._file = RecordFile(path, opening=_rows([columns(skeleton)]))
        super().__init__(self._file)

    def __call__(self, scene: Scene) -> None:
        """Add the scene's rows, all or none; OutputError if the disc refuses them."""
        poses = scene.tracks.poses
        points = np.concatenate([poses.keypoints, poses.scores[..., None]], axis=2)  # (N, K, 3)
        boxes = np.concatenate([poses.boxes.xyxy, poses.boxes.scores[:, None]], axis=1)  # (N, 5)
        when = [str(scene.frame.index), f"{scene.frame.time_s:.6f}"]
        file = scene.frame.file
        self._file.append(
            _rows(
                [*when, str(person), *_cells(boxes[n]), *_cells(points[n].reshape(-1)), file]
                for n, person in enumerate(scene.tracks.ids.tolist())
            )
        )


def columns(skeleton: Skeleton) -> list[str]:
    """The header: who, when and where, then x, y and score of each keypoint, then the file."""
    return [
        *_LEADING_COLUMNS,
        *(f"{name}_{value}" for name in skeleton.keypoints for value in ("x", "y", "score")),
        FILE_COLUMN,
    ]


def _cells(values: FloatArray) -> list[str]:
    return [f"{value:.4f}" if math.isfinite(value) else "" for value in values.tolist()]


def _rows(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")  # names need not be UTF-8
