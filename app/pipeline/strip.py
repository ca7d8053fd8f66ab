"""The unit that travels through a pipeline: a short run of consecutive frames.

One frame long where somebody waits for the picture, a few frames long where nobody does, so that
engines can fill their batches across frames. A step takes a strip and answers a new one with more
known about the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pose.types import Boxes, ByteArray, Frame, Heatmaps, Poses, Scene, Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Consecutive frames and what is known about them so far.

    Attributes:
        frames: F frames, in order.
        arrived_s: When the last of them came out of the source, on the pipeline's clock.
        boxes: One per frame, once detected.
        doubted: One per frame, once detected: boxes too unsure to get a pose unless a person is
            missed there.
        heatmaps: One per frame, between estimation and decoding.
        poses: One per frame, once decoded.
        tracks: One per frame, once tracked.
        drawings: (H, W, 3) uint8 BGR, one per frame, once drawn.
        stage_s: Seconds that each stage spent on the whole strip.
    """

    frames: tuple[Frame, ...]
    arrived_s: float = 0.0
    boxes: tuple[Boxes, ...] = ()
    doubted: tuple[Boxes, ...] = ()
    heatmaps: tuple[Heatmaps, ...] = ()
    poses: tuple[Poses, ...] = ()
    tracks: tuple[Tracks, ...] = ()
    drawings: tuple[ByteArray, ...] = ()
    stage_s: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def timed(self, stage: str, spent_s: float) -> Strip:
        """The same strip, with the time of one more stage."""
        return replace(self, stage_s={**self.stage_s, stage: spent_s})

    def scenes(self) -> Iterator[Scene]:
        """One finished scene per frame; a stage's time is shared evenly among the frames."""
        each_s = {stage: spent_s / len(self) for stage, spent_s in self.stage_s.items()}
        for number, (frame, tracks) in enumerate(zip(self.frames, self.tracks, strict=True)):
            drawing = self.drawings[number] if self.drawings else None
            yield Scene(frame, tracks, drawing, each_s, self.arrived_s)


class Step(Protocol):
    """Anything that turns a strip into the next one; testable without a thread."""

    def __call__(self, strip: Strip, /) -> Strip: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A step, its name for the meter, and what must be open while it works.

    Attributes:
        name: For timings, thread names and error messages.
        step: Called with one strip after the other, always from the same thread.
        opens: Entered in that thread before the first strip, left after the last one.
    """

    name: str
    step: Step
    opens: tuple[AbstractContextManager[object], ...] = ()
