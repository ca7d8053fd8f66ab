"""A batch as a whole, in numbers and in words."""

from __future__ import annotations

import pytest

from app.batch.entry import Entry, Progress, Settings, State
from app.gui.batch_model import Row
from app.gui.batch_summary import in_words, left_s, share


def row(state: State, progress: Progress | None = None, frames: int | None = None) -> Row:
    entry = Entry(1, "/a.mp4", "/a.mp4", "a", Settings(), state, progress=progress or Progress())
    return Row(entry, frames=frames)


DONE, FAILED = row(State.DONE), row(State.FAILED)
HALF = row(State.WORKING, Progress(50, 100, fps=10.0, left_s=5.0))
NEXT, UNKNOWN = row(State.WAITING, frames=600), row(State.WAITING)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        ([], None),
        ([NEXT], None),  # nothing tells how fast
        ([HALF], 5.0),
        ([DONE, HALF, NEXT], 65.0),
        ([HALF, NEXT, UNKNOWN], None),
        ([HALF, row(State.WORKING, Progress(1, 9, fps=10.0, left_s=8.0)), NEXT], 38.0),
    ],
)
def test_the_time_left_is_the_work_left_at_the_rate_of_late(
    rows: list[Row], seconds: float | None
) -> None:
    assert left_s(rows) == seconds


@pytest.mark.parametrize(
    ("rows", "running", "paused", "words"),
    [
        ([], False, False, "Nothing to do yet"),
        ([NEXT], False, False, "0 of 1 finished  ·  press Start to work on the rest"),
        ([DONE, HALF, NEXT], True, False, "1 of 3 finished  ·  about 1:05 left"),
        ([DONE, HALF, UNKNOWN], True, False, "1 of 3 finished"),
        ([DONE, HALF, NEXT], True, True, "1 of 3 finished  ·  paused"),
        ([DONE, FAILED], False, False, "2 of 2 finished  ·  1 failed"),
    ],
)
def test_the_line_above_the_list(rows: list[Row], running: bool, paused: bool, words: str) -> None:
    assert in_words(rows, running, paused) == words


@pytest.mark.parametrize(("each", "done"), [(NEXT, 0.0), (HALF, 0.5), (DONE, 1.0), (FAILED, 1.0)])
def test_the_bar_counts_what_is_over_and_a_share_of_what_runs(each: Row, done: float) -> None:
    assert share(each.entry) == done
