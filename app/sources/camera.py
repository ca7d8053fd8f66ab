"""Cameras on this machine, through OpenCV: `0`, `1`, … or `/dev/video0`.

What cannot be covered: a driver whose read never returns (see `app.sources.live`). On Linux reads
are bounded by V4L2's own time-out. No camera was at hand when this was written; the fault script
of its test stands in for one.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from app.sources.live import Live, Watchdog
from app.sources.quiet import quiet_opencv
from pose.errors import UnavailableError
from pose.types import ByteArray

_DEVICE_FILE = re.compile(r"/dev/video(\d+)")
_V4L2_READ_TIMEOUT_S = "1"
_MOST_FPS = 1000.0
_MJPG = int.from_bytes(b"MJPG", "little")


class VideoCapture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...

    def read(self) -> tuple[bool, Any]: ...

    def get(self, propId: int) -> float: ...

    def set(self, propId: int, value: float) -> bool: ...

    def release(self) -> None: ...


def is_camera(text: str) -> bool:
    """Whether a text names a camera: a number, or a video device of Linux."""
    return text.isdecimal() or _DEVICE_FILE.fullmatch(text) is not None


def open_camera(
    text: str,
    size_wh: tuple[int, int] | None = None,
    fps: float | None = None,
    watchdog: Watchdog | None = None,
    factory: Callable[[int, int], VideoCapture] = cv2.VideoCapture,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
) -> Live:
    """A camera as a source; it is opened on entering.

    Args:
        text: As `is_camera` takes it.
        size_wh: Picture size to ask for; the camera takes the nearest it has.
        fps: Rate to ask for.
        watchdog: When it counts as lost.
        factory: Makes a capture of camera number and OpenCV backend.
        clock, pause: See `Live`.
    """
    index = int(text) if text.isdecimal() else int(text.removeprefix("/dev/video"))
    name = f"camera {index}"

    def connect() -> _Camera:
        return _Camera(_opened(name, index, factory), size_wh, fps)

    return Live(name, connect, watchdog, clock, pause)


def cameras_present() -> list[str]:
    """The video devices that Linux shows; empty where it shows none or is not Linux."""
    found = [path for path in Path("/dev").glob("video*") if is_camera(str(path))]
    return sorted((str(path) for path in found), key=lambda name: (len(name), name))


class _Camera:
    """An open `cv2.VideoCapture`."""

    def __init__(
        self, capture: VideoCapture, size_wh: tuple[int, int] | None, fps: float | None
    ) -> None:
        self._capture = capture
        if size_wh is not None or fps is not None:
            # Uncompressed pictures beyond 640x480 do not fit through USB 2 at full rate.
            capture.set(cv2.CAP_PROP_FOURCC, _MJPG)
        if size_wh is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_wh[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_wh[1])
        if fps is not None:
            capture.set(cv2.CAP_PROP_FPS, fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # fresh pictures, not a queue of old ones

    @property
    def fps(self) -> float | None:
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return fps if 0 < fps <= _MOST_FPS else None

    def read(self) -> ByteArray | None:
        success, image = self._capture.read()
        if not success or image is None:
            return None
        if image.ndim == 2 or image.shape[2] == 1:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return np.asarray(image[..., :3], np.uint8)

    def release(self) -> None:
        self._capture.release()


def _opened(name: str, index: int, factory: Callable[[int, int], VideoCapture]) -> VideoCapture:
    linux = sys.platform == "linux"
    if linux:
        if factory is cv2.VideoCapture and not Path(f"/dev/video{index}").exists():
            present = ", ".join(cameras_present()) or "none"
            raise UnavailableError(
                f"{name}: expected /dev/video{index}, got nothing there; cameras here: {present}"
            )
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", _V4L2_READ_TIMEOUT_S)
    try:
        with quiet_opencv():
            capture = factory(index, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    except (cv2.error, OSError, RuntimeError) as error:
        raise UnavailableError(f"{name} cannot be opened: {error}") from error
    if not capture.isOpened():
        capture.release()
        raise UnavailableError(
            f"{name}: expected a camera, it cannot be opened; is it plugged in, is another "
            "program using it, may this user read it (group `video`)?"
        )
    return capture
