"""Progress and time left: a steady rate, a pause, a change, and what cannot be told."""

from __future__ import annotations

import pytest

from app.batch.eta import Eta
from app.pipeline.meter import Reading


class Clock:
    """Seconds that tests move."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def reading(frames: int) -> Reading:
    return Reading(frames_in=frames, frames_out=frames, people_now=2)


def run(eta: Eta, clock: Clock, seconds: int, fps: int, first: int = 0) -> int:
    """So many seconds at a rate, a reading each second; answers the last frame."""
    for _ in range(seconds):
        clock.now_s += 1
        first += fps
        eta(reading(first))
    return first


def test_before_the_first_frame_nothing_can_be_told() -> None:
    clock = Clock()
    eta = Eta(100, clock)
    clock.now_s = 60  # networks are being opened

    progress = eta(reading(0))

    assert (progress.frames, progress.fps, progress.left_s, progress.share) == (0, 0, None, 0)


def test_a_steady_rate_gives_the_time_left() -> None:
    clock = Clock()
    eta = Eta(100, clock)
    frames = run(eta, clock, 4, fps=10)

    progress = eta(reading(frames))

    assert progress.fps == pytest.approx(10)
    assert progress.left_s == pytest.approx(6)
    assert (progress.share, progress.people) == (0.4, 2)


def test_a_pause_does_not_count() -> None:
    clock = Clock()
    eta = Eta(100, clock)
    frames = run(eta, clock, 4, fps=10)
    clock.now_s += 3600
    eta(reading(frames), paused=True)

    assert eta(reading(frames)).left_s == pytest.approx(6)


def test_it_follows_a_change_of_rate() -> None:
    clock = Clock()
    eta = Eta(10_000, clock)
    frames = run(eta, clock, 100, fps=10)
    frames = run(eta, clock, 10, fps=2, first=frames)

    assert eta(reading(frames)).fps == pytest.approx(2)


def test_a_file_may_hold_more_frames_than_it_states_or_state_none() -> None:
    clock = Clock()
    more, unknown = Eta(10, clock), Eta(None, clock)
    frames = run(more, clock, 2, fps=10)
    unknown(reading(0))
    clock.now_s += 1

    assert more(reading(frames)).left_s == 0
    assert more(reading(frames)).share == 1
    assert unknown(reading(5)).left_s is None
