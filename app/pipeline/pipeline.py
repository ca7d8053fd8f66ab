"""A source, groups of stages, one thread for each, bounded channels between: the only threads.

First error wins: it is recorded, everything is aborted, every thread is joined, and `run` raises
it again with its traceback. In file mode nothing is dropped and readers wait; in live mode frames
are dropped at the door only. Knows nothing about poses.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from typing_extensions import Self

from app.pipeline.channel import AbortedError, Channel
from app.pipeline.door import Door
from app.pipeline.meter import Meter, Reading
from app.pipeline.strip import Stage, Strip
from app.pipeline.stuck import PipelineThread, StuckThreadError, stuck_error
from pose.types import Frame

_log = logging.getLogger(__name__)

READ = "read"


class FrameSource(Protocol):
    """What the pipeline asks of a source: open it, take frames in order, close it.

    A source that can wait for long has a method `stop` too, which ends the wait from outside.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class SideBySide:
    """One group with a thread for each of several lanes that all do the same.

    For steps that remember nothing from strip to strip. Each lane has steps of its own; strips
    leave in the order they came, whichever lane is faster.
    """

    lanes: Sequence[Sequence[Stage]]


class Pipeline:
    """Runs frames of one source through groups of stages. Runs once.

    Args:
        source: Entered and read in a thread of its own, once every stage is open.
        groups: One thread per group, whose stages run one after the other; or `SideBySide`.
        live: Drop at the door and keep few frames inside, instead of making the source wait.
        strip_length: Frames that travel together; 1 where somebody waits for the picture.
        max_frames: Read no more than this many frames; None reads them all.
        capacity: Strips that may wait between two groups.
        max_in_flight: Strips that may be worked on at once, in live mode.
        stuck_after_s: A stage that works longer than this on one strip is given up.
        join_within_s: How long `stop` waits for the threads.
        meter: Counts and times; a fresh one if None.
    """

    def __init__(
        self,
        source: FrameSource,
        groups: Sequence[Sequence[Stage] | SideBySide],
        *,
        live: bool = False,
        strip_length: int = 1,
        max_frames: int | None = None,
        capacity: int = 1,
        max_in_flight: int = 2,
        stuck_after_s: float = 120.0,
        join_within_s: float = 10.0,
        meter: Meter | None = None,
    ) -> None:
        lanes = [each.lanes if isinstance(each, SideBySide) else (each,) for each in groups]
        _check(lanes, strip_length)
        self.meter = meter or Meter()
        self._source = source
        self._live = live
        self._strip_length = strip_length
        self._max_frames = max_frames
        self._stuck_after_s = stuck_after_s
        self._join_within_s = join_within_s
        self._door = (
            Door[Strip](max_in_flight, lambda strip: self.meter.was_dropped(len(strip)))
            if live
            else None
        )
        entrance = self._door or Channel[Strip](capacity)
        senders = [len(group) for group in lanes[:-1]]
        between = [Channel[Strip](max(capacity, count), count) for count in senders]
        self._ways: list[Channel[Strip] | Door[Strip]] = [entrance, *between]
        self._threads = [self._thread(READ, self._read)]
        for number, group in enumerate(lanes):
            for copy, stages in enumerate(group):
                name = "+".join(stage.name for stage in stages) + (f" {copy + 1}" if copy else "")
                self._threads.append(self._thread(name, self._work, number, stages))
        self._changed = threading.Condition()
        self._opening = len(self._threads) - 1
        self._running = 0
        self._started = self._stopping = False
        self._error: BaseException | None = None
        self._busy_since_s: dict[str, float] = {}  # thread name -> start of the current step

    # ---- for the caller -------------------------------------------------------------------

    def run(self, on_tick: Callable[[Reading], None] | None = None, tick_s: float = 0.1) -> Reading:
        """Start, wait for the end, and answer the last reading.

        Args:
            on_tick: Called in this thread with the meter's reading, again and again and at the end.
            tick_s: Time between two calls.

        Raises:
            BaseException: The first error of any thread, with its traceback; or what interrupted
                this thread (Ctrl-C), after every other one was joined.
        """
        self.start()
        try:
            while not self.watch(tick_s):
                if on_tick is not None:
                    on_tick(self.meter.reading())
        except StuckThreadError:
            raise
        except BaseException as interruption:
            if not self._live:
                self._fail(interruption)  # half a file is no result
            self._stop_in_spite_of(interruption)
            raise
        self.join()
        if on_tick is not None:
            on_tick(self.meter.reading())
        return self.meter.reading()

    def watch(self, seconds: float) -> bool:
        """Wait a while for the end, and give up a stage that is stuck.

        Returns:
            Whether every thread has ended; `join` then tells how.

        Raises:
            StuckThreadError: A stage is stuck, and could not be stopped.
        """
        if self._wait(seconds):
            return True
        self._give_up_what_is_stuck()
        return False

    def start(self) -> None:
        """Start the threads; `join` or `run` must follow. RuntimeError if it ran before."""
        with self._changed:
            if self._started:
                raise RuntimeError("a pipeline runs once; assemble a new one")
            self._started = True
            self._running = len(self._threads)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more frames, finish those inside, join; any thread may call it, any time.

        Called from one of the pipeline's own threads it only asks and does not wait.

        Raises:
            StuckThreadError: A thread did not end within `join_within_s`.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            started = self._started
        self._interrupt_source()
        if not started or threading.current_thread() in self._threads:
            return
        if not self._wait(self._join_within_s):
            stuck = stuck_error([thread for thread in self._threads if thread.is_alive()])
            self._fail(stuck)
            if self._wait(self._join_within_s / 10):  # an abort was enough: slow, not stuck
                return
            raise stuck

    def join(self) -> None:
        """Wait for the end and raise the first error, if there was one."""
        self._wait(None)
        if self._error is not None:
            raise self._error

    def _stop_in_spite_of(self, interruption: BaseException) -> None:
        try:
            self.stop()
        except StuckThreadError:  # already logged; the caller waits for the interruption
            _log.error("left a stuck thread behind after %s", type(interruption).__name__)

    # ---- the threads ----------------------------------------------------------------------

    def _thread(self, name: str, body: Callable[..., None], *arguments: object) -> threading.Thread:
        def run_and_record() -> None:
            try:
                body(*arguments)
            except AbortedError:
                pass
            except BaseException as error:  # Ctrl-C handlers and exits of libraries included
                self._fail(error)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        return PipelineThread(name, run_and_record)

    def _read(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._stopping or not self._opening)
            if self._error is not None:
                raise AbortedError
        entrance = self._ways[0]
        if not self._stopping:
            with self._source as source:
                for number, strip in enumerate(self._strips(source)):
                    entrance.put(number, strip)
                    del strip  # what was sent on must not be kept alive here
        entrance.close()

    def _strips(self, source: FrameSource) -> Iterator[Strip]:
        clock = self.meter.clock
        frames: list[Frame] = []
        spent_s, since_s = 0.0, clock()
        for frame in islice(source, self._max_frames):
            now_s = clock()
            spent_s += now_s - since_s
            self.meter.came_in()
            frames.append(frame)
            del frame
            last = self._stopping
            if last or len(frames) == self._strip_length:
                strip, frames = Strip(tuple(frames), now_s, stage_s={READ: spent_s}), []
                self.meter.worked(READ, len(strip), spent_s)
                yield strip
                del strip
                spent_s = 0.0
            if last:
                return
            since_s = clock()
        if frames:
            self.meter.worked(READ, len(frames), spent_s)
            yield Strip(tuple(frames), clock(), stage_s={READ: spent_s})

    def _work(self, number: int, group: Sequence[Stage]) -> None:
        inbox = self._ways[number]
        outbox = self._ways[number + 1] if number + 1 < len(self._ways) else None
        with ExitStack() as opened:
            for stage in group:
                for resource in stage.opens:
                    opened.enter_context(resource)
            with self._changed:
                self._opening -= 1
                self._changed.notify_all()
            for place, strip in inbox:
                for stage in group:
                    strip = self._timed(stage, strip)
                if outbox is not None:
                    outbox.put(place, strip)
                else:
                    self.meter.went_out(strip)
                    if self._door is not None:
                        self._door.leave()
                del strip
        if outbox is not None:
            outbox.close()  # only after every exit went well: an error there must reach the sinks

    def _timed(self, stage: Stage, strip: Strip) -> Strip:
        started_s = self._busy_since_s[threading.current_thread().name] = self.meter.clock()
        try:
            answer = stage.step(strip)
        finally:
            self._busy_since_s.pop(threading.current_thread().name, None)
        spent_s = self.meter.clock() - started_s
        self.meter.worked(stage.name, len(strip), spent_s)
        return answer.timed(stage.name, spent_s)

    # ---- errors and the end ---------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            first = self._error is None
            if first:
                self._error = error
            self._changed.notify_all()
        if not first:
            _log.debug("after the first error, also: %s: %s", type(error).__name__, error)
        for way in self._ways:
            way.abort()
        self._interrupt_source()

    def _interrupt_source(self) -> None:
        interrupt = getattr(self._source, "stop", None)
        if interrupt is not None:
            interrupt()

    def _wait(self, seconds: float | None) -> bool:
        """Wait until every thread has ended; False if the time was not enough."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._running == 0, seconds)
        if not ended:
            return False
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join()
        if self._error is not None:
            self.meter.give_up_the_rest()
        return True

    def _give_up_what_is_stuck(self) -> None:
        latest_s = self.meter.clock() - self._stuck_after_s
        names = {name for name, since_s in self._busy_since_s.copy().items() if since_s < latest_s}
        if names:
            stuck = stuck_error([thread for thread in self._threads if thread.name in names])
            self._fail(stuck)
            if not self._wait(self._join_within_s / 10):
                raise stuck


def _check(groups: Sequence[Sequence[Sequence[Stage]]], strip_length: int) -> None:
    """ValueError unless there is something to do and each stage has a name of its own."""
    if strip_length < 1 or not groups or not all(lanes and all(lanes) for lanes in groups):
        raise ValueError("a pipeline needs groups that are not empty and a strip length >= 1")
    names = [READ, *(stage.name for lanes in groups for stage in lanes[0])]
    alike = all(
        [stage.name for stage in lane] == [stage.name for stage in lanes[0]]
        for lanes in groups
        for lane in lanes
    )
    if len(set(names)) < len(names) or not alike:
        raise ValueError(f"stages must differ in name, and lanes must not, got {names}")
