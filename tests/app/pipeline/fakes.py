"""Fakes for pipelines: scripted sources and steps that leave a trace of what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType

import numpy as np
import pytest
from typing_extensions import Self

from app.pipeline.strip import Stage, Strip
from pose.types import Frame

MODES = pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
PATIENCE_S = 10.0  # how long a test waits for something that must happen


class StepError(Exception):
    """What a step of a test raises."""


def frame(index: int) -> Frame:
    return Frame(index, index / 30, np.zeros((2, 3, 3), np.uint8))


class ScriptedSource:
    """Gives `count` frames; `before` is called with each index just before its frame."""

    def __init__(self, count: int, before: Callable[[int], None] = lambda index: None) -> None:
        self._count, self._before = count, before
        self.given = 0
        self.entered_in = ""
        self.left = False

    def __enter__(self) -> Self:
        self.entered_in = threading.current_thread().name
        return self

    def __exit__(self, *exc: object) -> None:
        self.left = True

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            self._before(index)
            self.given += 1
            yield frame(index)


class Recorder:
    """A last step that remembers the frames, as a sink would."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.strips: list[Strip] = []

    def __call__(self, strip: Strip) -> Strip:
        self.indices += [each.index for each in strip.frames]
        self.strips.append(strip)
        return strip


class Resource:
    """A context manager that notes in which thread and how it was used."""

    def __init__(
        self, on_enter: BaseException | None = None, on_exit: BaseException | None = None
    ) -> None:
        self._on_enter, self._on_exit = on_enter, on_exit
        self.entered_in = self.left_in = ""
        self.left_with: type[BaseException] | None = None

    def __enter__(self) -> Self:
        if self._on_enter is not None:
            raise self._on_enter
        self.entered_in = threading.current_thread().name
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.left_in, self.left_with = threading.current_thread().name, kind
        if self._on_exit is not None:
            raise self._on_exit


def passing(strip: Strip) -> Strip:
    return strip


def stages(*names: str) -> list[list[Stage]]:
    """One group per name, each passing strips on untouched."""
    return [[Stage(name, passing)] for name in names]


def failing_from(index: int, error: BaseException) -> Callable[[Strip], Strip]:
    """A step that raises as soon as it sees this frame or a later one."""

    def fail(strip: Strip) -> Strip:
        if strip.frames[-1].index >= index:
            raise error
        return strip

    return fail


def alive(name: str) -> bool:
    """Whether a thread of this name still runs."""
    return any(thread.name == name for thread in threading.enumerate())
