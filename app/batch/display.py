"""What the user sees in a terminal while several inputs are worked on at a time."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from typing_extensions import Self

from app.batch.batch import Batch
from app.batch.entry import State
from app.pipeline.progress import TALK

_log = logging.getLogger(__name__)

_PLAIN_EVERY_S = 10.0  # where standard error is no terminal


class BatchDisplay:
    """One bar for each input that is worked on; call it again and again.

    Args:
        batch: What to show.
        console: Where to.
    """

    def __init__(self, batch: Batch, console: Console = TALK) -> None:
        self._batch = batch
        self._told_s = time.monotonic()
        self._tasks: dict[int, TaskID] = {}
        self._bars = (
            Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[fps]:.1f} fps"),
                console=console,
                auto_refresh=False,
                transient=True,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self) -> None:
        """Show how far everything is now."""
        if self._bars is not None:
            self._show(self._bars)
        elif time.monotonic() - self._told_s >= _PLAIN_EVERY_S:
            self._told_s = time.monotonic()
            _log.info("%s", self._line())

    def _show(self, bars: Progress) -> None:
        working = {
            entry.key: entry for entry in self._batch.entries if entry.state is State.WORKING
        }
        for key in self._tasks.keys() - working:
            bars.remove_task(self._tasks.pop(key))
        for key, entry in working.items():
            now = entry.progress
            if key not in self._tasks:
                self._tasks[key] = bars.add_task(entry.text, total=None, fps=0.0)
            bars.update(self._tasks[key], completed=now.frames, total=now.total, fps=now.fps)
        bars.refresh()

    def _line(self) -> str:
        entries = self._batch.entries
        ended = sum(entry.state not in (State.WAITING, State.WORKING) for entry in entries)
        working = [entry for entry in entries if entry.state is State.WORKING]
        now = ", ".join(f"{entry.name} {entry.progress.share:.0%}" for entry in working)
        return f"{ended} of {len(entries)} inputs: {now}"
