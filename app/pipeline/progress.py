"""What the user sees while a pipeline runs: a bar with the time left, or a line about now.

Talk, so it goes to standard error; results go to standard output.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from typing_extensions import Self

from app.pipeline.meter import Reading

TALK = Console(stderr=True)  # logging writes here too, so that no line tears the bar

_log = logging.getLogger(__name__)

_PLAIN_EVERY_S = 10.0  # where standard error is no terminal


class ProgressDisplay:
    """Shows the meter's readings; call it with each of them, in the thread that runs.

    Args:
        name: Of the source.
        total: Frames to come, for the bar and the time left; None for a live source.
        console: Where to.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        console: Console = TALK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._total = name, total
        self._clock = clock
        self._told_s = clock()
        self._bar = (
            Progress(*_columns(total), console=console, auto_refresh=False, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=self._total, reading="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, reading: Reading) -> None:
        """Show a reading."""
        line = status_line(reading, live=self._total is None)
        if self._bar is not None:
            # A file may hold more frames than it states; the bar then stays full.
            self._bar.update(self._task, completed=reading.frames_out, reading=line)
            self._bar.refresh()
        elif self._clock() - self._told_s >= _PLAIN_EVERY_S:
            self._told_s = self._clock()
            share = f"/{self._total}" if self._total else ""
            _log.info("%s: frame %d%s, %s", self._name, reading.frames_out, share, line)


def status_line(reading: Reading, live: bool) -> str:
    """A reading in a few words; how old frames are matters only where somebody waits."""
    parts = [f"{reading.fps:.1f} fps", _people(reading.people_now)]
    if live and reading.age_s:
        parts.append(f"{1000 * reading.age_s:.0f} ms old")
    if reading.dropped:
        parts.append(f"{reading.dropped} dropped")
    return ", ".join(parts)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _columns(total: int | None) -> list[ProgressColumn]:
    reading = TextColumn("{task.fields[reading]}")
    name = TextColumn("{task.description}", markup=False)
    if total is None:
        return [name, TimeElapsedColumn(), reading]
    return [
        name,
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        reading,
    ]
