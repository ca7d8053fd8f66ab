"""A file played at its own speed, as if it were a camera: for `live FILE --realtime` and trials."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from typing_extensions import Self

from pose.types import Frame

if TYPE_CHECKING:
    from app.sources.source import Source


class Realtime:
    """Gives another source's frames no sooner than their times; never makes up for lost time.

    A frame that comes late because decoding is slow is given at once, as a camera would. Dropping
    is the pipeline's business.

    Args:
        source: Recorded frames.
        clock: Seconds that only go forward.
        pause: Waits that many seconds; None waits so that `stop` cuts it short.

    Attributes:
        name, size_wh, fps, frame_count: The recording's.
        is_live: True.
    """

    is_live = True

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait

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

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(*exc)

    def stop(self) -> None:
        """End the iteration soon; any thread may call it."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        started_s: float | None = None
        for frame in self._source:
            if started_s is None:
                started_s = self._clock() - frame.time_s
            early_s = started_s + frame.time_s - self._clock()
            if early_s > 0:
                self._pause(early_s)
            if self._stopped.is_set():
                return
            yield frame
