"""Measures as files: a table for spreadsheets, or JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.review.measures import Measures
from app.review.tracked import DoubleArray, Tracked
from app.sinks.part_file import RecordFile
from pose.errors import UsageError


def write_measures(path: Path, tracked: Tracked, people: Sequence[Measures]) -> None:
    """Write the angles and speeds of some people; the file appears complete or not at all.

    Args:
        path: One of `MEASURE_FILES`, by its suffix.
        tracked: The result that they come from.
        people: Whose.

    Raises:
        UsageError: No such kind of file.
        OutputError: It cannot be written.
    """
    write = MEASURE_FILES.get(path.suffix.lower())
    if write is None:
        known = " or ".join(MEASURE_FILES)
        raise UsageError(f"expected a file ending in {known}, got {path.name!r}")
    with RecordFile(path) as file:
        file.append(write(tracked, people).encode())


def columns_of(one: Measures) -> dict[str, DoubleArray]:
    """Every measure of one person by the name of its column: (M,) each.

    `left_knee_deg` for angles, `left_wrist_px_s` and `left_wrist_bl_s` for speeds in pixels and in
    body lengths per second.
    """
    return {
        **{f"{name}_deg": values for name, values in one.angles.items()},
        **{f"{name}_px_s": values for name, values in one.speeds.items()},
        **{f"{name}_bl_s": one.relative(name) for name in one.speeds},
    }


def _csv(tracked: Tracked, people: Sequence[Measures]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = list(columns_of(people[0])) if people else []
    writer.writerow(["index", "time_s", "id", *names])
    rows = []
    for one in people:
        columns = list(columns_of(one).values())
        for row, place in enumerate(one.track.places.tolist()):
            cells = [_cell(column[row]) for column in columns]
            when = [str(tracked.indices[place]), f"{one.times_s[row]:.6f}"]
            rows.append((place, [*when, str(one.track.id), *cells]))
    rows.sort(key=lambda row: row[0])  # by frame, people in the order of their first appearance
    writer.writerows(cells for _, cells in rows)
    return text.getvalue()


def _json(tracked: Tracked, people: Sequence[Measures]) -> str:
    return json.dumps({"people": [_plain(tracked, one) for one in people]}, allow_nan=False) + "\n"


def _plain(tracked: Tracked, one: Measures) -> dict[str, Any]:
    return {
        "id": one.track.id,
        "body_px": _number(one.body_px),
        "index": tracked.indices[one.track.places].tolist(),
        "time_s": [round(each, 6) for each in one.times_s.tolist()],
        "measures": {
            name: [_number(value) for value in values.tolist()]
            for name, values in columns_of(one).items()
        },
    }


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _cell(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""


MEASURE_FILES: dict[str, Callable[[Tracked, Sequence[Measures]], str]] = {
    ".csv": _csv,
    ".json": _json,
}
