"""The pipeline when it is told to stop: from any thread, while a source waits or a step hangs."""

from __future__ import annotations

import threading

import pytest

from app.pipeline.meter import Meter
from app.pipeline.pipeline import Pipeline
from app.pipeline.strip import Stage, Strip
from app.pipeline.stuck import StuckThreadError, left_behind
from tests.app.pipeline.fakes import (
    MODES,
    PATIENCE_S,
    Recorder,
    Resource,
    ScriptedSource,
    StepError,
    stages,
)


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
