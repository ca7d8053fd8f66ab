"""Cameras and their modes, from a scripted driver; no camera was at hand."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from app.sources.listing import Listed, Mode, list_cameras, list_screens

YUYV, MJPG = 0x56595559, 0x47504A4D
QUERYCAP, FORMATS, SIZES, RATES = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
CAPTURE, METADATA = 0x80000001, 0x80800000


class Driver:
    """Answers V4L2's questions as `linux/videodev2.h` lays them out.

    Args:
        caps: Capabilities of this node.
        modes: pixel format -> size -> rates.
    """

    def __init__(self, caps: int, modes: dict[int, dict[tuple[int, int], list[int]]]) -> None:
        self._caps, self._modes = caps, modes

    def __call__(self, handle: int, request: int, record: bytearray) -> None:
        index = struct.unpack_from("<I", record)[0]
        try:
            if request == QUERYCAP:
                record[16:48] = "Büro-Kamera".encode().ljust(32, b"\0")
                struct.pack_into("<II", record, 84, 0x80000000 | 0x05000001, self._caps)
            elif request == FORMATS:
                struct.pack_into("<I", record, 44, list(self._modes)[index])
            elif request == SIZES:
                sizes = self._modes[struct.unpack_from("<I", record, 4)[0]]
                struct.pack_into("<III", record, 8, 1, *list(sizes)[index])
            elif request == RATES:
                pixel_format, *size = struct.unpack_from("<III", record, 4)
                fps = self._modes[pixel_format][(size[0], size[1])][index]
                struct.pack_into("<III", record, 16, 1, 1, fps)
        except IndexError:
            raise OSError(22, "no more") from None


class Stepwise(Driver):
    """Gives ranges instead of lists."""

    def __call__(self, handle: int, request: int, record: bytearray) -> None:
        if request == SIZES:
            struct.pack_into("<IIIIIII", record, 8, 3, 320, 1280, 2, 240, 960, 2)
        elif request == RATES:
            struct.pack_into("<IIIIIII", record, 16, 3, 1, 60, 1, 20, 0, 0)
        else:
            super().__call__(handle, request, record)


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "video0"
    path.touch()
    return str(path)


def test_no_camera_gives_an_empty_list() -> None:
    assert list_cameras([]) == []


def test_a_camera_is_listed_by_its_name_with_its_modes(device: str) -> None:
    driver = Driver(CAPTURE, {YUYV: {(640, 480): [30]}, MJPG: {(1280, 720): [30, 60]}})

    (camera,) = list_cameras([device], driver)

    assert camera == Listed(
        device,
        "Büro-Kamera",
        (Mode((1280, 720), 60.0), Mode((1280, 720), 30.0), Mode((640, 480), 30.0)),
    )
    assert str(camera.modes[0]) == "1280 × 720, 60 fps"


def test_a_range_of_modes_is_offered_as_the_usual_ones(device: str) -> None:
    (camera,) = list_cameras([device], Stepwise(CAPTURE, {YUYV: {}}))

    assert {mode.size_wh for mode in camera.modes} == {(640, 480), (1280, 720)}
    assert {mode.fps for mode in camera.modes} == {30.0, 60.0}


def test_the_node_of_the_metadata_is_no_camera(device: str) -> None:
    assert list_cameras([device], Driver(METADATA, {})) == []


def test_a_camera_that_may_not_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    (camera,) = list_cameras([str(tmp_path / "video7")])

    assert "video7" in camera.name and "No such file" in camera.name


def test_a_driver_without_answers_still_has_a_name(device: str) -> None:
    def silent(handle: int, request: int, record: bytearray) -> None:
        raise OSError(25, "no such ioctl")

    assert list_cameras([device], silent) == [Listed(device, "video0")]


def test_the_screen_is_listed_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert list_screens() == []
