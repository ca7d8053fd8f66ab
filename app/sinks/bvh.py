"""BVH for animation programs: a folder with one flat figure for each person.

What the figure is, and what it cannot be, stands in `app.sinks.bvh_figure` and docs/outputs.md. A
BVH file begins with its bones' lengths and its number of frames, which only the end knows: until
then each person's joints grow in a table beside.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType

import numpy as np
from typing_extensions import Self

from app.sinks.bvh_figure import bvh_text
from app.sinks.part_file import naming
from app.sinks.part_folder import PartFolder
from pose.skeleton import Skeleton
from pose.types import Scene

_STEPS_KEPT = 4096  # enough to know the usual time between two frames
_USUAL_STEP_S = 1 / 30


class BvhWriter:
    """Writes `id3_from_12.400s.bvh` for person 3, who came at that time of the source.

    After an error or a kill the `.part` folder holds `id3.csv`, time and joints of each frame.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is made yet.

        Args:
            path: The folder to make.
            skeleton: Names the joints; those of head, arms and legs are used.
        """
        self._path, self._skeleton = path, skeleton
        self._folder = PartFolder(path)
        self._ids: set[int] = set()
        self._last_s: float | None = None
        self._steps_s: list[float] = []
        self._height = 0

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            for person in sorted(self._ids):
                self._finish(person)
        self._folder.__exit__(kind, error, trace)

    def __call__(self, scene: Scene) -> None:
        """Add where everybody's joints are; OutputError if the disc refuses it."""
        now_s = scene.frame.time_s
        if self._last_s is not None and len(self._steps_s) < _STEPS_KEPT:
            self._steps_s.append(now_s - self._last_s)
        self._last_s = now_s
        self._height = self._height or scene.frame.size_wh[1]
        keypoints = scene.tracks.poses.keypoints
        for n, person in enumerate(scene.tracks.ids.tolist()):
            row = [f"{now_s:.6f}", *(f"{each:.6g}" for each in keypoints[n].ravel().tolist())]
            self._folder.append(f"id{person}.csv", (",".join(row) + "\n").encode())
            self._ids.add(person)

    def _finish(self, person: int) -> None:
        with naming(self._path):
            rows = (self._folder.folder / f"id{person}.csv").read_text()
        table = np.loadtxt(io.StringIO(rows), delimiter=",", ndmin=2)  # (T, 1 + 2 K)
        times_s, first = np.unique(table[:, 0], return_index=True)  # rising, each once
        keypoints = table[first, 1:].reshape(len(times_s), -1, 2)
        step_s = float(np.median(self._steps_s)) if self._steps_s else 0.0
        text = bvh_text(
            times_s,
            keypoints,
            self._skeleton,
            self._height,
            step_s if step_s > 0 else _USUAL_STEP_S,
        )
        self._folder.write(f"id{person}_from_{times_s[0]:.3f}s.bvh", text.encode())
        self._folder.remove(f"id{person}.csv")
