"""The review page: open, scrub, play, choose people, plot, export."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from app.gui.review_page import ReviewPage
from app.gui.reviewed import Reviewed, open_reviewed, over_film
from app.gui.settings import Settings
from app.gui.track_strip import GUTTER
from app.review.film import Film
from app.sinks.sink import open_sink
from pose.errors import InputError
from pose.skeleton import COCO_17
from pose.types import Boxes, ByteArray, Frame, Poses, Scene, Tracks
from tests.app import drawn
from tests.app.gui.told import Told

FRAMES = 40
AWAY = range(10, 20)  # the second person is not there


def write_result(path: Path) -> Path:
    """Two drawn people walk; the second one is away for a while."""
    with open_sink(path, COCO_17) as write:
        for index in range(FRAMES):
            count = 1 if index in AWAY else 2
            points = drawn.keypoints(index, count)
            boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
            ones = np.ones(count, np.float32)
            poses = Poses(points, np.ones((count, 17), np.float32), Boxes(boxes, ones))
            frame = Frame(index, index / 30, drawn.picture(index, 2))
            write(Scene(frame, Tracks(np.arange(1, count + 1), poses)))
    return path


@pytest.fixture
def told(settings: Settings) -> Iterator[Told]:
    told = Told(settings)
    yield told
    assert told.offload.close(5)


@pytest.fixture
def page(told: Told, qtbot: QtBot) -> Iterator[ReviewPage]:
    page = ReviewPage(told.desk)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    yield page
    page.close_down()


@pytest.fixture
def opened(page: ReviewPage, qtbot: QtBot, tmp_path: Path) -> ReviewPage:
    """With a result over its film."""
    drawn.write_clip(tmp_path / "walk_clean.mp4", FRAMES, people=2)
    page.open(write_result(tmp_path / "walk.jsonl"))
    qtbot.waitUntil(lambda: page.view.scene is not None)
    return page


def shown_index(page: ReviewPage) -> int:
    return -1 if page.view.scene is None else page.view.scene.frame.index


def test_an_empty_page_says_what_to_do(page: ReviewPage) -> None:
    assert page.heading.text() == "Review"
    assert not page.play_button.isEnabled() and not page.export_button.isEnabled()
    for shortcut in page.shortcuts():
        if "Ctrl" not in shortcut.keys:  # those open dialogs
            shortcut.call()
    page.grab()


def test_a_result_is_shown_over_its_film(opened: ReviewPage) -> None:
    assert opened.heading.text() == "walk.jsonl"
    assert opened.summary.text() == "2 people  ·  40 frames  ·  0:01"
    assert opened.ids == [1, 2]
    scene = opened.view.scene
    assert scene is not None and scene.drawing is not None
    assert scene.tracks.ids.tolist() == [1, 2]
    near = np.abs(scene.frame.image.astype(int) - drawn.picture(0, 2)).mean()
    assert near < 6  # the film's own picture, but for its compression
    assert (scene.drawing != scene.frame.image).any()


def shows(page: ReviewPage, index: int) -> bool:
    return shown_index(page) == index


def test_scrubbing_shows_the_frame_of_the_time_everywhere(opened: ReviewPage, qtbot: QtBot) -> None:
    for at in (39, 3, 25):
        opened.slider.setValue(at)
        qtbot.waitUntil(partial(shows, opened, at))
        assert opened.at == at
        assert f"frame {at}" in opened.time_label.text()
    image = opened.view.scene.frame.image if opened.view.scene else None
    assert image is not None
    assert np.abs(image.astype(int) - drawn.picture(25, 2)).mean() < 6


def test_keys_step_and_jump_and_stay_within_the_film(opened: ReviewPage, qtbot: QtBot) -> None:
    keys = {shortcut.keys: shortcut.call for shortcut in opened.shortcuts()}
    for key, at in [
        ("Left", 0), ("Right", 1), ("Shift+Right", 31), ("Shift+Right", 39), ("Shift+Left", 9),
        ("End", 39), ("Right", 39), ("Home", 0),
    ]:  # fmt: skip
        keys[key]()
        assert opened.at == at, key


def test_people_are_chosen_on_the_strip(opened: ReviewPage, qtbot: QtBot) -> None:
    second_row = opened.strip.rect().topLeft() + QPointF(10, 31).toPoint()

    qtbot.mouseClick(opened.strip, Qt.LeftButton, pos=second_row)

    assert opened.ids == [1]
    assert len(opened.plot.curves) == 1
    qtbot.waitUntil(lambda: opened.view.scene is not None and len(opened.view.scene.tracks) == 1)
    opened.choose_all()
    assert opened.ids == [1, 2]
    opened.choose_all()
    assert opened.ids == []
    opened.grab()


def test_a_click_on_the_strip_or_the_plot_is_a_time(opened: ReviewPage, qtbot: QtBot) -> None:
    strip = opened.strip
    middle = QPointF(GUTTER + (strip.width() - GUTTER) / 2, 8).toPoint()
    qtbot.mouseClick(strip, Qt.LeftButton, pos=middle)
    assert 17 <= opened.at <= 22

    plot = opened.plot._plot
    left = plot.plotItem.vb.mapViewToScene(plot.plotItem.vb.viewRect().topLeft())
    qtbot.mousePress(plot.viewport(), Qt.LeftButton, pos=plot.mapFromScene(left))
    assert opened.at <= 1


def test_a_curve_has_a_gap_where_somebody_was_away(opened: ReviewPage) -> None:
    opened.choice.box.setCurrentIndex(opened.choice.box.findData("body_px_s"))
    opened.choice.box.activated.emit(0)

    (_, first), (times_s, second) = opened.plot.curves
    assert not np.isnan(first).any()
    np.testing.assert_allclose(first, 120, rtol=1e-3)  # 4 pixels a frame
    assert np.flatnonzero(np.isnan(second)).tolist() == [10]
    assert times_s[10] == pytest.approx(20 / 30, abs=1e-6)
    assert "1: 120 px/s" in opened.now_label.text()


def test_playing_goes_on_and_holds_at_the_end(opened: ReviewPage, qtbot: QtBot) -> None:
    opened.seek(30)
    opened.toggle_play()
    assert opened.play_button.accessibleName() == "Hold"

    qtbot.waitUntil(lambda: opened.at == FRAMES - 1, timeout=20_000)
    qtbot.waitUntil(lambda: opened.play_button.accessibleName() == "Play")
    opened.toggle_play()  # from the start again
    assert opened.at < FRAMES - 1
    opened.left()
    assert opened.play_button.accessibleName() == "Play"


@pytest.mark.parametrize("name", ["m.csv", "m.json"])
def test_export_writes_the_chosen_people(
    opened: ReviewPage, told: Told, qtbot: QtBot, tmp_path: Path, name: str
) -> None:
    opened.toggle_person(1)

    opened.export(tmp_path / name)

    qtbot.waitUntil(lambda: "Saved" in told.last)
    text = (tmp_path / name).read_text()
    if name.endswith("json"):
        assert [each["id"] for each in json.loads(text)["people"]] == [2]
    else:
        assert {line.split(",")[2] for line in text.splitlines()[1:]} == {"2"}


def test_an_export_that_cannot_be_written_is_one_line(
    opened: ReviewPage, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    opened.export(tmp_path / "m.xls")

    qtbot.waitUntil(lambda: "ending in .csv or .json" in told.last)


def test_a_result_without_a_film_stands_on_black_and_takes_one_by_drop(
    page: ReviewPage, qtbot: QtBot, tmp_path: Path
) -> None:
    clip = drawn.write_clip(tmp_path / "films" / "walk.mp4", FRAMES, people=2)
    page.open(write_result(tmp_path / "walk.csv"))
    qtbot.waitUntil(lambda: page.view.scene is not None)
    assert "its film was not found" in page.summary.text()
    assert page.view.scene is not None and page.view.scene.frame.image.max() < 40

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(clip))])
    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.CopyAction, mime, Qt.LeftButton, Qt.NoModifier))

    qtbot.waitUntil(lambda: page.view.scene is not None and page.view.scene.frame.image.max() > 100)
    assert "not found" not in page.summary.text()


@pytest.mark.parametrize("content", ["", "text"])
def test_what_is_no_result_is_one_line_and_the_old_one_stays(
    opened: ReviewPage, told: Told, qtbot: QtBot, tmp_path: Path, content: str
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(content)

    opened.open(bad)

    qtbot.waitUntil(lambda: str(bad) in told.last)
    assert opened.heading.text() == "walk.jsonl"


def test_an_annotated_film_is_not_drawn_on_twice(
    page: ReviewPage, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn.write_clip(tmp_path / "walk.mp4", FRAMES, people=2)

    page.open(write_result(tmp_path / "walk.jsonl"))

    qtbot.waitUntil(lambda: page.view.scene is not None)
    scene = page.view.scene
    assert scene is not None and scene.drawing is not None
    np.testing.assert_array_equal(scene.drawing, scene.frame.image)
    assert "annotated" in page.summary.text()


def write_recording(folder: Path, name: str, begins: int) -> Path:
    """A video with nobody in its first five frames, and its records; times as of a camera."""
    with VideoWriters(folder, name) as write:
        for index in range(20):
            points = drawn.keypoints(index, 1)[: int(index >= 5)]
            boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
            poses = Poses(
                points,
                np.ones(points.shape[:2], np.float32),
                Boxes(boxes, np.ones(len(points), "f4")),
            )
            frame = Frame(begins + index, (begins + index) / 30, drawn.picture(index, 1))
            write(Scene(frame, Tracks(np.arange(1, len(points) + 1), poses)))
    return folder / name


class VideoWriters(ExitStack):
    """All files of a recording."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        paths = [folder / f"{name}{end}" for end in ("_clean.mp4", ".jsonl", ".csv", ".json")]
        self.sinks = [self.enter_context(open_sink(path, COCO_17)) for path in paths]

    def __call__(self, scene: Scene) -> None:
        for sink in self.sinks:
            sink(scene)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".json"])
def test_skeletons_of_a_recording_stand_on_their_own_frames(
    page: ReviewPage, qtbot: QtBot, tmp_path: Path, suffix: str
) -> None:
    base = write_recording(tmp_path, "take", begins=1500)

    page.open(base.with_suffix(suffix))
    qtbot.waitUntil(lambda: page.view.scene is not None)
    page.seek(15)
    qtbot.waitUntil(partial(shows, page, 1515))

    assert page.view.scene is not None
    image = page.view.scene.frame.image.astype(int)
    assert np.abs(image - drawn.picture(15, 1)).mean() < 6


def test_the_film_of_a_recording_may_be_chosen_by_hand(
    page: ReviewPage, qtbot: QtBot, tmp_path: Path
) -> None:
    base = write_recording(tmp_path, "take", begins=1500)
    (tmp_path / "films").mkdir()
    film = (tmp_path / "take_clean.mp4").rename(tmp_path / "films" / "a.mp4")
    page.open(base.with_suffix(".jsonl"))
    qtbot.waitUntil(lambda: page.view.scene is not None)

    page.open_film(str(film))
    qtbot.waitUntil(lambda: page.reviewed is not None and page.reviewed.film is not None)
    page.seek(15)

    def is_there() -> bool:
        scene = page.view.scene
        return scene is not None and bool(
            np.abs(scene.frame.image.astype(int) - drawn.picture(15, 1)).mean() < 6
        )

    qtbot.waitUntil(is_there)


def test_coco_results_take_their_rate_from_the_film(
    page: ReviewPage, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn.write_clip(tmp_path / "walk_clean.mp4", FRAMES, people=2)  # 30 frames a second

    page.open(write_result(tmp_path / "walk.json"))
    qtbot.waitUntil(lambda: page.view.scene is not None)
    page.seek(30)
    qtbot.waitUntil(partial(shows, page, 30))

    assert page.reviewed is not None and page.reviewed.tracked.times_s[30] == pytest.approx(1.0)
    assert page.view.scene is not None
    image = page.view.scene.frame.image.astype(int)
    assert np.abs(image - drawn.picture(30, 2)).mean() < 6


def test_of_results_opened_in_a_hurry_the_last_one_stays(
    opened: ReviewPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = tmp_path / "slow.jsonl", write_result(tmp_path / "quick.jsonl")
    write_result(slow)
    release = threading.Event()

    def waiting(path: Path) -> Reviewed:
        if path == slow:
            assert release.wait(20)
        return open_reviewed(path)

    monkeypatch.setattr("app.gui.review_page.open_reviewed", waiting)
    opened.open(slow)
    opened.open(quick)
    release.set()

    qtbot.waitUntil(lambda: opened.heading.text() == "quick.jsonl")
    qtbot.wait(200)
    assert opened.heading.text() == "quick.jsonl"


def test_a_film_that_comes_after_another_result_is_let_go(
    opened: ReviewPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = drawn.write_clip(tmp_path / "films" / "a.mp4", 2)
    other = write_result(tmp_path / "other.jsonl")
    release, late = threading.Event(), []

    def waiting(reviewed: Reviewed, text: str) -> Reviewed:
        assert release.wait(20)
        late.append(over_film(reviewed, text))
        return late[0]

    monkeypatch.setattr("app.gui.review_page.over_film", waiting)
    opened.open_film(str(clip))
    opened.open(other)
    release.set()
    qtbot.waitUntil(lambda: opened.heading.text() == "other.jsonl" and bool(late))

    qtbot.wait(200)
    assert opened.heading.text() == "other.jsonl"
    assert opened.reviewed is not None and opened.reviewed.path == other


def test_on_photographs_everybody_is_chosen(page: ReviewPage, qtbot: QtBot, tmp_path: Path) -> None:
    folder = drawn.write_pictures(tmp_path / "shots", 9)
    path = tmp_path / "shots.jsonl"
    with open_sink(path, COCO_17) as write:
        for index, file in enumerate(sorted(folder.iterdir())):
            points = drawn.keypoints(index, 1)
            boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
            poses = Poses(points, np.ones((1, 17), "f4"), Boxes(boxes, np.ones(1, "f4")))
            frame = Frame(index, float(index), drawn.picture(index), file.name, alone=True)
            write(Scene(frame, Tracks(np.array([index + 1]), poses)))

    page.open(path)
    qtbot.waitUntil(lambda: page.view.scene is not None)

    assert page.ids == list(range(1, 10))


def test_a_picture_that_cannot_be_shown_is_told_once(
    opened: ReviewPage, told: Told, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Film, index: int, time_s: float, file: str = "") -> ByteArray:
        raise InputError("no picture")

    picture = Film.picture
    monkeypatch.setattr(Film, "picture", broken)
    opened.seek(7)
    qtbot.waitUntil(lambda: told.last == "no picture")
    opened.resize(880, 600)
    qtbot.wait(200)

    assert [notice.text for notice in told.notices] == ["no picture"]
    assert opened.view.scene is None, "the old picture is no picture of this frame"
    monkeypatch.setattr(Film, "picture", picture)
    opened.seek(8)
    qtbot.waitUntil(partial(shows, opened, 8))


def test_people_are_chosen_by_keyboard(opened: ReviewPage, qtbot: QtBot) -> None:
    for key in (Qt.Key_Down, Qt.Key_Down, Qt.Key_Return):  # beyond the last is the last
        qtbot.keyClick(opened.strip, key)
    assert opened.ids == [1]

    for key in (Qt.Key_Up, Qt.Key_Return):
        qtbot.keyClick(opened.strip, key)
    assert opened.ids == []
    opened.strip.setFocus()
    opened.grab()  # with the mark of the keyboard


def test_of_nobody_nothing_is_exported(opened: ReviewPage, told: Told, tmp_path: Path) -> None:
    opened.choose_all()

    opened.export(tmp_path / "m.csv")

    assert "Choose somebody" in told.last and not (tmp_path / "m.csv").exists()


def test_a_film_without_a_result_is_told(page: ReviewPage, told: Told, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "walk.mp4"))])

    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.CopyAction, mime, Qt.LeftButton, Qt.NoModifier))

    assert "Open a result first" in told.last
