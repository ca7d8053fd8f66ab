"""A live source that notices when it dies: frame age, frozen pictures, reconnecting.

What cameras (`app.sources.camera`) and network streams (`app.sources.rtsp`) have in common.
Starts no thread. Two halves make the watchdog: the reading thread reconnects when reads fail, and
`state` may be asked from any other thread, so that even a read that hangs is seen as LOST.

What this cannot do: end a read that never returns. The captures set the time-outs that their
libraries have; a driver that ignores them holds the reading thread until it lets go, while `state`
says LOST. Only ending the process helps then.
"""

from __future__ import annotations

import enum
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import av
import cv2
from typing_extensions import Self

from app.sources.repeats import Repeats
from app.sources.upright import fitted
from pose.errors import UnavailableError, masked
from pose.types import ByteArray, Frame

_log = logging.getLogger(__name__)

# What a device or its driver may throw at a read; all of it means "lost", none of it a bug of ours.
_DEVICE_ERRORS = (cv2.error, av.FFmpegError, OSError, ValueError, RuntimeError)


class Capture(Protocol):
    """An open device."""

    @property
    def fps(self) -> float | None:
        """Nominal rate, if the device tells one."""
        ...

    def read(self) -> ByteArray | None:
        """The next picture, (H, W, 3) uint8 BGR; None if there was none this time.

        Raises:
            EndOfStreamError: It is over for good, and nothing is wrong.
        """
        ...

    def release(self) -> None:
        """Let go of the device."""
        ...


class EndOfStreamError(Exception):
    """The stream has an end, and this is it."""


class LinkState(enum.Enum):
    """How a live source is."""

    CLOSED = "closed"
    LIVE = "live"
    LOST = "lost"


@dataclass(frozen=True)
class Watchdog:
    """When a live source counts as lost, and how it is tried again.

    Attributes:
        lost_after_s: No new picture for this long.
        frozen_after_s: Every picture the same, to the byte, for this long.
        first_picture_s: How long a device may take for its first picture.
        read_again_s: Pause after a read without a picture.
        retry_s: Pause before the first attempt to reconnect; it doubles up to `retry_cap_s`.
        retry_cap_s: Longest pause between two attempts. The wait for the first picture of a new
            link doubles too, from `lost_after_s` to `first_picture_s`.
        give_up_after_s: Lost for this long is an error; None keeps trying.
    """

    lost_after_s: float = 1.5
    frozen_after_s: float = 1.5
    first_picture_s: float = 8.0
    read_again_s: float = 0.02
    retry_s: float = 0.25
    retry_cap_s: float = 1.0
    give_up_after_s: float | None = None


class Live:
    """Pictures from a device, numbered and timed as they arrive.

    Args:
        name: What to call it; credentials in it are masked.
        connect: Opens the device; raises UnavailableError if it is not there.
        watchdog: Limits.
        clock: Seconds that only go forward.
        pause: Waits that many seconds; None waits so that `stop` cuts it short.

    Attributes:
        name: Without credentials.
        frame_count: None.
        is_live: True.
        losses: How often the device was lost so far.

    Raises:
        UnavailableError: On entering: the device is not there or gives no picture. While
            iterating: it stayed lost for `give_up_after_s`.
    """

    frame_count: int | None = None
    is_live = True

    def __init__(
        self,
        name: str,
        connect: Callable[[], Capture],
        watchdog: Watchdog | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.name = masked(name)
        self.losses = 0
        self._connect = connect
        self._limits = watchdog or Watchdog()
        self._clock = clock
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait
        self._capture: Capture | None = None
        self._first: ByteArray | None = None
        self._size_wh: tuple[int, int] | None = None
        self._fps: float | None = None
        self._state = LinkState.CLOSED
        self._waiting_since_s: float | None = None  # None: nobody waits for a picture now
        self._trouble = ""
        self._repeats = Repeats()

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of every frame: that of the first picture. Known once entered."""
        if self._size_wh is None:
            raise RuntimeError("the size of a live source is known once it is entered")
        return self._size_wh

    @property
    def fps(self) -> float | None:
        """Nominal rate, if the device tells one. Known once entered."""
        return self._fps

    @property
    def state(self) -> LinkState:
        """How the source is right now; any thread may ask, also while a read hangs."""
        since_s = self._waiting_since_s
        if (
            self._state is LinkState.LIVE
            and since_s is not None
            and self._clock() - since_s > self._limits.lost_after_s
        ):
            return LinkState.LOST
        return self._state

    def stop(self) -> None:
        """End the iteration soon; any thread may call it."""
        self._stopped.set()

    def __enter__(self) -> Self:
        self._capture = self._connect()
        self._fps = self._capture.fps
        try:
            self._first = self._read_until(self._clock() + self._limits.first_picture_s)
        except EndOfStreamError:
            self._trouble = "it has ended"
        if self._first is not None:
            self._size_wh = (self._first.shape[1], self._first.shape[0])
        elif not self._stopped.is_set():
            self._release()
            raise UnavailableError(
                f"{self.name}: expected pictures, got {self._trouble}; check that it is running "
                "and that no other program is using it"
            )
        self._state = LinkState.LIVE
        return self

    def __exit__(self, *exc: object) -> None:
        self._state = LinkState.CLOSED
        self._first = None
        self._release()

    def __iter__(self) -> Iterator[Frame]:
        started_s, index = self._clock(), 0
        try:
            while (image := self._next()) is not None:
                yield Frame(index, self._clock() - started_s, fitted(image, self.size_wh))
                index += 1
        except EndOfStreamError:
            _log.info("%s has ended", self.name)

    def _next(self) -> ByteArray | None:
        """The next picture, however long it takes; None once stopped."""
        image, self._first = self._first, None
        if image is None and not self._stopped.is_set():
            self._waiting_since_s = self._clock()
            image = self._read_until(self._clock() + self._limits.lost_after_s)
            self._waiting_since_s = None
        if image is not None and self._repeats.seconds(image, self._clock()) > (
            self._limits.frozen_after_s
        ):
            self._trouble, image = "the same picture again and again", None
        if image is None and not self._stopped.is_set():
            image = self._reconnected()
        return image

    def _read_until(self, deadline_s: float) -> ByteArray | None:
        """A picture as soon as there is one; None at the deadline, at an error, or when stopped."""
        self._trouble = "no picture"
        while not self._stopped.is_set() and self._capture is not None:
            try:
                image = self._capture.read()
            except _DEVICE_ERRORS as error:
                self._trouble = masked(str(error)) or type(error).__name__
                return None
            if image is not None and image.size:
                return image
            if self._clock() >= deadline_s:
                return None
            self._pause(self._limits.read_again_s)
        return None

    def _reconnected(self) -> ByteArray | None:
        """Close and open again until a picture comes; None once stopped."""
        self._state = LinkState.LOST
        self.losses += 1
        limits, lost_s = self._limits, self._clock()
        give_up_s = math.inf if limits.give_up_after_s is None else lost_s + limits.give_up_after_s
        pause_s, patience_s = limits.retry_s, limits.lost_after_s
        _log.warning("%s is lost: %s; reconnecting", self.name, self._trouble)
        while not self._stopped.is_set():
            self._release()
            self._pause(pause_s)
            image = self._picture_of_a_new_link(min(self._clock() + patience_s, give_up_s))
            pause_s = min(2 * pause_s, limits.retry_cap_s)
            patience_s = min(2 * patience_s, limits.first_picture_s)
            away_s = self._clock() - lost_s
            if image is not None:
                self._repeats.reopened_with(image)
                self._state = LinkState.LIVE
                _log.warning("%s is back after %.1f s", self.name, away_s)
                return image
            if self._clock() >= give_up_s:
                raise UnavailableError(
                    f"{self.name}: expected pictures, got {self._trouble} for {away_s:.0f} s; "
                    "check its cable or network"
                )
        return None

    def _picture_of_a_new_link(self, deadline_s: float) -> ByteArray | None:
        try:
            self._capture = self._connect()
        except UnavailableError as error:
            self._trouble = str(error)
            return None
        return self._read_until(deadline_s)

    def _release(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            try:
                capture.release()
            except _DEVICE_ERRORS as error:
                _log.info("%s: on closing: %s", self.name, masked(str(error)))
