"""The progress line: it tells how long yet only where somebody can know."""

from __future__ import annotations

import pytest

from training.progress import Progress


@pytest.mark.parametrize(
    ("total", "before", "steps", "told", "left"),
    [
        (400, 0, 0, "crops 0/400, 0.0/s", ""),
        (400, 120, 0, "crops 120/400, 0.0/s", ""),
        (400, 400, 0, "crops 400/400, 0.0/s", "0 s left"),
        (300, 400, 0, "crops 400/300, 0.0/s", "0 s left"),
        (0, 0, 0, "crops 0/0, 0.0/s", "0 s left"),
        (400, 0, 100, "crops 100/400, ", " s left"),
    ],
)
def test_no_time_is_told_that_nobody_knows(
    total: int, before: int, steps: int, told: str, left: str
) -> None:
    progress = Progress("crops", total, before, shown=False)
    if steps:
        progress.advance(steps)

    line = progress.line()

    assert line.startswith(told) and line.endswith(left)
    assert ("left" in line) is bool(left)
    assert "nan" not in line and "-" not in line
