"""Following: which frames are looked at, and which are left to the tracker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.counting import Counting
from app.dials import Dials
from app.follower import Follower
from app.pipeline.strip import Strip
from pose.types import Boxes, Frame, Poses, Tracks

COUNTING = Counting(Dials)


class _Notes:
    """Detector, estimator and tracker in one: notes who was asked for which frame."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int]] = []

    def detect(self, frames: Sequence[Frame]) -> list[Boxes]:
        self.said.append(("detect", frames[0].index))
        return [Boxes.empty()]

    def estimate(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        return [Poses.empty(17)]

    def predicted(self, time_s: float) -> Boxes:
        self.said.append(("predict", round(time_s)))
        return Boxes.empty()

    def __call__(
        self, frame: Frame, poses: Poses, detected: bool = True, doubtful: object = None
    ) -> Tracks:
        self.said.append(("detected" if detected else "followed", frame.index))
        return Tracks.empty(17)


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("strip_length", [1, 4])
def test_every_nth_frame_is_looked_at_and_the_rest_followed(every: int, strip_length: int) -> None:
    notes = _Notes()
    follow = Follower(notes.detect, notes.estimate, notes, every, COUNTING)  # type: ignore[arg-type]
    frames = [Frame(index, float(index), np.zeros((2, 2, 3), np.uint8)) for index in range(8)]

    for start in range(0, 8, strip_length):
        follow(Strip(tuple(frames[start : start + strip_length])))

    expected = []
    for index in range(8):
        if index % every == 0:
            expected += [("detect", index), ("detected", index)]
        else:
            expected += [("predict", index), ("followed", index)]
    assert notes.said == expected


def test_every_photograph_is_looked_at() -> None:
    notes = _Notes()
    follow = Follower(notes.detect, notes.estimate, notes, 4, COUNTING)  # type: ignore[arg-type]
    image = np.zeros((2, 2, 3), np.uint8)

    follow(Strip(tuple(Frame(index, float(index), image, alone=True) for index in range(3))))

    assert [index for what, index in notes.said if what == "detect"] == [0, 1, 2]
