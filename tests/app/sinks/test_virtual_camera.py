"""The virtual camera's order of calls, against a fake driver: proves our order, nothing else."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.sinks.address import parse_address
from pose.errors import UnavailableError
from pose.types import Scene
from tests.app.sinks.scenes import picture, scene


class FakeCamera:
    """Stands in for `pyvirtualcam.Camera`."""

    made: list[FakeCamera]

    def __init__(
        self, width: int, height: int, fps: float, *, fmt: str, device: str | None
    ) -> None:
        if device == "/dev/none":
            raise RuntimeError("no such device")
        self.size_wh, self.fps, self.fmt = (width, height), fps, fmt
        self.device = device or "/dev/video10"
        self.sent: list[Any] = []
        self.closed = False
        FakeCamera.made.append(self)

    def send(self, image: Any) -> None:
        self.sent.append(image)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    fake: Any = ModuleType("pyvirtualcam")
    fake.Camera, fake.PixelFormat = FakeCamera, SimpleNamespace(BGR="BGR")
    FakeCamera.made = []
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    monkeypatch.delitem(sys.modules, "app.sinks.virtual_camera", raising=False)
    return importlib.import_module("app.sinks.virtual_camera")


def test_without_a_picture_no_camera_is_opened(module: ModuleType) -> None:
    with module.VirtualCamera(parse_address("camera")):
        pass

    assert FakeCamera.made == []


def test_the_drawing_is_shown_in_one_even_size(module: ModuleType) -> None:
    first, second = scene(0, size_wh=(161, 121)), scene(1, size_wh=(320, 240))
    drawn = Scene(first.frame, first.tracks, picture(9, (161, 121)))

    with module.VirtualCamera(parse_address("camera:///dev/video7")) as show:
        show(drawn)
        show(second)
        (camera,) = FakeCamera.made
        assert not camera.closed

    assert camera.closed
    assert (camera.size_wh, camera.fmt, camera.device) == ((160, 120), "BGR", "/dev/video7")
    assert [image.shape for image in camera.sent] == [(120, 160, 3)] * 2
    assert all(image.flags.c_contiguous and image.dtype == np.uint8 for image in camera.sent)


def test_a_driver_that_is_not_there_is_one_line(module: ModuleType) -> None:
    with (
        pytest.raises(UnavailableError, match="modprobe v4l2loopback"),
        module.VirtualCamera(parse_address("camera:///dev/none")) as show,
    ):
        show(scene(0))
