"""The meter: what it counts and how it divides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.pipeline.meter import Meter, Reading
from app.pipeline.strip import Strip
from pose.types import Tracks
from tests.app.pipeline.fakes import frame


def strip(*indices: int, arrived_s: float = 0.0) -> Strip:
    return Strip(tuple(frame(index) for index in indices), arrived_s=arrived_s)


def test_before_the_first_frame_all_is_zero() -> None:
    reading = Meter().reading()

    assert reading == Reading()
    assert (reading.fps, reading.in_flight) == (0.0, 0)


def test_it_counts_and_divides() -> None:
    now_s = 10.0
    meter = Meter(clock=lambda: now_s)
    for _ in range(5):
        meter.came_in()
    meter.was_dropped(1)
    meter.worked("detect", 2, 0.5)
    meter.worked("detect", 2, 0.3)
    now_s = 12.0
    meter.went_out(strip(0, 1, arrived_s=11.0))

    reading = meter.reading()

    assert (reading.frames_in, reading.frames_out, reading.dropped) == (5, 2, 1)
    assert reading.in_flight == 2
    assert reading.fps == pytest.approx(2 / 2.0)
    assert reading.age_s == pytest.approx(1.0)
    assert reading.stage_s == {"detect": pytest.approx(0.8 / 4)}


def test_an_aborted_run_drops_what_was_inside() -> None:
    meter = Meter()
    meter.came_in()
    meter.give_up_the_rest()

    assert (meter.reading().dropped, meter.reading().in_flight) == (1, 0)


def test_a_strip_tells_each_scene_its_share_of_the_time() -> None:
    tracked = replace(strip(3, 4).timed("detect", 0.2), tracks=(Tracks.empty(17),) * 2)
    drawing = np.ones((2, 3, 3), np.uint8)

    plain = list(tracked.scenes())
    drawn = list(replace(tracked, drawings=(drawing, drawing)).scenes())

    assert [scene.frame.index for scene in plain] == [3, 4]
    assert all(scene.stage_s == {"detect": 0.1} for scene in plain)
    assert all(scene.drawing is None for scene in plain)
    assert all(scene.drawing is drawing for scene in drawn)


def test_a_strip_without_tracks_makes_no_scenes() -> None:
    with pytest.raises(ValueError):
        list(strip(1).scenes())
