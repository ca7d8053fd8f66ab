"""Accuracy against milliseconds as a picture: points, their names, and the line of the best.

Drawn with OpenCV, so that it needs nothing else. Time runs on a logarithmic axis; right is slower.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.sinks.part_file import write_whole
from pose.types import ByteArray

_SIZE_WH = (1200, 760)
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 60, 70, 90
_INK, _GRID, _FRONT = (40, 40, 40), (225, 225, 225), (200, 200, 200)
_COLOURS = ((180, 90, 20), (40, 90, 220))  # ours, peers; BGR
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Point:
    """One network.

    Attributes:
        name: Written beside it.
        ms: Of one run, above 0.
        accuracy: 0 to 1.
        ours: Else a peer.
    """

    name: str
    ms: float
    accuracy: float
    ours: bool


def front(points: Sequence[Point]) -> list[Point]:
    """Those that nobody beats in both: sorted by time, each more accurate than all faster ones."""
    best: list[Point] = []
    for point in sorted(points, key=lambda each: (each.ms, -each.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def draw(points: Sequence[Point], title: str, figure: str) -> ByteArray:
    """The picture.

    Args:
        points: At least one.
        title: Above it.
        figure: Name of the accuracy: `AP`.

    Returns:
        (760, 1200, 3) uint8 BGR.
    """
    width, height = _SIZE_WH
    image = np.full((height, width, 3), 255, np.uint8)
    slow = [math.log10(each.ms) for each in points]
    first, last = min(slow) - 0.15, max(slow) + 0.35
    low = math.floor(min(each.accuracy for each in points) * 20 - 0.5) / 20
    high = math.ceil(max(each.accuracy for each in points) * 20 + 0.5) / 20

    def place(ms: float, accuracy: float) -> tuple[int, int]:
        across = (math.log10(ms) - first) / (last - first)
        up = (accuracy - low) / (high - low)
        return (
            round(_LEFT + across * (width - _LEFT - _RIGHT)),
            round(height - _BOTTOM - up * (height - _TOP - _BOTTOM)),
        )

    for tick in _time_ticks(10**first, 10**last):
        x, _ = place(tick, low)
        cv2.line(image, (x, _TOP), (x, height - _BOTTOM), _GRID, 1, cv2.LINE_AA)
        _text(image, f"{tick:g}", (x - 10, height - _BOTTOM + 28), 0.6)
    for number in range(round((high - low) * 20) + 1):
        accuracy = low + number / 20
        _, y = place(10**first, accuracy)
        cv2.line(image, (_LEFT, y), (width - _RIGHT, y), _GRID, 1, cv2.LINE_AA)
        _text(image, f"{accuracy:.2f}", (_LEFT - 62, y + 6), 0.6)
    best = [place(each.ms, each.accuracy) for each in front(points)]
    for start, end in itertools.pairwise(best):
        corner = (end[0], start[1])
        cv2.line(image, start, corner, _FRONT, 2, cv2.LINE_AA)
        cv2.line(image, corner, end, _FRONT, 2, cv2.LINE_AA)
    taken: list[tuple[int, int]] = []
    for point in sorted(points, key=lambda each: -each.accuracy):
        x, y = place(point.ms, point.accuracy)
        colour = _COLOURS[0 if point.ours else 1]
        cv2.circle(image, (x, y), 8, colour, -1, cv2.LINE_AA)
        above = y - 12  # off the line that leaves to the right
        while any(abs(above - other) < 22 and abs(x - beside) < 240 for beside, other in taken):
            above += 22
        taken.append((x, above))
        _text(image, point.name, (x + 12, above), 0.6, colour)
    _text(image, title, (_LEFT, 40), 0.8)
    _text(image, "ms for one picture (logarithmic)", (width // 2 - 150, height - 24), 0.65)
    _text(image, figure, (24, _TOP - 14), 0.65)
    return image


def write(path: Path, rows: Sequence[Sequence[ByteArray]]) -> None:
    """Rows of pictures, all of one size, in one PNG; OutputError if it cannot be written."""
    _, content = cv2.imencode(".png", np.vstack([np.hstack(row) for row in rows]))
    write_whole(path, content.tobytes())


def _time_ticks(low: float, high: float) -> list[float]:
    ticks = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def _text(
    image: ByteArray,
    text: str,
    place: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int] = _INK,
) -> None:
    cv2.putText(image, text, place, _FONT, scale, colour, 1, cv2.LINE_AA)
