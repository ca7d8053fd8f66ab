"""A part of a film: from one time to another, and no more frames a second than wanted.

Times and numbers of frames stay the film's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import Self

from pose.errors import InputError, UsageError
from pose.types import Frame

if TYPE_CHECKING:
    from app.sources.source import Source

_TIME = re.compile(r"(?:(?:\d+:)?\d+:[0-5]?\d|\d+)(?:\.\d+)?", re.ASCII)
_SLACK_S = 1e-3  # files round times to their clock's ticks, Matroska to 1 ms


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


class Choice:
    """Says of the times of a film's frames, in their order, which ones belong to a part."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._due_s = part.start_s

    def __call__(self, time_s: float) -> bool:
        """Whether the frame of this time belongs."""
        part, now_s = self._part, time_s + _SLACK_S
        if now_s < self._due_s or self.is_over(time_s):
            return False
        if part.rate_hz:
            passed = math.floor((now_s - part.start_s) * part.rate_hz)
            self._due_s = part.start_s + (passed + 1) / part.rate_hz
        return True

    def is_over(self, time_s: float) -> bool:
        """Whether nothing from this time on belongs."""
        return self._part.end_s is not None and time_s + _SLACK_S >= self._part.end_s


def no_frames(name: str, part: Part) -> InputError:
    """The error where a part holds nothing."""
    end = "the end" if part.end_s is None else f"{part.end_s:g} s"
    return InputError(f"{name}: expected frames from {part.start_s:g} s to {end}, found none")


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

    Raises:
        InputError: While iterating: the part holds no frame.
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
        belongs, found = Choice(self._part), False
        for frame in self._source:
            if belongs.is_over(frame.time_s):
                break
            if belongs(frame.time_s):
                found = True
                yield frame
        if not found:
            raise no_frames(self.name, self._part)


def seconds(text: str) -> float:
    """What a person writes for a time: `90`, `1:30`, `0:01:30.5`.

    Raises:
        UsageError: It is none.
    """
    if not _TIME.fullmatch(text):
        raise UsageError(f"expected a time such as 90, 1:30 or 0:01:30.5, got {text!r}")
    *larger, last = text.split(":")
    total = float(last)
    for each, unit_s in zip(reversed(larger), (60, 3600), strict=False):
        total += int(each) * unit_s
    return total
