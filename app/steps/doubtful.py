"""People whose box is too unsure to count, looked for where somebody was a frame ago.

Whoever is half hidden keeps a box, but with a low score; most boxes with low scores are nobody.
ByteTrack's second round (Zhang et al., ECCV 2022) gives such boxes to tracks that are left over.
Here a box costs a pose, so only those near such a track are asked about: on the demo clip 58 in
place of 400, for the same people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pose import boxes
from pose.types import Boxes, FloatArray, Frame, IntArray, Poses

# So much less than the least score a box may have where somebody was: less than all, for whoever
# asks for surer boxes wants to be rid of some people who are there.
DOUBT = 0.15
_NEAR = 0.3  # IoU with where somebody should be


@dataclass(frozen=True, slots=True, eq=False)
class Doubtful:
    """Boxes of one frame that do not count by themselves.

    Attributes:
        boxes: M boxes.
        poses: Finds the poses in some of them: indices -> as many poses.
    """

    boxes: Boxes
    poses: Callable[[IntArray], Poses]

    def near(self, expected: FloatArray) -> Poses:
        """The poses in those boxes that fit best where somebody is missed.

        Args:
            expected: (N, 4) where they should be.

        Returns:
            At most N poses.
        """
        overlaps = boxes.iou(expected, self.boxes.xyxy)
        if not overlaps.size:
            return self.poses(np.zeros(0, np.int64))
        best = overlaps.argmax(axis=1)[overlaps.max(axis=1) >= _NEAR]
        return self.poses(np.unique(best))


def looked_at(poses: Poses) -> Doubtful:
    """Of poses that are known already."""
    return Doubtful(poses.boxes, lambda which: poses[which])


def looked_at_on_demand(
    frame: Frame,
    people: Boxes,
    estimate: Callable[[Sequence[Frame], Sequence[Boxes]], list[Poses]],
) -> Doubtful:
    """Of boxes that nobody has looked into."""
    return Doubtful(people, lambda which: estimate([frame], [people[which]])[0])
