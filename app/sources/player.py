"""Any source with a pause button: a recording plays at its own speed and may begin again.

A recording that is paused waits; a camera that is paused goes on, and what it shows is let go, so
that it is fresh afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from typing_extensions import Self

from app.sources.source import Source
from pose.types import Frame


class Player:
    """Plays a source as if it were live.

    Args:
        source: Live or recorded; a recording must allow to be entered again.
        repeat: Begin a recording again at its end. Its times and numbers go on.
        clock: Seconds that only go forward.

    Attributes:
        name, size_wh, fps, frame_count: The source's.
        is_live: True.
    """

    is_live = True

    def __init__(
        self, source: Source, repeat: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._repeat = repeat
        self._clock = clock
        self._changed = threading.Condition()
        self._paused = self._stopped = False

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def size_wh(self) -> tuple[int, int]:
        return self._source.size_wh

    @property
    def fps(self) -> float | None:
        return self._source.fps

    @property
    def frame_count(self) -> int | None:
        return self._source.frame_count

    @property
    def state(self) -> Any:
        """The `LinkState` of a device; None of a recording."""
        return getattr(self._source, "state", None)

    @property
    def paused(self) -> bool:
        """Whether nothing is given now."""
        return self._paused

    def pause(self, wanted: bool) -> None:
        """Hold or go on; any thread may call it."""
        with self._changed:
            self._paused = wanted
            self._changed.notify_all()

    def stop(self) -> None:
        """End the iteration soon; any thread may call it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        stop = getattr(self._source, "stop", None)
        if stop is not None:
            stop()

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(*exc)

    def __iter__(self) -> Iterator[Frame]:
        return self._unpaused() if self._source.is_live else self._paced()

    def _unpaused(self) -> Iterator[Frame]:
        for frame in self._source:
            if self._stopped:
                return
            if not self._paused:
                yield frame

    def _paced(self) -> Iterator[Frame]:
        held_s = 0.0  # how long it was paused so far
        began_s: float | None = None
        for frame in self._rounds():
            if began_s is None:
                began_s = self._clock() - frame.time_s
            with self._changed:
                since_s = self._clock()
                self._changed.wait_for(lambda: self._stopped or not self._paused)
                held_s += self._clock() - since_s if self._clock() > since_s else 0.0
                early_s = began_s + held_s + frame.time_s - self._clock()
                while early_s > 0 and not (self._stopped or self._paused):
                    self._changed.wait(early_s)
                    early_s = began_s + held_s + frame.time_s - self._clock()
                if self._stopped:
                    return
            yield frame

    def _rounds(self) -> Iterator[Frame]:
        """The recording once, or again and again with numbers and times that go on."""
        first, zero_s = 0, 0.0
        while True:
            last = None
            for frame in self._source:
                last = replace(frame, index=first + frame.index, time_s=zero_s + frame.time_s)
                yield last
            if not self._repeat or last is None or self._stopped:
                return
            first, zero_s = last.index + 1, last.time_s + 1 / (self.fps or 25.0)
            self._source.__exit__(None, None, None)
            self._source.__enter__()
