"""A part of a film: from one time to another, and no more frames a second than wanted.

Times and numbers of frames stay the film's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import Self

from pose.errors import UsageError
from pose.types import Frame

if TYPE_CHECKING:
    from app.sources.source import Source

_SLACK_S = 1e-4  # files round times to their clock's ticks


@dataclass(frozen=True)
class Part:
    """Which frames of a film; photographs are no film.

    Attributes:
        start_s: From here on.
        end_s: Up to here, this one not included; None to the end.
        rate_hz: At most so many a second; 0 for all.
    """

    start_s: float = 0.0
    end_s: float | None = None
    rate_hz: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < math.inf:
            raise UsageError(f"expected --start of 0 or more, got {self.start_s:g}")
        if self.end_s is not None and not self.start_s < self.end_s < math.inf:
            raise UsageError(
                f"expected --end after --start, which is {self.start_s:g} s, got {self.end_s:g} s"
            )
        if not 0 <= self.rate_hz < math.inf:
            raise UsageError(f"expected --fps of 0 or more, got {self.rate_hz:g}")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the film."""
        return self == Part()


class Excerpt:
    """The frames of another source that belong to a part.

    Args:
        source: Recorded; may begin at any time up to the part's start.
        part: Which frames.

    Attributes:
        name, size_wh: The source's.
        fps: The source's, or the part's rate where that is less.
        frame_count: How many frames to expect, from the source's number and rate.
        is_live: False.
    """

    is_live = False

    def __init__(self, source: Source, part: Part) -> None:
        self._source, self._part = source, part
        self.name, self.size_wh = source.name, source.size_wh
        rate = part.rate_hz or math.inf
        self.fps = min(source.fps, rate) if source.fps else part.rate_hz or None
        self.frame_count: int | None = None
        if source.fps and source.frame_count is not None:
            end_s = min(source.frame_count / source.fps, part.end_s or math.inf)
            self.frame_count = max(0, round((end_s - part.start_s) * (self.fps or source.fps)))

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(*exc)

    def __iter__(self) -> Iterator[Frame]:
        part, due_s = self._part, self._part.start_s
        for frame in self._source:
            now_s = frame.time_s + _SLACK_S
            if part.end_s is not None and now_s >= part.end_s:
                return
            if now_s < due_s:
                continue
            if part.rate_hz:
                passed = math.floor((now_s - part.start_s) * part.rate_hz)
                due_s = part.start_s + (passed + 1) / part.rate_hz
            yield frame


def seconds(text: str) -> float:
    """What a person writes for a time: `90`, `1:30`, `0:01:30.5`.

    Raises:
        UsageError: It is none.
    """
    *larger, last = text.split(":")
    try:
        if len(larger) > 2 or not all(each.isdecimal() for each in larger):
            raise ValueError
        total = float(last)
        if not 0 <= total < (60 if larger else math.inf):
            raise ValueError
    except ValueError:
        raise UsageError(f"expected a time such as 90, 1:30 or 0:01:30.5, got {text!r}") from None
    for each, unit_s in zip(reversed(larger), (60, 3600), strict=False):
        total += int(each) * unit_s
    return total
