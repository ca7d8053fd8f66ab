"""A batch as a whole: how far it is, when it will end, and that in words."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QCoreApplication

from app.batch.entry import Entry, State
from app.gui.batch_model import Row
from app.gui.batch_row import clock_text


def in_words(rows: Sequence[Row], running: bool, paused: bool) -> str:
    """One line for the page's head.

    Args:
        rows: All inputs.
        running: Whether the queue works, or would if it were not paused.
        paused: Whether it is held.
    """
    tr = QCoreApplication.translate
    if not rows:
        return tr("BatchPage", "Nothing to do yet")
    states = [row.entry.state for row in rows]
    failed = states.count(State.FAILED)
    ended = len(states) - states.count(State.WAITING) - states.count(State.WORKING)
    parts = [tr("BatchPage", "{0} of {1} finished").format(ended, len(states))]
    if failed:
        parts.append(tr("BatchPage", "{0} failed").format(failed))
    seconds = left_s(rows)
    if paused and ended < len(states):
        parts.append(tr("BatchPage", "paused"))
    elif seconds is not None:
        parts.append(tr("BatchPage", "about {0} left").format(clock_text(seconds)))
    elif not running and ended < len(states):
        parts.append(tr("BatchPage", "press Start to work on the rest"))
    return "  ·  ".join(parts)


def left_s(rows: Sequence[Row]) -> float | None:
    """Seconds to the end of everything; None if something's length is not known."""
    working = [row.entry.progress for row in rows if row.entry.state is State.WORKING]
    fps = sum(progress.fps for progress in working)
    waiting = [row.frames for row in rows if row.entry.state is State.WAITING]
    if not fps or any(frames is None for frames in waiting):
        return None
    left = [progress.left_s or 0.0 for progress in working]
    return max(left, default=0.0) + sum(frames or 0 for frames in waiting) / fps


def share(entry: Entry) -> float:
    """How much of an input is done, 0 to 1; what failed or was cancelled is."""
    if entry.state is State.WORKING:
        return entry.progress.share
    return 0.0 if entry.state is State.WAITING else 1.0
