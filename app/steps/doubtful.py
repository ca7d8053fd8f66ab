"""People whose box is too unsure to count, looked for where somebody was a frame ago.

Whoever is half hidden keeps a box, but with a low score; most boxes with low scores are nobody.
ByteTrack's second round (Zhang et al., ECCV 2022) gives such boxes to tracks that are left over.
Here a box costs a pose, so only those near such a track are asked about: on the demo clip 77 in
place of 400, for the same people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pose import boxes
from pose.types import Boxes, FloatArray, Frame, IntArray, Poses

# How much less sure than others a box may be where somebody was. Not without limit: whoever asks
# for surer boxes wants to be rid of some people who are there.
DOUBT = 0.15
_NEAR = 0.3  # IoU with where somebody should be


@dataclass(frozen=True, slots=True, eq=False)
class Doubtful:
    """Boxes of one frame that do not count by themselves.

    Attributes:
        boxes: M boxes.
        poses: Finds the poses in some of them: indices -> as many poses.
        room: How many of these people may be added to those who count.
    """

    boxes: Boxes
    poses: Callable[[IntArray], Poses]
    room: int

    def near(self, expected: FloatArray) -> Poses:
        """The poses in those boxes that are near where somebody is missed.

        All of them, not each one's best: of people who stand side by side that is another's.

        Args:
            expected: (N, 4) where they should be.
        """
        overlaps = boxes.iou(expected, self.boxes.xyxy)
        return self.poses(np.flatnonzero((overlaps >= _NEAR).any(axis=0)))


def doubtful(
    frame: Frame,
    known: Poses,
    others: Boxes,
    estimate: Callable[[Sequence[Frame], Sequence[Boxes]], list[Poses]],
    room: int,
) -> Doubtful:
    """Boxes some of which nobody has looked into.

    Args:
        frame: Where they are.
        known: Poses that were found.
        others: Boxes that got none.
        estimate: Finds the poses in them.
        room: See `Doubtful`.
    """

    def poses(which: IntArray) -> Poses:
        found, rest = known[which[which < len(known)]], which[which >= len(known)] - len(known)
        looked = estimate([frame], [others[rest]]) if len(rest) else []
        return Poses.joined([found, *looked], known.scores.shape[1])

    every = Boxes.joined([known.boxes, others])
    return Doubtful(every, poses, room)
