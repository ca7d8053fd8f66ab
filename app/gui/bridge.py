"""From the pipeline's last thread to the window: keeps the newest scene only, ready to be painted.

A sink like any other. What the window does not take in time is replaced, never queued, so a slow
window shows less and never old. Fitting the picture to the window happens here, in the pipeline's
thread; the window only copies it to the screen.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
from PyQt5.QtCore import QObject, pyqtSignal
from typing_extensions import Self

from pose.types import ByteArray, Scene


@dataclass(frozen=True, eq=False)
class Picture:
    """A scene, and its pixels as the screen wants them.

    Attributes:
        scene: What is shown.
        pixels: (h, w, 4) uint8 BGRA, fitted into the window, its shape never changed.
        fit_wh: The room it was fitted into, in pixels of the screen.
    """

    scene: Scene
    pixels: ByteArray
    fit_wh: tuple[int, int]


def fitted_wh(size_wh: tuple[int, int], room_wh: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape that fits a room; at least one pixel."""
    scale = min(room_wh[0] / size_wh[0], room_wh[1] / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def fit(scene: Scene, room_wh: tuple[int, int]) -> Picture:
    """Fit a scene's drawing, or its frame where nobody drew, into a room."""
    image = scene.frame.image if scene.drawing is None else scene.drawing
    size_wh = (image.shape[1], image.shape[0])
    target_wh = fitted_wh(size_wh, room_wh) if min(room_wh) > 0 else size_wh
    if target_wh != size_wh:
        smaller = target_wh[0] < size_wh[0]
        image = np.asarray(
            cv2.resize(
                image, target_wh, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            ),
            np.uint8,
        )
    return Picture(scene, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), np.uint8), room_wh)


class SceneBridge(QObject):
    """A sink whose scenes the window takes one by one, the newest first and no other.

    Attributes:
        room_wh: Pixels of the screen that there are; set by the window, read with every scene.
        replaced: Pictures that the window did not take in time.
    """

    arrived = pyqtSignal()  # at most once for each `take`

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.room_wh = (0, 0)
        self.replaced = 0
        self._lock = threading.Lock()
        self._newest: Picture | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """The last picture stays to be taken."""

    def __call__(self, scene: Scene) -> None:
        """Take a scene over; called in the pipeline's thread."""
        picture = fit(scene, self.room_wh)
        with self._lock:
            waiting = self._newest is not None
            self._newest = picture
            self.replaced += waiting
        if not waiting:
            self.arrived.emit()

    def take(self) -> Picture | None:
        """The newest picture, once; None if there is none since the last time."""
        with self._lock:
            picture, self._newest = self._newest, None
        return picture
