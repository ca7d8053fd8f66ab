"""The pipeline when something fails: the run ends with the first error, and nothing hangs."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.channel import AbortedError
from app.pipeline.pipeline import Pipeline, SideBySide
from app.pipeline.strip import Stage, Strip
from tests.app.pipeline.fakes import (
    MODES,
    PATIENCE_S,
    Recorder,
    Resource,
    ScriptedSource,
    StepError,
    alive,
    failing_from,
    passing,
    stages,
)


@MODES
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_step_that_raises_ends_the_run_with_its_own_error(number: int, live: bool) -> None:
    """A well-known library's `process_video` deadlocks in this case."""
    groups = stages("first", "second", "third")
    groups[number] = [Stage("faulty", failing_from(0, StepError("the step fails")))]
    pipeline = Pipeline(ScriptedSource(100), groups, live=live)

    with pytest.raises(StepError, match="the step fails") as caught:
        pipeline.run()

    places = [entry.name for entry in traceback.extract_tb(caught.tb)]
    assert "fail" in places, "the traceback must lead to the line that raised"


def test_the_first_error_wins_and_the_second_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inside = threading.Event()

    def fail_second(strip: Strip) -> Strip:
        inside.set()
        assert pipeline_failed.wait(PATIENCE_S)
        raise StepError("second")

    def fail_first(strip: Strip) -> Strip:
        if strip.frames[0].index == 1:
            assert inside.wait(PATIENCE_S)
            raise StepError("first")
        return strip

    pipeline_failed = threading.Event()

    def tick(reading: object) -> None:
        if not alive("early"):  # its error is recorded before its thread ends
            pipeline_failed.set()

    groups = [[Stage("early", fail_first)], [Stage("late", fail_second)]]
    with caplog.at_level("DEBUG"), pytest.raises(StepError, match="first"):
        Pipeline(ScriptedSource(5), groups).run(tick, tick_s=0.005)

    assert "second" in caplog.text


def test_an_error_in_the_source_is_raised() -> None:
    def break_at_three(index: int) -> None:
        if index == 3:
            raise StepError("the source fails")

    sink = Resource()
    groups = [*stages("first"), [Stage("write", Recorder(), (sink,))]]
    pipeline = Pipeline(ScriptedSource(9, break_at_three), groups)

    with pytest.raises(StepError, match="the source fails"):
        pipeline.run()

    assert sink.left_with is AbortedError, "a sink must learn that its file is not complete"


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("moment", ["enter", "exit"])
def test_an_error_in_a_resource_is_raised(number: int, moment: str) -> None:
    error = StepError(f"fails to {moment}")
    resource = Resource(**{f"on_{moment}": error})
    groups = stages("first", "second", "third")
    groups[number] = [Stage("faulty", passing, (resource,))]
    source = ScriptedSource(3)

    with pytest.raises(StepError) as caught:
        Pipeline(source, groups).run()

    assert caught.value is error
    if moment == "enter":
        assert source.given == 0, "no camera is opened before every model is"


def test_a_sink_is_not_completed_when_an_earlier_group_fails_to_leave() -> None:
    sink = Resource()
    groups = [
        [Stage("faulty", passing, (Resource(on_exit=StepError()),))],
        [Stage("write", passing, (sink,))],
    ]

    with pytest.raises(StepError):
        Pipeline(ScriptedSource(3), groups).run()

    assert sink.left_with is AbortedError


def test_an_error_in_the_tick_ends_the_run() -> None:
    def tick(reading: object) -> None:
        raise StepError("the progress bar fails")

    with pytest.raises(StepError, match="progress bar"):
        Pipeline(ScriptedSource(10**9), stages("first")).run(tick, tick_s=0.001)


@MODES
def test_ctrl_c_keeps_a_recording_and_gives_up_half_a_file(live: bool) -> None:
    sink = Resource()
    begun = threading.Event()

    def begin(strip: Strip) -> Strip:
        begun.set()
        return strip

    def press(reading: object) -> None:
        if begun.is_set():
            raise KeyboardInterrupt

    pipeline = Pipeline(ScriptedSource(10**9), [[Stage("write", begin, (sink,))]], live=live)

    with pytest.raises(KeyboardInterrupt):
        pipeline.run(press, tick_s=0.001)

    assert sink.left_with is (None if live else AbortedError)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(0, 12),
    strip_length=st.integers(1, 3),
    groups=st.integers(1, 4),
    lanes=st.integers(1, 3),
    faults=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=3),
    live=st.booleans(),
)
def test_whatever_fails_the_run_ends_and_the_counts_agree(
    frames: int,
    strip_length: int,
    groups: int,
    lanes: int,
    faults: list[tuple[int, int]],
    live: bool,
) -> None:
    steps: list[Callable[[Strip], Strip]] = [passing] * groups
    for number, index in faults:
        steps[number % groups] = failing_from(index, StepError())
    line = [
        SideBySide([[Stage(f"stage {number}", step)]] * lanes) for number, step in enumerate(steps)
    ]
    pipeline = Pipeline(ScriptedSource(frames), line, strip_length=strip_length, live=live)

    try:
        pipeline.run()
    except StepError:
        assert faults

    reading = pipeline.meter.reading()
    assert reading.in_flight == 0
    if not live and all(index >= frames for _, index in faults):
        assert (reading.frames_out, reading.dropped) == (frames, 0)
