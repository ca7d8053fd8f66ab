"""The pipeline at work: order, counting, freshness, the bounds on memory, and misuse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from app.pipeline.meter import Meter
from app.pipeline.pipeline import Pipeline, SideBySide
from app.pipeline.strip import Stage, Strip
from tests.app.pipeline.fakes import (
    MODES,
    PATIENCE_S,
    Recorder,
    Resource,
    ScriptedSource,
    StepError,
    failing_from,
    passing,
    stages,
)


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
