"""Stories for the tracker: people as a function of time, told frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.steps.track import Tracker, TrackerConfig
from pose.skeleton import COCO_17
from pose.types import Poses, Tracks
from tests.app.steps.figures import crowd, frame, jittered, person

Story = Callable[[float], Sequence[Poses]]


def tracker(**config: float) -> Tracker:
    return Tracker(COCO_17, TrackerConfig(**config))  # type: ignore[arg-type]


def told(
    story: Story, times_s: Iterable[float], noise_px: float = 1.0, **config: float
) -> list[Tracks]:
    """What a tracker makes of a story: people as a function of time."""
    rng, ours = np.random.default_rng(7), tracker(**config)
    return [
        ours(frame(i, t), jittered(crowd(story(t)), rng, noise_px)) for i, t in enumerate(times_s)
    ]


def times(fps: float, seconds: float, dropped: float = 0) -> list[float]:
    """Times of frames, some of which were dropped at random (never the first)."""
    every = np.arange(round(fps * seconds)) / fps
    kept = np.random.default_rng(1).random(len(every)) >= dropped
    kept[:1] = True
    return [float(t) for t in every[kept]]


def ids(tracks: Iterable[Tracks]) -> set[int]:
    return {int(each) for one in tracks for each in one.ids}


def who_is_at(tracks: Tracks, x: float) -> int:
    """Id of the person whose box is centred nearest to a column."""
    centres = (tracks.poses.boxes.xyxy[:, 0] + tracks.poses.boxes.xyxy[:, 2]) / 2
    return int(tracks.ids[np.abs(centres - x).argmin()])


def walker(x0: float, speed: float, **looks: float) -> Story:
    """Walks at a speed in pixels per second; heights are 200 pixels."""
    return lambda t: [person(x0 + speed * t, swing=float(np.sin(9 * t)), **looks)]
