"""Which sources this machine offers by name: its cameras with their modes, and its screen.

Nothing is opened for reading: cameras are asked for their names and modes through V4L2's ioctls
(Linux media API, `linux/videodev2.h`), which neither starts them nor takes them from others. No
camera was at hand when this was written; its test stands a scripted one in.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.sources.camera import cameras_present

Ioctl = Callable[[int, int, bytearray], object]

_QUERYCAP, _ENUM_FMT = 0x80685600, 0xC0405602
_ENUM_SIZES, _ENUM_INTERVALS = 0xC02C564A, 0xC034564B
_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, and the capability of the same bit
_DEVICE_CAPS = 0x80000000
_DISCRETE = 1
# What a range of sizes or rates is offered as.
_USUAL_SIZES = ((640, 480), (1280, 720), (1920, 1080))
_USUAL_FPS = (15.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to run a camera.

    Attributes:
        size_wh: Pixels.
        fps: Frames per second.
    """

    size_wh: tuple[int, int]
    fps: float

    def __str__(self) -> str:
        return f"{self.size_wh[0]} × {self.size_wh[1]}, {self.fps:g} fps"


@dataclass(frozen=True, slots=True)
class Listed:
    """One source.

    Attributes:
        text: As `open_source` takes it.
        name: As people call it.
        modes: What it offers, largest first, fastest first; empty where nobody tells.
    """

    text: str
    name: str
    modes: tuple[Mode, ...] = ()


def list_cameras(devices: list[str] | None = None, ioctl: Ioctl | None = None) -> list[Listed]:
    """The cameras that are here, by their own names.

    Args:
        devices: Device files to ask; those of this machine if None.
        ioctl: Asks a driver; replaced by tests.
    """
    found = []
    for device in cameras_present() if devices is None else devices:
        try:
            handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            reason = error.strerror or str(error)
            found.append(Listed(device, f"{Path(device).name} ({reason})"))
            continue
        try:
            listed = _ask(device, handle, ioctl or _ioctl)
        finally:
            os.close(handle)
        if listed is not None:
            found.append(listed)
    return found


def list_csi() -> list[Listed]:
    """The CSI cameras of a Jetson: its capture channels, which only NVIDIA's driver opens."""
    if not Path("/etc/nv_tegra_release").exists():
        return []
    channels = sorted(Path("/dev").glob("capture-vi-channel*"))
    return [
        Listed(f"csi://{number}", f"CSI camera {number}") for number in range(min(len(channels), 2))
    ]


def list_screens() -> list[Listed]:
    """The screen, where it can be grabbed."""
    if sys.platform.startswith("linux") and os.environ.get("DISPLAY"):
        return [Listed("screen://", "Screen")]
    return []


def _ioctl(handle: int, request: int, record: bytearray) -> object:
    return fcntl.ioctl(handle, request, record, True)


def _ask(device: str, handle: int, ioctl: Ioctl) -> Listed | None:
    """A camera's name and modes; None for a device that gives no pictures."""
    record = bytearray(104)
    try:
        ioctl(handle, _QUERYCAP, record)
    except OSError:
        return Listed(device, Path(device).name)
    capabilities, device_caps = struct.unpack_from("<II", record, 84)
    offered = device_caps if capabilities & _DEVICE_CAPS else capabilities
    if not offered & _CAPTURE:  # the node of a camera's metadata
        return None
    card = bytes(record[16:48]).split(b"\0")[0].decode("utf-8", "replace").strip()
    modes = {
        Mode(size, fps)
        for pixel_format in _formats(handle, ioctl)
        for size in _sizes(handle, ioctl, pixel_format)
        for fps in _rates(handle, ioctl, pixel_format, size)
    }
    order = sorted(modes, key=lambda mode: (mode.size_wh[0] * mode.size_wh[1], mode.fps))
    return Listed(device, card or Path(device).name, tuple(reversed(order)))


def _each(
    handle: int, ioctl: Ioctl, request: int, record: Callable[[int], bytes]
) -> Iterator[bytes]:
    """A driver's answers for index 0, 1, …, until it says there is no more."""
    for index in range(256):
        answer = bytearray(record(index))
        try:
            ioctl(handle, request, answer)
        except OSError:
            return
        yield bytes(answer)


def _formats(handle: int, ioctl: Ioctl) -> list[int]:
    answers = _each(handle, ioctl, _ENUM_FMT, lambda i: struct.pack("<II56x", i, _CAPTURE))
    return [struct.unpack_from("<I", answer, 44)[0] for answer in answers]


def _sizes(handle: int, ioctl: Ioctl, pixel_format: int) -> list[tuple[int, int]]:
    sizes = []
    for answer in _each(
        handle, ioctl, _ENUM_SIZES, lambda i: struct.pack("<II36x", i, pixel_format)
    ):
        kind, *values = struct.unpack_from("<I6I", answer, 8)
        if kind == _DISCRETE:
            sizes.append((values[0], values[1]))
        else:
            low_w, high_w, _, low_h, high_h, _ = values
            sizes += [
                (w, h) for w, h in _USUAL_SIZES if low_w <= w <= high_w and low_h <= h <= high_h
            ]
            break
    return sizes


def _rates(handle: int, ioctl: Ioctl, pixel_format: int, size_wh: tuple[int, int]) -> list[float]:
    rates = []
    for answer in _each(
        handle, ioctl, _ENUM_INTERVALS, lambda i: struct.pack("<IIII36x", i, pixel_format, *size_wh)
    ):
        kind, *values = struct.unpack_from("<I6I", answer, 16)
        if kind == _DISCRETE and values[0]:
            rates.append(round(values[1] / values[0], 2))
        else:
            if values[0] and values[2]:
                fastest, slowest = values[1] / values[0], values[3] / values[2]
                rates += [fps for fps in _USUAL_FPS if slowest <= fps <= fastest]
            break
    return rates
