"""The pipeline: errors first, then counting, stopping, and the bounds on memory."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.channel import AbortedError
from app.pipeline.meter import Meter
from app.pipeline.pipeline import Pipeline, SideBySide
from app.pipeline.strip import Stage, Strip
from app.pipeline.stuck import StuckThreadError, left_behind
from tests.app.pipeline.fakes import (
    PATIENCE_S,
    Recorder,
    Resource,
    ScriptedSource,
    alive,
    failing_from,
    passing,
    stages,
)

MODES = pytest.mark.parametrize("live", [False, True], ids=["file", "live"])


class StepError(Exception):
    pass


# ---- errors -------------------------------------------------------------------------------


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


# ---- order, threads, counting ---------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3, 4, 17])
@pytest.mark.parametrize("strip_length", [1, 4])
def test_a_file_goes_through_whole_and_in_order(count: int, strip_length: int) -> None:
    sink = Recorder()
    groups = [*stages("first", "second"), [Stage("write", sink)]]

    reading = Pipeline(ScriptedSource(count), groups, strip_length=strip_length).run()

    assert sink.indices == list(range(count))
    assert (reading.frames_in, reading.frames_out, reading.dropped) == (count, count, 0)
    assert all(len(strip) <= strip_length for strip in sink.strips)


def test_each_resource_is_entered_and_left_in_its_own_thread() -> None:
    """CUDA contexts belong to threads."""
    resources = [Resource() for _ in range(3)]
    groups = [
        [Stage("detect", passing, (resources[0],))],
        [Stage("estimate", passing, (resources[1],)), Stage("track", passing, (resources[2],))],
    ]
    source = ScriptedSource(2)

    Pipeline(source, groups).run()

    assert [resource.entered_in for resource in resources] == ["detect"] + ["estimate+track"] * 2
    assert [resource.left_in for resource in resources] == ["detect"] + ["estimate+track"] * 2
    assert [resource.left_with for resource in resources] == [None] * 3
    assert source.entered_in == "read" and source.left


@MODES
def test_lanes_side_by_side_keep_the_order(live: bool) -> None:
    """The first lane waits until the second has finished the strip behind."""
    second_is_done = threading.Event()

    def first_come(strip: Strip) -> Strip:
        if strip.frames[0].index == 0:
            assert second_is_done.wait(PATIENCE_S)
        else:
            second_is_done.set()
        return strip

    def before(index: int) -> None:
        if index == 1:
            assert begun.wait(PATIENCE_S)

    def begin(strip: Strip) -> Strip:
        begun.set()
        return strip

    begun = threading.Event()
    sink = Recorder()
    lane = [Stage("begin", begin), Stage("work", first_come)]
    pipeline = Pipeline(
        ScriptedSource(20, before), [SideBySide([lane, lane]), [Stage("write", sink)]], live=live
    )

    reading = pipeline.run()

    assert sink.indices == sorted(sink.indices) and sink.indices[0] == 0
    assert reading.frames_out + reading.dropped == 20
    assert live or reading.dropped == 0


def test_every_lane_opens_its_own_resources_in_its_own_thread() -> None:
    resources = [Resource(), Resource(), Resource()]
    lanes = [[Stage("detect", passing, (resource,))] for resource in resources]

    Pipeline(ScriptedSource(9), [SideBySide(lanes), *stages("write")]).run()

    names = ["detect", "detect 2", "detect 3"]
    assert [resource.entered_in for resource in resources] == names
    assert [resource.left_in for resource in resources] == names


def test_every_stage_is_timed_on_every_strip() -> None:
    sink = Recorder()
    groups = [[Stage("a", passing), Stage("b", passing)], [Stage("c", passing)], [Stage("d", sink)]]

    reading = Pipeline(ScriptedSource(3), groups).run()

    assert list(reading.stage_s) == ["read", "a", "b", "c", "d"]
    assert all(list(strip.stage_s) == ["read", "a", "b", "c"] for strip in sink.strips)


@MODES
@pytest.mark.parametrize("failing", [False, True], ids=["clean", "failing"])
def test_frames_in_are_frames_out_plus_dropped(live: bool, failing: bool) -> None:
    step: Callable[[Strip], Strip] = failing_from(20, StepError()) if failing else passing
    pipeline = Pipeline(ScriptedSource(50), [*stages("first"), [Stage("last", step)]], live=live)

    try:
        pipeline.run()
    except StepError:
        assert failing

    reading = pipeline.meter.reading()
    assert reading.in_flight == 0
    assert reading.frames_in == reading.frames_out + reading.dropped


def test_live_mode_drops_the_oldest_and_stays_fresh() -> None:
    """While one frame is worked on, five more come: of those only the newest is seen."""
    taken, work_may_end = threading.Event(), threading.Event()

    def before(index: int) -> None:
        if index == 1:
            assert taken.wait(PATIENCE_S)

    def after_the_last() -> None:
        work_may_end.set()

    class Source(ScriptedSource):
        def __exit__(self, *exc: object) -> None:
            after_the_last()
            super().__exit__(*exc)

    def work(strip: Strip) -> Strip:
        taken.set()
        assert work_may_end.wait(PATIENCE_S)
        return strip

    sink = Recorder()
    pipeline = Pipeline(
        Source(6, before), [[Stage("work", work)], [Stage("write", sink)]], live=True
    )

    reading = pipeline.run()

    assert sink.indices == [0, 5]
    assert (reading.frames_in, reading.frames_out, reading.dropped) == (6, 2, 4)


def test_live_mode_works_on_two_frames_at_once_and_no_more() -> None:
    taken, sink_may_work = threading.Semaphore(0), threading.Event()
    begun: list[int] = []

    def begin(strip: Strip) -> Strip:
        begun.append(strip.frames[0].index)
        taken.release()
        return strip

    def finish(strip: Strip) -> Strip:
        assert sink_may_work.wait(PATIENCE_S)
        return strip

    def before(index: int) -> None:
        if index in (1, 2):  # the one before must be inside, or it would rightly be replaced
            assert taken.acquire(timeout=PATIENCE_S)
        if index == 9:
            assert begun == [0, 1], "a third frame went in while two were inside"
            sink_may_work.set()

    groups = [[Stage("begin", begin)], *stages("between"), [Stage("finish", finish)]]
    reading = Pipeline(ScriptedSource(10, before), groups, live=True, max_in_flight=2).run()

    assert begun[:2] == [0, 1]
    assert reading.dropped >= 6, "frames 2 to 7 came while nobody could go in"


def test_a_slow_consumer_keeps_the_frame_age_low() -> None:
    """A simulated camera of 60 fps and a step of 50 ms: no frame waits longer than one step."""
    now_s = [0.0]
    lock = threading.Lock()
    finished = threading.Semaphore(0)

    def camera(index: int) -> None:
        if index % 3 == 0 and index:  # three frames come while one is worked on
            assert finished.acquire(timeout=PATIENCE_S)
        with lock:
            now_s[0] += 1 / 60

    def slow(strip: Strip) -> Strip:
        with lock:
            now_s[0] += 0.05
        finished.release()
        return strip

    meter = Meter(clock=lambda: now_s[0])
    reading = Pipeline(ScriptedSource(90, camera), [[Stage("slow", slow)]], live=True, meter=meter)

    result = reading.run()

    assert result.dropped > 0
    assert result.age_p99_s < 2 * 0.05 + 2 / 60


# ---- memory ---------------------------------------------------------------------------------


def test_file_mode_holds_a_bounded_number_of_frames() -> None:
    """The source runs ahead of a sink that does not move only as far as the channels reach."""
    sink_may_work = threading.Event()
    most_inside = 0

    def hold(strip: Strip) -> Strip:
        assert sink_may_work.wait(PATIENCE_S)
        return strip

    def tick(reading: object) -> None:
        nonlocal most_inside
        inside = pipeline.meter.reading().in_flight
        if inside == most_inside and inside > 0:
            sink_may_work.set()  # the source has come to a halt
        most_inside = max(most_inside, inside)

    groups = [*stages("first", "second"), [Stage("hold", hold)]]
    pipeline = Pipeline(ScriptedSource(1000), groups, strip_length=4, capacity=1)

    pipeline.run(tick, tick_s=0.02)

    strips = len(groups) * 2 + 1  # one in each channel, one in each group, one at the entrance
    assert most_inside <= strips * 4


# ---- stopping -------------------------------------------------------------------------------


def test_stop_finishes_what_is_inside_and_completes_the_sinks() -> None:
    sink, recorder = Resource(), Recorder()

    def stop_at_five(strip: Strip) -> Strip:
        if strip.frames[0].index >= 5:
            pipeline.stop()  # from one of its own threads: asks, does not wait
        return strip

    groups = [[Stage("first", stop_at_five)], [Stage("write", recorder, (sink,))]]
    pipeline = Pipeline(ScriptedSource(10**9), groups, strip_length=2)

    reading = pipeline.run()

    assert sink.left_with is None
    assert recorder.indices == list(range(reading.frames_in)), "what came in is written"
    assert reading.dropped == 0


@MODES
def test_stop_may_be_called_by_anybody_any_number_of_times(live: bool) -> None:
    begun = threading.Event()

    def begin(strip: Strip) -> Strip:
        begun.set()
        return strip

    pipeline = Pipeline(ScriptedSource(10**9), [[Stage("begin", begin)]], live=live)
    pipeline.start()
    assert begun.wait(PATIENCE_S)

    callers = [threading.Thread(target=pipeline.stop) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE_S)
    pipeline.stop()
    pipeline.join()

    assert pipeline.meter.reading().in_flight == 0


@pytest.mark.parametrize("end", ["stop", "error"])
def test_a_source_that_waits_is_woken(end: str) -> None:
    """A camera may be lost when the user presses stop."""

    class WaitingSource(ScriptedSource):
        def __init__(self) -> None:
            super().__init__(10**9, self._wait)
            self.woken = threading.Event()

        def _wait(self, index: int) -> None:
            if index > 0:
                waiting.set()
                assert self.woken.wait(PATIENCE_S)

        def stop(self) -> None:
            self.woken.set()

    def fail(strip: Strip) -> Strip:
        assert waiting.wait(PATIENCE_S)
        raise StepError

    waiting = threading.Event()
    if end == "error":
        with pytest.raises(StepError):
            Pipeline(WaitingSource(), [[Stage("fail", fail)]]).run()
        return
    pipeline = Pipeline(WaitingSource(), stages("first"))
    pipeline.start()
    assert waiting.wait(PATIENCE_S)
    pipeline.stop()
    pipeline.join()

    assert pipeline.meter.reading().in_flight == 0


@pytest.mark.parametrize("most", [0, 1, 5, 6, 100])
def test_no_more_frames_are_read_than_asked_for(most: int) -> None:
    source, sink = ScriptedSource(20), Recorder()

    Pipeline(source, [[Stage("write", sink)]], strip_length=4, max_frames=most).run()

    assert source.given == len(sink.indices) == min(most, 20)


def test_stop_before_the_start_gives_an_empty_run() -> None:
    source = ScriptedSource(10)
    pipeline = Pipeline(source, stages("first"))

    pipeline.stop()
    reading = pipeline.run()

    assert (source.given, reading.frames_in) == (0, 0)


def test_stop_names_the_thread_that_hangs() -> None:
    hangs, let_go = threading.Event(), threading.Event()

    def hang(strip: Strip) -> Strip:
        hangs.set()
        let_go.wait()
        return strip

    groups = [*stages("fine"), [Stage("stubborn", hang)]]
    pipeline = Pipeline(ScriptedSource(100), groups, join_within_s=0.05)
    pipeline.start()
    assert hangs.wait(PATIENCE_S)

    with pytest.raises(StuckThreadError, match=r"'stubborn' in .*\.py:\d+"):
        pipeline.stop()
    assert [thread.name for thread in left_behind()] == ["stubborn"]

    let_go.set()
    with pytest.raises(StuckThreadError):
        pipeline.join()
    assert left_behind() == []


def test_a_step_that_works_for_ever_is_given_up() -> None:
    let_go = threading.Event()
    now_s = [0.0]

    def hang(strip: Strip) -> Strip:
        now_s[0] = 1000.0
        let_go.wait()
        return strip

    pipeline = Pipeline(
        ScriptedSource(100),
        [[Stage("stubborn", hang)], *stages("fine")],
        stuck_after_s=60,
        meter=Meter(clock=lambda: now_s[0]),
    )

    with pytest.raises(StuckThreadError, match="'stubborn'"):
        pipeline.run(tick_s=0.01)

    let_go.set()
    pipeline._threads[1].join(PATIENCE_S)


# ---- misuse ---------------------------------------------------------------------------------


def test_a_pipeline_runs_once() -> None:
    pipeline = Pipeline(ScriptedSource(1), stages("first"))
    pipeline.run()

    with pytest.raises(RuntimeError, match="assemble a new one"):
        pipeline.run()


@pytest.mark.parametrize(
    ("groups", "strip_length"),
    [
        ([], 1),
        ([[]], 1),
        ([SideBySide([])], 1),
        ([SideBySide(stages("a", "b"))], 1),
        (stages("a", "a"), 1),
        (stages("read"), 1),
        (stages("a"), 0),
    ],
    ids=[
        "no groups",
        "an empty group",
        "no lanes",
        "lanes that differ",
        "a name twice",
        "the reader's name",
        "no frames",
    ],
)
def test_a_pipeline_that_cannot_work_is_refused(
    groups: list[list[Stage] | SideBySide], strip_length: int
) -> None:
    with pytest.raises(ValueError, match=r"stage|groups"):
        Pipeline(ScriptedSource(1), groups, strip_length=strip_length)


def test_times_do_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(10**6, 0, -1))
    monkeypatch.setattr("time.time", lambda: float(next(jumps)))
    sink = Recorder()

    reading = Pipeline(ScriptedSource(20), [[Stage("write", sink)]]).run()

    assert 0 <= reading.elapsed_s < PATIENCE_S
    assert all(a.arrived_s <= b.arrived_s for a, b in pairwise(sink.strips))
