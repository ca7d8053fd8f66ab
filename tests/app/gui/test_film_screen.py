"""The review page's screen: every film is closed once nobody looks at it any more, none before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from pytestqt.qtbot import QtBot

from app.gui.film_screen import FilmScreen
from app.gui.offload import Offload
from app.gui.picture_view import PictureView
from app.gui.reviewed import Reviewed, open_reviewed
from app.review.film import Film
from app.sinks.sink import open_sink
from pose.skeleton import COCO_17
from pose.types import Frame, Scene, Tracks
from tests.app import drawn


class FakeFilm:
    """Counts how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class FakeOffload:
    """Keeps what it is to run; the test says how it ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[Callable[[Any], object], Callable[[Any], object]]] = []

    def run(
        self,
        name: str,
        work: Callable[[], Any],
        done: Callable[[Any], object],
        failed: Callable[[Any], object],
        owner: object,
    ) -> None:
        self.ends.append((done, failed))


@pytest.mark.parametrize("fails", [False, True], ids=["drawn", "not drawn"])
def test_a_film_is_closed_once_its_last_picture_is_there_and_others_at_once(
    fails: bool, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "seen.jsonl"
    with open_sink(path, COCO_17) as write:
        write(Scene(Frame(0, 0.0, drawn.picture(0, 1)), Tracks.empty(17)))
    result = open_reviewed(path)
    films = [FakeFilm() for _ in range(3)]
    results: list[Reviewed] = [replace(result, film=cast(Film, film)) for film in films]
    view, offload = PictureView(), FakeOffload()
    qtbot.addWidget(view)
    screen = FilmScreen(view, cast(Offload, offload))
    told: list[object] = []
    screen.failed.connect(told.append)

    screen.open(results[0])
    screen.show(0, ())
    screen.open(results[1])
    screen.open(results[2])

    assert [film.closed for film in films] == [0, 1, 0], "the first is still being read"
    done, failed = offload.ends[0]
    failed(RuntimeError("torn")) if fails else done(None)
    assert [film.closed for film in films] == [1, 1, 0]
    assert len(offload.ends) == 2 and not told, "the picture of what is open comes next"
