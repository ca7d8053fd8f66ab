"""Stored timestamps made into a time that only goes forward.

Time is what the file says, never frame number / rate. Only what cannot be true is mended:
missing stamps, a clock that starts again (joined recordings), a stamp that was damaged.
"""

from __future__ import annotations

# Frames out of order by less than this are jitter; more means that the clock started again.
_JITTER_S = 0.5
# No recording pauses for longer than this between two frames; more is a damaged stamp.
_LONGEST_PAUSE_S = 3600.0
_SHORTEST_STEP_S = 0.001


class Timeline:
    """Answers the time of each frame, in the order they are shown.

    Args:
        start_s: The stamp that counts as zero; None takes the first one.
        step_s: Usual time between two frames, for where there is no better knowledge.
        begin_s: Time of the first frame that is asked for, if the ones before it are left out.

    Attributes:
        mended: How many stamps could not be used as they were.
    """

    def __init__(self, start_s: float | None, step_s: float, begin_s: float = 0.0) -> None:
        self.mended = 0
        self._step_s = step_s
        self._start_s = start_s
        self._begin_s = begin_s
        self._offset_s = 0.0
        self._last_s: float | None = None

    def __call__(self, stamp_s: float | None) -> float:
        """Seconds from the start; always more than the answer before.

        Args:
            stamp_s: Presentation time as stored, in seconds; None where the file has none.
        """
        self._last_s = (
            self._first(stamp_s) if self._last_s is None else self._next(stamp_s, self._last_s)
        )
        return self._last_s

    def _first(self, stamp_s: float | None) -> float:
        if stamp_s is None:
            return 0.0
        start_s = stamp_s if self._start_s is None else self._start_s
        if not 0.0 <= stamp_s - start_s <= self._begin_s + _LONGEST_PAUSE_S:
            start_s = stamp_s
        self._offset_s = -start_s
        return stamp_s - start_s

    def _next(self, stamp_s: float | None, last_s: float) -> float:
        if stamp_s is None:
            self.mended += 1
            return last_s + self._step_s
        time_s = stamp_s + self._offset_s
        if last_s - _JITTER_S <= time_s <= last_s:
            self.mended += 1
            return last_s + _SHORTEST_STEP_S
        if not last_s < time_s <= last_s + _LONGEST_PAUSE_S:
            self.mended += 1
            self._offset_s = last_s + self._step_s - stamp_s
            return last_s + self._step_s
        return time_s
