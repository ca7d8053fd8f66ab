"""Reads the program's own results: JSON Lines, CSV, COCO results; by suffix, `RESULTS`.

A result whose writer was killed (`.part`) is read too; a last line that was cut off is left out.
CSV and COCO know nothing of frames without people: those come from the JSON Lines beside them.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.review.link import linked
from app.review.tracked import Seen, Tracked, gathered
from app.sinks.csv_table import FILE_COLUMN, columns
from pose.errors import InputError, ModelFileError
from pose.skeleton import SKELETONS, Skeleton, skeleton_named
from pose.types import FloatArray

_log = logging.getLogger(__name__)

_USUAL_FPS = 25.0  # COCO results know no time
# What comes up where a file of another kind is taken for a result.
_MISREAD = (ValueError, KeyError, TypeError, IndexError, AttributeError, csv.Error)
_NO_BOX = np.full(4, np.nan, np.float32)


def read_results(path: Path, fps: float | None = None) -> Tracked:
    """Read a result file.

    Args:
        path: One of `RESULTS`.
        fps: Frames per second, for a format without times.

    Raises:
        InputError: It is not there, of another kind, or damaged.
    """
    read = RESULTS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(RESULTS)
        raise InputError(f"{path}: expected a result ending in {known}; choose one of these")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # editors put a mark before it
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; check the path") from error
    try:
        found = read(text, path, fps or _USUAL_FPS)
    except (*_MISREAD, ModelFileError) as error:
        raise InputError(
            f"{path}: expected keypoints as this program writes them (docs/outputs.md), got "
            f"something else ({type(error).__name__}: {error})"
        ) from error
    lines = path.with_suffix(".jsonl")
    if lines == path or not lines.is_file():
        return found
    try:
        return _on_frames_of(read_results(lines), found)
    except InputError as error:
        _log.debug("frames without people are not known: %s", error)
        return found


def _on_frames_of(whole: Tracked, part: Tracked) -> Tracked:
    """The people of `part` on all frames of `whole`; as it was if the frames are others."""
    places = np.searchsorted(whole.indices, part.indices)
    known = whole.indices[np.minimum(places, len(whole) - 1)] == part.indices
    seen = {place for track in part.tracks for place in track.places.tolist()}
    if not all(known[place] for place in seen):
        return part
    if part.timed and not np.allclose(whole.times_s[places], part.times_s, atol=0.002):
        return part
    tracks = tuple(replace(track, places=places[track.places]) for track in part.tracks)
    return replace(whole, skeleton=part.skeleton, tracks=tracks)


def _read_json_lines(text: str, path: Path, fps: float) -> Tracked:
    skeleton: Skeleton | None = None
    size_wh = (0, 0)
    seen: list[Seen] = []  # at rows of the file; an hour's frames are not kept as JSON
    frames: list[tuple[int, float, str]] = []
    for frame in _lines(text, path):
        if skeleton is None:
            skeleton = skeleton_named(frame["skeleton"])
            size_wh = int(frame["size"][0]), int(frame["size"][1])
        for person in frame["people"]:
            points, box = _triplets(person["keypoints"], skeleton), _box(person["box"])
            seen.append(Seen(len(frames), int(person["id"]), points, box, _number(person["score"])))
        frames.append((int(frame["index"]), float(frame["time_s"]), str(frame.get("file", ""))))
    if skeleton is None:
        raise ValueError("no frames")
    indices = np.array([index for index, _, _ in frames], np.int64)
    order = np.argsort(indices, kind="stable")
    places = np.argsort(order, kind="stable").tolist()
    for each in seen:
        each.place = places[each.place]
    times_s = np.array([frames[row][1] for row in order], np.float64)
    files = tuple(frames[row][2] for row in order)
    return Tracked(skeleton, indices[order], times_s, size_wh, gathered(seen), _named(files))


def _lines(text: str, path: Path) -> Iterator[dict[str, Any]]:
    end = len(text.rstrip())
    lines = io.StringIO(text, newline="\n")  # a name may hold what else ends lines
    for number, line in enumerate(lines, start=1):
        is_last = lines.tell() >= end
        try:
            yield json.loads(line)
        except ValueError as error:
            if not is_last or number == 1 or text.endswith("\n"):
                raise ValueError(f"line {number}: {error}") from error
            _log.warning("%s: the last line was cut off and is left out", path)
        if is_last:
            return


def _read_csv(text: str, path: Path, fps: float) -> Tracked:
    header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if header[-1] != FILE_COLUMN:  # written before there was one
        header, rows = [*header, FILE_COLUMN], [[*row, ""] for row in rows]
    skeleton = next((each for each in SKELETONS.values() if columns(each) == header), None)
    if skeleton is None:
        raise ValueError(f"the header {','.join(header)[:60]!r}…")
    if rows and len(rows[-1]) < len(header) and not text.endswith("\n"):
        _log.warning("%s: the last line was cut off and is left out", path)
        rows.pop()
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row with too few or too many cells")
    values = np.array(
        [[float(cell) if cell else np.nan for cell in row[:-1]] for row in rows], np.float64
    ).reshape(-1, len(header) - 1)
    indices, first, places = np.unique(values[:, 0], return_index=True, return_inverse=True)
    seen = [
        Seen(int(place), int(row[2]), row[8:].reshape(-1, 3), row[3:7], float(row[7]))
        for place, row in zip(places.reshape(-1), values, strict=True)
    ]
    files = _named(tuple(rows[row][-1] for row in first.tolist()))
    return Tracked(
        skeleton, indices.astype(np.int64), values[first, 1], None, gathered(seen), files
    )


def _read_coco(text: str, path: Path, fps: float) -> Tracked:
    entries = json.loads(text)
    if not isinstance(entries, list):
        raise ValueError("no list")
    counts = {len(entry["keypoints"]) // 3 for entry in entries}
    skeleton = next((s for s in SKELETONS.values() if counts <= {len(s)}), None)
    if skeleton is None:
        raise ValueError(f"{sorted(counts)} keypoints per person")
    last = max((int(entry["image_id"]) for entry in entries), default=-1)
    indices = np.arange(last + 1, dtype=np.int64)  # frames without people leave no trace
    seen, files = [], [""] * len(indices)
    for entry in entries:
        files[int(entry["image_id"])] = str(entry.get("file_name", ""))
        points = np.array(entry["keypoints"], np.float64).reshape(-1, 3)
        points[points[:, 2] <= 0] = np.nan
        seen.append(Seen(int(entry["image_id"]), 0, points, _NO_BOX, float(entry["score"])))
    tracks, known = gathered(linked(seen, skeleton)), _named(tuple(files))
    return Tracked(skeleton, indices, indices / fps, None, tracks, known, timed=False)


def _triplets(points: Any, skeleton: Skeleton) -> FloatArray:
    found = np.array(points, np.float32)  # None becomes NaN
    if found.shape != (len(skeleton), 3):
        raise ValueError(f"keypoints of shape {found.shape} for {skeleton.name}")
    return found


def _box(sides: Any) -> FloatArray:
    return np.array(sides, np.float32).reshape(4)


def _named(files: tuple[str, ...]) -> tuple[str, ...]:
    return files if any(files) else ()


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


RESULTS: dict[str, Callable[[str, Path, float], Tracked]] = {
    ".jsonl": _read_json_lines,
    ".csv": _read_csv,
    ".json": _read_coco,
}
