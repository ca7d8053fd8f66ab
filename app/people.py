"""How people are found, as users choose it: the part of a configuration that all commands share."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated

import tyro

from app.steps.detect import MIN_SCORE
from engines.choose import EngineName
from engines.engine import MOST_THREADS
from pose.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class PeopleConfig:
    """How people are found.

    Attributes:
        person: Person detector: a name in the model zoo, or a file.
        pose: Pose network: a name in the model zoo, or a file. Of several, whose crops have one
            aspect, the heatmaps are averaged: slower, more accurate.
        detect_every: Look for people in every n-th frame; follow them in between. Spares the
            processor work, but frames then wait for each other: on several cores it is slower.
        min_score: Boxes with a lower score are nobody, but for people who were there in the frame
            before: they are looked for down to 0.15 less. Whoever is new must be surer than that.
            Lower it where people are missed, which takes time.
        max_people: At most so many people per frame, the surest ones.
        person_side: Longest side in pixels of what the detector sees, a multiple of 32; 0 takes
            its own, 320. 416 or 640 find smaller people, and take longer.
        flip: Look at every person's mirror image too: slower, more accurate.
        smooth: Take the jitter out of keypoints.
        lanes: Frames that go through the networks side by side; 0 chooses by the cores.
        threads: CPU threads inside each network; 0 chooses by the cores and lanes.
        batch: Most people, or frames, in one run of a network on the CPU; 0 takes one where the
            network has one thread, which is faster so, and four where it has more. A TensorRT
            engine runs as many as it was built for.
        engine: What runs the networks: `auto` takes TensorRT where a GPU and a plan are ready.
        trust: Run engine files that lie outside of your own cache; they are executable code.
    """

    person: str = "person"
    pose: Annotated[str | tuple[str, ...], tyro.conf.arg(metavar="MODEL [MODEL ...]")] = "pose"
    detect_every: int = 1
    min_score: float = MIN_SCORE
    max_people: int = 20
    person_side: int = 0
    flip: bool = False
    smooth: bool = True
    lanes: int = 0
    threads: int = 0
    batch: int = 0
    engine: EngineName = "auto"
    trust: bool = False

    @property
    def poses(self) -> tuple[str, ...]:
        """The pose networks, one or several."""
        return (self.pose,) if isinstance(self.pose, str) else self.pose


MOST_LANES = 64
_LIMITS: dict[str, tuple[float, float]] = {
    "detect_every": (1, inf), "max_people": (1, inf), "batch": (0, inf),
    "threads": (0, MOST_THREADS), "lanes": (0, MOST_LANES), "min_score": (-inf, inf),
}  # fmt: skip


def check(config: PeopleConfig) -> None:
    """Refuse numbers that cannot be: UsageError."""
    for name, (low, high) in _LIMITS.items():
        value = getattr(config, name)
        if not low <= value <= high:  # NaN too
            wanted = f"{low:g} or more" if high == inf else f"{low:g} to {high:g}"
            raise UsageError(f"expected --{name.replace('_', '-')} of {wanted}, got {value}")
