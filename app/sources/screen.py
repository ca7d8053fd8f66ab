"""The screen, or a part of it, as a live source: `screen://` or `screen://1280x720+100+50`.

Through mss: X11, Windows, macOS; under Wayland no program may look at the screen this way. FFmpeg's
x11grab, in PyAV's wheel, crashes where OpenCV's wheel was loaded before: both bring an X library.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from app.sources.live import Live, Watchdog
from pose.errors import UnavailableError, UsageError
from pose.types import ByteArray

_SCHEME = "screen://"
_REGION = re.compile(r"(?P<width>\d+)x(?P<height>\d+)\+(?P<x>\d+)\+(?P<y>\d+)")
_FPS = 30
_NEVER_STILL_S = 1e9  # a screen on which nothing moves is no frozen camera


class Region(NamedTuple):
    """A part of the screen, in its pixels."""

    width: int
    height: int
    x: int
    y: int

    @property
    def text(self) -> str:
        """As `open_source` takes it."""
        return f"{_SCHEME}{self.width}x{self.height}+{self.x}+{self.y}"


def is_screen(text: str) -> bool:
    """Whether a text names the screen."""
    return text.startswith(_SCHEME)


def region_of(text: str) -> Region | None:
    """The part that a text names; None for all of it.

    Raises:
        UsageError: Neither.
    """
    rest = text.removeprefix(_SCHEME)
    if not rest:
        return None
    match = _REGION.fullmatch(rest)
    if match is None or not int(match["width"]) or not int(match["height"]):
        raise UsageError(f"expected {_SCHEME} or {_SCHEME}WIDTHxHEIGHT+X+Y, got {text!r}")
    return Region(*(int(match[name]) for name in Region._fields))


def open_screen(
    text: str,
    watchdog: Watchdog | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
) -> Live:
    """The screen as a source; it is opened on entering.

    Args:
        text: As `is_screen` takes it.
        watchdog: When it counts as lost.
        clock, pause: See `Live`.

    Raises:
        UsageError: The region cannot be read.
    """
    region = region_of(text)
    limits = watchdog or Watchdog(frozen_after_s=_NEVER_STILL_S)
    name = f"screen {text.removeprefix(_SCHEME)}".strip()
    return Live(name, lambda: _Screen(region), limits, clock, pause)


class _Screen:
    """An open grab."""

    def __init__(self, region: Region | None) -> None:
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            raise UnavailableError("the screen: expected an X display, DISPLAY is not set")
        import mss  # here, because only the extra `gui` installs it
        from mss.exception import ScreenShotError

        try:
            self._grabber = mss.MSS()
            whole = self._grabber.monitors[0]
            if region is not None and not _lies_on(region, whole):
                raise UnavailableError(
                    f"the screen cannot be grabbed: expected a region of {whole['width']}x"
                    f"{whole['height']}+{whole['left']}+{whole['top']}, got {region.text}"
                )
        except (ScreenShotError, OSError) as error:
            raise UnavailableError(
                f"the screen {os.environ.get('DISPLAY', '')} cannot be grabbed: {error}"
            ) from error
        self._place = dict(whole)
        if region is not None:
            self._place = {
                "left": region.x,
                "top": region.y,
                "width": region.width,
                "height": region.height,
            }
        self._next_s = time.monotonic()

    @property
    def fps(self) -> float | None:
        return float(_FPS)

    def read(self) -> ByteArray | None:
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s = max(self._next_s + 1 / _FPS, time.monotonic())
        shot = self._grabber.grab(self._place)
        bgra = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        return np.ascontiguousarray(bgra[..., :3])

    def release(self) -> None:
        self._grabber.close()


def _lies_on(region: Region, whole: Mapping[str, int]) -> bool:
    right, bottom = whole["left"] + whole["width"], whole["top"] + whole["height"]
    across = whole["left"] <= region.x and region.x + region.width <= right
    return across and whole["top"] <= region.y and region.y + region.height <= bottom
