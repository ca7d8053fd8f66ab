"""What may change while a pipeline runs: read anew for every frame, so that it acts at once.

A frozen value that the owner replaces; nobody reaches into a running step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.steps.detect import MIN_SCORE
from app.steps.draw import DrawStyle


@dataclass(frozen=True, kw_only=True)
class Dials:
    """One position of all dials.

    Attributes:
        min_score: Boxes with a lower score are nobody, but for people who were there before.
        max_people: At most so many people per frame, the surest ones.
        smooth: Take the jitter out of keypoints.
        style: What is drawn, and how.
    """

    min_score: float = MIN_SCORE
    max_people: int = 20
    smooth: bool = True
    style: DrawStyle = field(default_factory=DrawStyle)
