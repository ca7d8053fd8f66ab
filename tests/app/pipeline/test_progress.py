"""What is shown while a pipeline runs, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from app.pipeline.meter import Reading
from app.pipeline.progress import ProgressDisplay, status_line


def reading(frames: int) -> Reading:
    return Reading(
        frames_in=frames + 3,
        frames_out=frames,
        dropped=1,
        people_now=2,
        elapsed_s=frames / 20,
        age_s=0.05,
    )


@pytest.mark.parametrize(
    ("shown", "live", "line"),
    [
        (Reading(), True, "0.0 fps, 0 people"),
        (Reading(people_now=1), True, "0.0 fps, 1 person"),
        (reading(40), True, "20.0 fps, 2 people, 50 ms old, 1 dropped"),
        (reading(40), False, "20.0 fps, 2 people, 1 dropped"),
    ],
)
def test_a_reading_in_a_few_words(shown: Reading, live: bool, line: str) -> None:
    assert status_line(shown, live) == line


@pytest.mark.parametrize(
    ("total", "share"), [(None, None), (100, "40/100"), (10, "40/10"), (0, "40/0")]
)
def test_a_terminal_shows_a_bar_where_the_length_is_known(
    total: int | None, share: str | None
) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)

    with ProgressDisplay("walk [1].mp4", total, terminal) as show:
        show(reading(0))
        show(reading(40))

    assert isinstance(terminal.file, io.StringIO)
    said = terminal.file.getvalue()
    assert "walk [1].mp4" in said and "20.0 fps" in said
    assert share is None or share in said


def test_elsewhere_a_line_comes_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 0.0
    file = Console(file=io.StringIO(), force_terminal=False)

    with caplog.at_level("INFO"), ProgressDisplay("walk", 100, file, lambda: now_s) as show:
        for second in range(25):
            now_s = float(second)
            show(reading(second))

    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "walk: frame 10/100",
        "walk: frame 20/100",
    ]
    assert isinstance(file.file, io.StringIO) and file.file.getvalue() == ""
