"""The ribbon-cable cameras of a Jetson, through GStreamer: `csi://0`.

NVIDIA's camera service hands pictures to GStreamer only, so this needs an OpenCV that was built
with it: JetPack's own, not pip's. `nvarguscamerasrc` debayers on the image processor, `nvvidconv`
turns and copies to where a CPU can read, `appsink` keeps the newest picture alone (NVIDIA, Jetson
Linux Developer Guide, "Accelerated GStreamer"). Not yet run on a Jetson: none was at hand; the
test's capture stands in for one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import cv2
import numpy as np

from app.sources.camera import VideoCapture
from app.sources.live import Live, Watchdog
from app.sources.quiet import quiet_opencv
from pose.errors import UnavailableError, UsageError
from pose.types import ByteArray

_URL = re.compile(r"csi://(?P<sensor>\d+)/?(?:\?(?P<options>.*))?")
_USUAL_SIZE_WH = (1280, 720)
_USUAL_FPS = 30.0
_TURNS = range(8)  # nvvidconv's flip-method
_BUILT_WITH = re.compile(r"^\s*GStreamer:\s*(?P<answer>YES|NO)", re.MULTILINE)


def is_csi(text: str) -> bool:
    """Whether a text names a camera on a Jetson's ribbon cable."""
    return text.startswith("csi://")


def open_csi(
    text: str,
    size_wh: tuple[int, int] | None = None,
    fps: float | None = None,
    watchdog: Watchdog | None = None,
    factory: Callable[[str, int], VideoCapture] = cv2.VideoCapture,
    built_with: Callable[[], str] = cv2.getBuildInformation,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
) -> Live:
    """A CSI camera as a source; it is opened on entering.

    Args:
        text: `csi://0`, or `csi://1?flip=2` for the second one, upside down.
        size_wh: Picture size; the sensor's nearest mode is scaled to it. 1280x720 if None.
        fps: Rate; 30 if None.
        watchdog: When it counts as lost.
        factory: Makes a capture of a GStreamer pipeline and OpenCV's number for GStreamer.
        built_with: What the OpenCV in use says about itself.
        clock, pause: See `Live`.

    Raises:
        UsageError: The address cannot be meant.
    """
    sensor, flip = _parsed(text)
    line = pipeline(sensor, size_wh or _USUAL_SIZE_WH, fps or _USUAL_FPS, flip)
    name = f"CSI camera {sensor}"

    def connect() -> _CsiCapture:
        if why := lacks_gstreamer(built_with()):
            raise UnavailableError(f"{name}: {why}")
        return _CsiCapture(_opened(name, line, factory))

    return Live(name, connect, watchdog, clock, pause)


def pipeline(sensor: int, size_wh: tuple[int, int], fps: float, flip: int = 0) -> str:
    """The GStreamer pipeline from the sensor to BGR pictures; drops what nobody took in time.

    Args:
        sensor: Number of the camera.
        size_wh: Of the pictures.
        fps: Pictures a second.
        flip: 0 as it is, 2 upside down; 1 and 3 quarter turns, 4 to 7 mirrored.
    """
    width, height = size_wh
    rate = f"{round(fps * 1000)}/1000" if fps % 1 else f"{round(fps)}/1"
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! "
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={rate},format=NV12 ! "
        f"nvvidconv flip-method={flip} ! video/x-raw,format=BGRx ! "
        "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


def lacks_gstreamer(build_information: str) -> str:
    """Why this OpenCV cannot read a CSI camera, and what to do; empty if it can.

    Args:
        build_information: What `cv2.getBuildInformation` says.
    """
    found = _BUILT_WITH.search(build_information)
    if found is not None and found["answer"] == "YES":
        return ""
    return (
        f"expected an OpenCV built with GStreamer, got one without ({cv2.__file__}); on a Jetson "
        "pip's opencv-python hides the system's: run scripts/jetson-setup.sh, or in the "
        "environment: pip uninstall opencv-python opencv-python-headless"
    )


def _parsed(text: str) -> tuple[int, int]:
    """Sensor and flip; UsageError if the text is not an address of this kind."""
    found = _URL.fullmatch(text)
    options = dict(parse_qsl(found["options"] or "")) if found is not None else {}
    flip = options.pop("flip", "0")
    if found is None or options or not flip.isdecimal() or int(flip) not in _TURNS:
        raise UsageError(f"expected csi://0 or csi://0?flip=2 (flip of 0 to 7), got {text!r}")
    return int(found["sensor"]), int(flip)


def _opened(name: str, line: str, factory: Callable[[str, int], VideoCapture]) -> VideoCapture:
    try:
        with quiet_opencv():
            capture = factory(line, cv2.CAP_GSTREAMER)
    except (cv2.error, OSError, RuntimeError) as error:
        raise UnavailableError(f"{name} cannot be opened: {error}") from error
    if not capture.isOpened():
        capture.release()
        raise UnavailableError(
            f"{name}: expected a camera, GStreamer cannot open it; is its cable in, is its driver "
            "chosen (sudo /opt/nvidia/jetson-io/jetson-io.py), is another program using it? Then: "
            "sudo systemctl restart nvargus-daemon"
        )
    return capture


class _CsiCapture:
    """An open pipeline."""

    def __init__(self, capture: VideoCapture) -> None:
        self._capture = capture

    @property
    def fps(self) -> float | None:
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return fps if fps > 0 else None

    def read(self) -> ByteArray | None:
        success, image = self._capture.read()
        return np.asarray(image, np.uint8) if success and image is not None else None

    def release(self) -> None:
        self._capture.release()
