"""Dials: what they choose of a detector's boxes, and that the next frame obeys them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import Self

from app.assemble import assemble
from app.counting import Counting
from app.dials import Dials
from app.people import PeopleConfig
from app.sources.source import open_source
from app.steps.draw import DrawStyle
from pose.boxes import nms
from pose.types import Boxes, Scene
from tests.app import drawn


def boxes(scores: list[float]) -> Boxes:
    xyxy = np.array([[10 * n, 0, 10 * n + 8, 20] for n in range(len(scores))], np.float32)
    return Boxes(xyxy.reshape(-1, 4), np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("scores", "dials", "kept"),
    [
        ([], Dials(), []),
        ([0.9, 0.5, 0.2], Dials(min_score=0.35), [0.9, 0.5]),
        ([0.9, 0.5, 0.2], Dials(min_score=0.05, max_people=2), [0.9, 0.5]),
        ([0.9], Dials(min_score=0.95), []),
    ],
)
def test_dials_choose_the_surest(scores: list[float], dials: Dials, kept: list[float]) -> None:
    (found,), _ = Counting(lambda: dials).boxes([boxes(scores)])

    np.testing.assert_allclose(found.scores, kept, atol=1e-6)


def test_choosing_afterwards_is_what_a_stricter_detector_does(rng: np.random.Generator) -> None:
    """Suppression keeps, of the boxes above a score, the same ones whatever lies below it."""
    low = rng.uniform(0, 100, (60, 2))
    xyxy = np.concatenate([low, low + rng.uniform(20, 60, (60, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0.05, 1, 60).astype(np.float32)

    def detected(least: float) -> Boxes:
        likely = Boxes(xyxy, scores)[scores >= least]
        return likely[nms(likely.xyxy, likely.scores, 0.6)]

    dials = Dials(min_score=0.5, max_people=100)
    (afterwards,), _ = Counting(lambda: dials).boxes([detected(0.05)])

    np.testing.assert_array_equal(afterwards.xyxy, detected(0.5).xyxy)


class Seen:
    """A sink that turns the dials after the second scene."""

    def __init__(self, dials: list[Dials], then: Dials) -> None:
        self.scenes: list[Scene] = []
        self._dials, self._then = dials, then

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, scene: Scene) -> None:
        self.scenes.append(scene)
        if len(self.scenes) == 2:
            self._dials[0] = self._then


@pytest.mark.parametrize("detect_every", [1, 2])
def test_a_running_pipeline_obeys_at_once(tmp_path: Path, detect_every: int) -> None:
    """All stages in one thread, so that "at once" is the very next frame."""
    _, person, _, pose = drawn.write_networks(tmp_path)
    config = PeopleConfig(person=person, pose=pose, detect_every=detect_every)
    source = open_source(str(drawn.write_pictures(tmp_path / "walk", 5, people=2)))
    dials = [Dials()]
    nobody = replace(dials[0], min_score=1.5, style=DrawStyle(privacy="black"))
    sink = Seen(dials, nobody)
    stages = "detect estimate track smooth draw write"
    groups = stages if detect_every == 1 else "follow smooth draw write"

    assemble(source, config, [sink], groups=groups, strip_length=1, dials=lambda: dials[0]).run()

    people = [len(scene.tracks) for scene in sink.scenes]
    black = [scene.drawing is not None and not scene.drawing.any() for scene in sink.scenes]
    assert people[:2] == [2, 2]
    assert people[4] == 0 and black[4] and not black[1]
