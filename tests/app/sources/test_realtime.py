"""A file played as if it were a camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from typing_extensions import Self

from app.sources.realtime import Realtime
from pose.types import Frame


class Recording:
    """Frames at given times; decoding each one takes a given while."""

    name, size_wh, fps, is_live = "recording", (8, 8), 10.0, False

    def __init__(self, clock: Clock, times_s: list[float], decoding_s: float = 0.0) -> None:
        self.frame_count: int | None = len(times_s)
        self.clock, self.times_s, self.decoding_s = clock, times_s, decoding_s
        self.is_open = False

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_open = False

    def __iter__(self) -> Iterator[Frame]:
        assert self.is_open
        for index, time_s in enumerate(self.times_s):
            self.clock.now_s += self.decoding_s
            yield Frame(index, time_s, np.zeros((8, 8, 3), np.uint8))


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


@pytest.mark.parametrize(
    ("times_s", "decoding_s", "shown_s"),
    [
        ([], 0.0, []),
        ([0.0, 0.1, 0.5], 0.0, [0.0, 0.1, 0.5]),
        ([2.0, 2.1], 0.0, [0.0, 0.1]),
        ([0.0, 0.1, 0.2], 0.04, [0.04, 0.14, 0.24]),
        ([0.0, 0.1, 0.2], 0.3, [0.3, 0.6, 0.9]),  # too slow to keep up: late, but all
    ],
)
def test_frames_come_at_their_times(
    times_s: list[float], decoding_s: float, shown_s: list[float]
) -> None:
    clock = Clock()
    recording = Recording(clock, times_s, decoding_s)

    with Realtime(recording, clock, clock.wait) as source:
        found_s = [clock.now_s - 100.0 for _ in source]

    assert found_s == pytest.approx(shown_s)
    assert not recording.is_open


def test_it_is_live_and_otherwise_the_recording() -> None:
    source = Realtime(Recording(Clock(), [0.0]))

    assert source.is_live
    assert (source.name, source.size_wh, source.fps, source.frame_count) == (
        ("recording", (8, 8), 10.0, 1)
    )


def test_stop_ends_the_wait_for_the_next_frame() -> None:
    """With real waits: the second frame is due in an hour."""
    source = Realtime(Recording(Clock(), [0.0, 3600.0]))

    with source:
        frames = iter(source)
        assert next(frames).index == 0
        source.stop()
        assert next(frames, None) is None
