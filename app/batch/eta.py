"""How long one input still takes, from the rate of the last seconds in which it was worked on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from app.batch.entry import Progress
from app.pipeline.meter import Reading

_WINDOW_S = 8.0  # long enough to be steady, short enough to follow a change of the crowd
_AT_LEAST_S = 0.5


class Eta:
    """Makes progress out of a meter's readings; time in which the work is paused does not count.

    Args:
        total: Frames to expect; None if the input does not say.
        clock: Monotonic seconds.
    """

    def __init__(self, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._asked_s = clock()
        self._worked_s = 0.0
        self._samples: deque[tuple[float, int]] = deque()  # (seconds of work, frames out)

    def __call__(self, reading: Reading, paused: bool = False) -> Progress:
        """The progress of this moment."""
        now_s = self._clock()
        if not paused:
            self._worked_s += now_s - self._asked_s
        self._asked_s = now_s
        frames = reading.frames_out
        if frames:  # before, networks are being opened
            self._samples.append((self._worked_s, frames))
        while self._samples and self._worked_s - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()
        fps = self._fps()
        left_s = None
        if self._total and fps:
            left_s = max(0, self._total - frames) / fps
        return Progress(frames, self._total, fps, left_s, reading.people_now)

    def _fps(self) -> float:
        if not self._samples:
            return 0.0
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s - first_s >= _AT_LEAST_S else 0.0
