"""CSI cameras: the address, the pipeline, the OpenCV it needs; a script stands for the sensor."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import pytest

from app.sources.csi import is_csi, lacks_gstreamer, open_csi, pipeline
from app.sources.source import open_source
from pose.errors import UnavailableError, UsageError

WITH = "  Video I/O:\n    FFMPEG:  YES\n    GStreamer:                   YES (1.20.3)\n"
WITHOUT = WITH.replace("YES (1.20.3)", "NO")


class Sensor:
    """Stands for `cv2.VideoCapture` on a Jetson: proves our calls, not NVIDIA's behaviour."""

    def __init__(self, pictures: int, opens: bool = True) -> None:
        self.left, self._opens = pictures, opens
        self.lines: list[str] = []
        self.released = False

    def __call__(self, line: str, backend: int) -> Sensor:
        assert backend == cv2.CAP_GSTREAMER
        self.lines.append(line)
        return self

    def isOpened(self) -> bool:
        return self._opens

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return True, np.full((720, 1280, 3), self.left, np.uint8)

    def get(self, propId: int) -> float:
        return 30.0 if propId == cv2.CAP_PROP_FPS else 0.0

    def set(self, propId: int, value: float) -> bool:
        raise AssertionError("a pipeline has no properties to set")

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(
    ("text", "fits"), [("csi://0", True), ("0", False), ("rtsp://x", False), ("", False)]
)
def test_what_is_one(text: str, fits: bool) -> None:
    assert is_csi(text) == fits


@pytest.mark.parametrize(
    "text", ["csi://", "csi://front", "csi://0?flip=9", "csi://0?flip=x", "csi://0?turn=1"]
)
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="csi://0"):
        open_csi(text)


def test_the_pipeline_asks_for_what_was_asked() -> None:
    line = pipeline(1, (1920, 1080), 29.97, flip=2)

    assert "sensor-id=1 " in line and "flip-method=2 " in line
    assert "width=1920,height=1080,framerate=29970/1000" in line
    assert "framerate=60/1" in pipeline(0, (1280, 720), 60)
    assert re.search(r"BGR ! appsink drop=true max-buffers=1", line)  # the newest, never a queue


def test_pictures_come_through() -> None:
    sensor = Sensor(10)
    camera = open_csi("csi://0?flip=2", (1280, 720), 30, factory=sensor, built_with=lambda: WITH)

    with camera as source:
        frames = [frame for frame, _ in zip(source, range(5), strict=False)]

    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert (camera.name, camera.size_wh, camera.fps) == ("CSI camera 0", (1280, 720), 30.0)
    assert len(sensor.lines) == 1 and sensor.released


@pytest.mark.parametrize(("said", "lacks"), [(WITH, False), (WITHOUT, True), ("", True)])
def test_an_opencv_without_gstreamer_is_recognised(said: str, lacks: bool) -> None:
    assert bool(lacks_gstreamer(said)) == lacks


def test_an_opencv_without_gstreamer_is_one_line_that_helps() -> None:
    camera = open_csi("csi://0", factory=Sensor(1), built_with=lambda: WITHOUT)

    with pytest.raises(UnavailableError, match=r"scripts/jetson-setup\.sh"), camera:
        pytest.fail("it was opened")


def test_this_machines_opencv_says_so_itself() -> None:
    """A real refusal: no wheel of opencv-python is built with GStreamer."""
    if not lacks_gstreamer(cv2.getBuildInformation()):
        pytest.skip("this OpenCV was built with GStreamer")

    with pytest.raises(UnavailableError, match="GStreamer"), open_source("csi://0"):
        pytest.fail("it was opened")


def test_a_sensor_that_is_not_there_is_one_line_and_is_let_go() -> None:
    sensor = Sensor(0, opens=False)
    camera = open_csi("csi://0", factory=sensor, built_with=lambda: WITH)

    with pytest.raises(UnavailableError, match="nvargus-daemon"), camera:
        pytest.fail("it was opened")
    assert sensor.released
