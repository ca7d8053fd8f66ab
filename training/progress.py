"""A progress line for long jobs: what, how far, how fast, how long yet. Also into the log."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from typing_extensions import Self

log = logging.getLogger(__name__)


class Progress:
    """Shows a bar on a terminal, and every half minute a line in the log.

    Args:
        what: Short name of the work.
        total: Number of steps.
        done: Steps that an earlier run did.
        shown: Whether there is a bar; one of several processes shows it.
    """

    def __init__(self, what: str, total: int, done: int = 0, shown: bool = True) -> None:
        self._what, self._total, self._done, self._first = what, total, done, done
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            disable=not (shown and Console(stderr=True).is_terminal),
        )
        self._task = self._bar.add_task(what, total=total, completed=done, note="")
        self._start_s = self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        log.info("%s", self.line())

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; `note` stands beside the bar and in the log."""
        self._done += steps
        self._bar.update(self._task, completed=self._done, note=note)
        if time.monotonic() - self._said_s > 30:
            self._said_s = time.monotonic()
            log.info("%s %s", self.line(), note)

    def line(self) -> str:
        """Progress in words: `crops 120/400, 8.1/s, 35 s left`; no time where none can be told."""
        rate = (self._done - self._first) / max(time.monotonic() - self._start_s, 1e-6)
        told = f"{self._what} {self._done}/{self._total}, {rate:.1f}/s"
        left = max(self._total - self._done, 0)
        if left and rate <= 0:
            return told
        return f"{told}, {left / rate if left else 0:.0f} s left"
