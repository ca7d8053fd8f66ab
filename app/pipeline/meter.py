"""Counts frames and times stages; every thread of a pipeline reports here.

Frames in = frames out + frames dropped + frames in flight, at any moment; at the end none is in
flight. Times come from a monotonic clock, so a change of the wall clock changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from app.pipeline.strip import Strip

AGES_KEPT = 512  # enough for a 99th percentile, few enough to follow a change


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter shows at one moment.

    Attributes:
        frames_in: Frames that came out of the source.
        frames_out: Frames that were finished.
        dropped: Frames that were given up, at the door or because the run was aborted.
        people_now: People in the latest finished frame.
        people_most: The most in one frame.
        people_ids: How many different people there were, by their ids.
        elapsed_s: From the first frame in to the last frame out.
        age_s: Median time from a frame's arrival to its end, over the latest frames.
        age_p99_s: 99th percentile of the same.
        stage_s: Mean seconds per frame that each stage spent, in the order of the stages.
    """

    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    people_now: int = 0
    people_most: int = 0
    people_ids: int = 0
    elapsed_s: float = 0.0
    age_s: float = 0.0
    age_p99_s: float = 0.0
    stage_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """Frames that are inside now."""
        return self.frames_in - self.frames_out - self.dropped

    @property
    def fps(self) -> float:
        """Finished frames per second; 0 before the first one."""
        return self.frames_out / self.elapsed_s if self.elapsed_s > 0 else 0.0


class Meter:
    """Thread-safe counters of one run.

    Args:
        clock: Monotonic seconds; replaced by tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._frames_in = self._frames_out = self._dropped = 0
        self._people_now = self._people_most = 0
        self._ids: set[int] = set()
        self._first_in_s: float | None = None
        self._last_out_s = 0.0
        self._ages_s: deque[float] = deque(maxlen=AGES_KEPT)
        self._stage_s: dict[str, float] = {}
        self._stage_frames: dict[str, int] = {}

    def came_in(self) -> None:
        """One frame came out of the source."""
        now_s = self.clock()
        with self._lock:
            self._frames_in += 1
            if self._first_in_s is None:
                self._first_in_s = now_s

    def was_dropped(self, frames: int) -> None:
        """Frames were given up at the door."""
        with self._lock:
            self._dropped += frames

    def worked(self, stage: str, frames: int, spent_s: float) -> None:
        """A stage spent time on some frames."""
        with self._lock:
            self._stage_s[stage] = self._stage_s.get(stage, 0.0) + spent_s
            self._stage_frames[stage] = self._stage_frames.get(stage, 0) + frames

    def went_out(self, strip: Strip) -> None:
        """A strip is finished."""
        now_s = self.clock()
        with self._lock:
            self._frames_out += len(strip)
            for tracks in strip.tracks:
                self._people_now = len(tracks)
                self._people_most = max(self._people_most, len(tracks))
                self._ids.update(tracks.ids.tolist())
            self._last_out_s = now_s
            self._ages_s.append(now_s - strip.arrived_s)

    def give_up_the_rest(self) -> None:
        """Count what is still inside as dropped; for the end of an aborted run."""
        with self._lock:
            self._dropped = self._frames_in - self._frames_out

    def reading(self) -> Reading:
        """All figures of one moment."""
        with self._lock:
            ages_s = np.array(self._ages_s) if self._ages_s else np.zeros(1)
            started = self._first_in_s is not None and self._frames_out > 0
            return Reading(
                frames_in=self._frames_in,
                frames_out=self._frames_out,
                dropped=self._dropped,
                people_now=self._people_now,
                people_most=self._people_most,
                people_ids=len(self._ids),
                elapsed_s=self._last_out_s - (self._first_in_s or 0.0) if started else 0.0,
                age_s=float(np.median(ages_s)),
                age_p99_s=float(np.percentile(ages_s, 99)),
                stage_s={
                    stage: spent_s / self._stage_frames[stage]
                    for stage, spent_s in self._stage_s.items()
                },
            )
