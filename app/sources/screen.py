"""The screen, or a part of it, as a live source: `screen://` or `screen://1280x720+100+50`.

Through FFmpeg's x11grab, so on X11 only; under Wayland no program may look at the screen this way.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import av
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
        display = os.environ.get("DISPLAY")
        if not display:
            raise UnavailableError("the screen: expected an X display, DISPLAY is not set")
        options = {"framerate": str(_FPS), "draw_mouse": "0"}
        url = display
        if region is not None:
            url += f"+{region.x},{region.y}"
            options["video_size"] = f"{region.width}x{region.height}"
        try:
            self._container = av.open(url, format="x11grab", options=options)
        except (av.FFmpegError, ValueError, OSError) as error:
            raise UnavailableError(
                f"the screen {display} cannot be grabbed: {error}; "
                "x11grab needs X11 and a region that lies on the screen"
            ) from error
        self._frames = self._container.decode(video=0)

    @property
    def fps(self) -> float | None:
        return float(_FPS)

    def read(self) -> ByteArray | None:
        image = next(self._frames).to_ndarray(format="bgr24")
        return np.asarray(image, np.uint8)

    def release(self) -> None:
        self._container.close()
