"""Shows how far a TensorRT build is: a bar per phase on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from build_engine.build_tensorrt import Watch

_LINE_EVERY_S = 20.0

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def watched(what: str) -> Iterator[Watch]:
    """What `build_plan` tells its steps to, for the time of a build.

    Args:
        what: Short name of the work.
    """
    console = Console(stderr=True)
    started_s = told_s = time.monotonic()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    tasks: dict[str, TaskID] = {}

    def watch(phase: str, done: int, total: int) -> None:
        nonlocal told_s
        if not tasks:
            _log.info("building %s; this takes a minute or some", what)
        if phase not in tasks:
            tasks[phase] = bar.add_task(phase, total=total)
        bar.update(tasks[phase], completed=done, total=total, visible=done < total)
        now_s = time.monotonic()
        if not console.is_terminal and now_s - told_s >= _LINE_EVERY_S:
            told_s = now_s
            _log.info("%s: %s, %d of %d, %.0f s", what, phase, done, total, now_s - started_s)

    with bar:
        yield watch
    if tasks:
        _log.info("%s: built after %.0f s", what, time.monotonic() - started_s)
