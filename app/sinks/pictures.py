"""A folder of pictures with skeletons: a photograph's under its own name, a film's numbered."""

from __future__ import annotations

from pathlib import Path, PurePath

import cv2
import numpy as np

from app.sinks.one_output import OneOutput
from app.sinks.part_folder import PartFolder
from pose.skeleton import Skeleton
from pose.types import Frame, Scene

_QUALITY = 95  # of JPEG: thin lines keep their colour


class PicturesWriter(OneOutput):
    """Writes each scene's drawing, or its frame where nobody drew, in the frame's own size."""

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        """Nothing is made yet; `path` is the folder to make."""
        self._folder = PartFolder(path)
        super().__init__(self._folder)
        self._name = path.stem
        self._taken: set[str] = set()

    def __call__(self, scene: Scene) -> None:
        """Add the scene's picture; OutputError if the disc refuses it."""
        image = scene.frame.image if scene.drawing is None else scene.drawing
        stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        self._folder.write(self._unused_name(scene.frame), np.asarray(stored).tobytes())

    def _unused_name(self, frame: Frame) -> str:
        """`shot.jpg` for `shot.png`; the number joins it where two photographs are called so."""
        stem = PurePath(frame.file).stem
        name = stem or f"{self._name}_{frame.index:012d}"
        if name.lower() in self._taken:  # some discs take a.jpg and A.jpg for one
            name = f"{name}_{frame.index:012d}"
        self._taken.add(name.lower())
        return f"{name}.jpg"
