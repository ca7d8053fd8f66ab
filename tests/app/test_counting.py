"""Who counts, who is to be doubted, and that the tracker asks for those whom it misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import Self

from app.assemble import assemble
from app.counting import Counting
from app.dials import Dials
from app.people import PeopleConfig
from app.sources.source import SourceOptions, open_source
from app.steps.draw import DrawStyle
from pose.types import Boxes, Frame, Poses, Scene
from tests.app import drawn
from tests.app.steps.figures import crowd, frame, person

FILM = SourceOptions(image_rate_hz=25.0)


def _boxes(scores: Sequence[float]) -> Boxes:
    xyxy = np.array([[10 * n, 0, 10 * n + 8, 20] for n in range(len(scores))], np.float32)
    return Boxes(xyxy.reshape(-1, 4), np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("scores", "dials", "counted", "doubted"),
    [
        ([], Dials(), [], []),
        ([0.9, 0.36, 0.34, 0.21, 0.19], Dials(min_score=0.35), [0.9, 0.36], [0.34, 0.21]),
        ([0.9, 0.5, 0.3], Dials(min_score=0.6), [0.9], [0.5]),
        ([0.9, 0.5, 0.3], Dials(min_score=0.35, max_people=1), [0.9], [0.3]),
    ],
)
def test_boxes_are_counted_or_doubted_or_left_out(
    scores: list[float], dials: Dials, counted: list[float], doubted: list[float]
) -> None:
    (sure,), (unsure,) = Counting(lambda: dials).boxes([_boxes(scores)])

    np.testing.assert_allclose(sure.scores, counted)
    np.testing.assert_allclose(unsure.scores, doubted)


@pytest.mark.parametrize(
    ("least", "posed", "left", "offered"),
    [
        (0.35, [0.9, 0.25], [], [0.25]),
        (0.25, [0.9, 0.25], [0.15, 0.12], [0.15, 0.12]),
        (0.28, [0.9, 0.25], [0.15], [0.25, 0.15]),
        (0.15, [0.9, 0.25, 0.15], [0.12], [0.12]),
    ],
)
def test_where_faces_are_hidden_all_who_may_be_there_get_a_pose_and_the_same_people_count(
    least: float, posed: list[float], left: list[float], offered: list[float]
) -> None:
    everybody = crowd(
        [person(100 * n, box_score=score) for n, score in enumerate((0.9, 0.25, 0.15, 0.12))]
    )
    asked: list[Boxes] = []

    def estimate(frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        asked.extend(boxes)
        return [everybody[np.isin(everybody.boxes.scores, boxes[0].scores)]]

    dials = Dials(min_score=least)
    hiding, plain = Counting(lambda: dials, lambda: True), Counting(lambda: dials)

    (sure,), (unsure,) = hiding.boxes([everybody.boxes])
    (counted,), (doubted,) = plain.boxes([everybody.boxes])

    np.testing.assert_allclose(sure.scores, posed)
    np.testing.assert_allclose(unsure.scores, left)
    known = everybody[: len(sure)]
    np.testing.assert_array_equal(hiding.people(known).boxes.scores, counted.scores)
    offer = hiding.doubtful(frame(0, 0.0), known, unsure, estimate)
    assert offer is not None
    np.testing.assert_allclose(offer.boxes.scores, offered)
    np.testing.assert_array_equal(offer.boxes.scores, doubted.scores)
    found = offer.near(offer.boxes.xyxy)
    np.testing.assert_array_equal(found.boxes.scores, offer.boxes.scores)
    assert [len(boxes) for boxes in asked] == ([len(left)] if left else [])


@pytest.mark.parametrize(("max_people", "room"), [(1, 0), (2, 1), (20, 19)])
def test_there_is_room_for_as_many_as_were_asked_for(max_people: int, room: int) -> None:
    dials = Dials(max_people=max_people)
    counting = Counting(lambda: dials)
    poses = crowd([person(100)])

    offer = counting.doubtful(frame(0, 0.0), poses, Boxes.empty(), _never)

    assert offer is not None and offer.room == room


class _Sink:
    """Keeps what comes, and turns the dial after three scenes."""

    def __init__(self, dials: Dials, then: float) -> None:
        self.scenes: list[Scene] = []
        self.dials, self._then = dials, then

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, scene: Scene) -> None:
        self.scenes.append(scene)
        if len(self.scenes) == 3:
            self.dials = replace(self.dials, min_score=self._then)


@pytest.mark.parametrize("privacy", ["none", "faces"])
@pytest.mark.parametrize("detect_every", [1, 2])
@pytest.mark.parametrize(
    ("doubts_from", "then", "left"),
    [
        (2, 0.35, 2),  # the boxes have 0.25 soon after the start: followed
        (1, 0.35, 0),  # from the start: nobody
        (2, 0.38, 0),  # the dial is turned up while they have 0.25: gone at once
        (0, 0.95, 0),
    ],
)
def test_who_is_there_is_followed_in_unsure_boxes_until_the_limit_rises(
    tmp_path: Path, doubts_from: int, then: float, left: int, detect_every: int, privacy: str
) -> None:
    _, person_file, _, pose_file = drawn.write_networks(
        tmp_path, colours=True, doubts_from_call=doubts_from
    )
    config = PeopleConfig(person=person_file, pose=pose_file, detect_every=detect_every)
    source = open_source(str(drawn.write_pictures(tmp_path / "walk", 7, people=2)), FILM)
    style = DrawStyle(privacy=privacy)  # type: ignore[arg-type]
    sink = _Sink(Dials(style=style), then)
    stages = "detect estimate track smooth draw write"
    groups = stages if detect_every == 1 else "follow smooth draw write"

    assemble(source, config, [sink], groups=groups, strip_length=1, dials=lambda: sink.dials).run()

    assert len(sink.scenes[2].tracks) == (2 if doubts_from != 1 else 0)
    assert [len(scene.tracks) for scene in sink.scenes[4:]] == [left] * 3
    if left:
        assert sink.scenes[-1].tracks.ids.tolist() == [1, 2]


def _never(frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
    raise AssertionError("nobody should look")
