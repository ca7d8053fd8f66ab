"""The batch page: drop, watch, pause, cancel, come back after a restart, open what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from app.batch.batch import Batch
from app.batch.entry import Entry, Progress, State
from app.batch.entry import Settings as HowToWork
from app.dials import Dials
from app.gui.batch_model import ROW, Row
from app.gui.batch_page import BatchPage, BatchPageSettings
from app.gui.batch_row import BatchRowPainter, clock_text
from app.gui.presets import Controls
from app.gui.settings import Settings
from app.steps.draw import DrawStyle
from tests.app import drawn
from tests.app.gui.told import Told

MINUTE_MS = 60_000


@pytest.fixture
def told(settings: Settings) -> Iterator[Told]:
    told = Told(settings)
    yield told
    assert told.offload.close(5)


@pytest.fixture
def open_page(told: Told, qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[], BatchPage]]:
    """Opens pages over one folder, as one run of the window after the other does."""
    formats = BatchPageSettings(out=str(tmp_path / "out"), formats=("jsonl",))
    told.desk.settings.put(formats)
    opened: list[BatchPage] = []

    def make() -> BatchPage:
        page = BatchPage(told.desk)
        opened.append(page)
        qtbot.addWidget(page)
        with qtbot.waitSignal(page.queue.opened):
            page.show()
        return page

    yield make
    for page in opened:
        page.close_down()
        assert page.closed(5)


@pytest.fixture
def page(open_page: Callable[[], BatchPage]) -> BatchPage:
    return open_page()


def states(page: BatchPage) -> list[str]:
    return [entry.state.value for entry in page.queue.entries]


def add(page: BatchPage, qtbot: QtBot, *inputs: Path) -> None:
    count = len(page.queue.entries)
    page.add([str(each) for each in inputs])
    qtbot.waitUntil(lambda: len(page.model.rows) == count + len(inputs))


def choose(page: BatchPage, row: int) -> None:
    page.rows.setCurrentIndex(page.model.index(row))


def test_an_empty_page_says_what_may_be_dropped(page: BatchPage) -> None:
    assert page.summary.text() == "Nothing to do yet"
    assert not page.start_button.isEnabled()
    page.grab()  # painted without a row


def test_dropped_files_get_a_picture_and_their_length(
    page: BatchPage, qtbot: QtBot, tmp_path: Path
) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 60)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(clip)), QUrl("https://example.org/a.mp4")])
    buttons = (Qt.LeftButton, Qt.NoModifier)
    enter = QDragEnterEvent(page.rect().center(), Qt.CopyAction, mime, *buttons)

    page.dragEnterEvent(enter)
    page.grab()  # the hint over the rows
    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.CopyAction, mime, *buttons))

    assert enter.isAccepted()
    qtbot.waitUntil(lambda: bool(page.model.rows) and page.model.rows[0].image is not None)
    (row,) = page.model.rows
    assert (row.frames, row.entry.text) == (60, str(clip))
    assert page.start_button.isEnabled()


def test_inputs_are_worked_on_and_opened_and_bad_ones_cost_nothing(
    page: BatchPage, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("text")
    add(page, qtbot, bad, drawn.write_pictures(tmp_path / "walk", 3))

    with qtbot.waitSignal(page.queue.ended, timeout=MINUTE_MS):
        page.start_button.click()
        assert page.start_button.text() == "Pause"

    assert states(page) == ["failed", "done"]
    assert page.summary.text() == "2 of 2 finished  ·  1 failed"
    assert len((tmp_path / "out" / "walk.jsonl").read_text().splitlines()) == 3
    page.grab()
    choose(page, 1)
    page.review_button.click()
    assert told.opened == [("review", tmp_path / "out" / "walk.jsonl")]
    choose(page, 0)
    assert not page.review_button.isEnabled() and page.retry_button.isEnabled()
    page.retry()
    assert states(page) == ["waiting", "done"]
    page.remove_finished()
    assert states(page) == ["waiting"]


def test_pause_cancel_and_a_restart(
    open_page: Callable[[], BatchPage], qtbot: QtBot, tmp_path: Path
) -> None:
    first = open_page()
    add(first, qtbot, *(drawn.write_clip(tmp_path / f"{name}.mp4", 900) for name in "ab"))
    first.toggle()
    wait = {"timeout": MINUTE_MS}
    qtbot.waitUntil(lambda: first.queue.entries[0].progress.frames > 0, **wait)
    first.toggle()
    assert first.start_button.text() == "Go on" and "paused" in first.summary.text()
    first.grab()
    choose(first, 0)
    assert first.remove_button.text() == "Cancel"
    first.remove()
    qtbot.waitUntil(lambda: states(first) == ["cancelled", "waiting"], **wait)
    first.toggle()
    qtbot.waitUntil(lambda: first.queue.entries[1].progress.frames > 0, **wait)
    first.close_down()
    assert first.closed(5)

    again = open_page()

    assert states(again) == ["cancelled", "waiting"]
    assert "press Start" in again.summary.text()
    choose(again, 1)
    again.remove()
    assert states(again) == ["cancelled"]


def test_networks_limits_and_privacy_are_the_live_page_s(page: BatchPage, told: Told) -> None:
    controls = told.desk.settings.get(Controls)
    style = DrawStyle(privacy="black")
    told.desk.settings.put(replace(controls, dials=Dials(min_score=0.5, style=style)))

    settings = page.settings

    assert str(settings.people.person).endswith(".fake")
    assert (settings.people.min_score, settings.style) == (0.5, style)
    assert settings.formats == ("jsonl",)


def test_a_folder_with_a_broken_manifest_is_one_line(
    page: BatchPage, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".batch.manifest").write_text("not one")

    page.choose_out(str(tmp_path / "other"))

    qtbot.waitUntil(lambda: "manifest of a batch" in told.last)


def test_formats_can_be_chosen_and_one_must_stay(page: BatchPage, told: Told, qtbot: QtBot) -> None:
    actions = {action.text(): action for action in page.options_button.menu().actions()}

    actions["Keypoints as a table (.csv)"].trigger()
    assert page.settings.formats == ("jsonl", "csv")
    actions["Keypoints as a table (.csv)"].trigger()
    actions["Keypoints, a line per frame (.jsonl)"].trigger()
    page.add(["a.mp4"])

    qtbot.waitUntil(lambda: "expected --formats" in told.last)


@pytest.mark.parametrize(
    ("changes", "headline", "small"),
    [
        ({}, "Waiting", ""),
        ({"state": State.WORKING}, "Starting…", ""),
        (
            {"state": State.WORKING, "progress": Progress(50, 200, 12.5, 65.0)},
            "25%  ·  12.5 fps  ·  1:05 left",
            "",
        ),
        ({"state": State.WORKING, "progress": Progress(50)}, "50 frames", ""),
        (
            {"state": State.DONE, "figures": {"people": 1, "frames": 9, "fps": 3.0}},
            "Done: 1 person",
            "9 frames at 3.0 fps",
        ),
        ({"state": State.FAILED, "error": "/a.mp4: no video"}, "Failed", "no video"),
        ({"state": State.CANCELLED}, "Cancelled", ""),
    ],
)
def test_what_a_row_says(
    page: BatchPage, changes: dict[str, object], headline: str, small: str
) -> None:
    entry = replace(Entry(1, "/a.mp4", "/a.mp4", "a", HowToWork()), **changes)  # type: ignore[arg-type]
    painter = BatchRowPainter(page)

    assert (painter.headline(Row(entry)), painter.small_line(Row(entry))) == (headline, small)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (-3, "0:00"), (65.4, "1:05"), (3600, "1:00:00")]
)
def test_times_read_as_people_write_them(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_rows_that_stay_keep_their_selection(page: BatchPage, qtbot: QtBot, tmp_path: Path) -> None:
    add(page, qtbot, tmp_path / "a.mp4", tmp_path / "b.mp4")
    choose(page, 1)

    add(page, qtbot, tmp_path / "c.mp4")
    page.queue.each(Batch.cancel, [2])

    chosen = [index.data(ROW).entry.text for index in page.rows.selectedIndexes()]
    assert chosen == [str(tmp_path / "b.mp4")]


def test_while_it_works_the_folder_stays(page: BatchPage, qtbot: QtBot, tmp_path: Path) -> None:
    add(page, qtbot, drawn.write_clip(tmp_path / "walk.mp4", 30))
    before = page.out

    with qtbot.waitSignal(page.queue.ended, timeout=MINUTE_MS):
        page.toggle()
        assert not page.out_button.isEnabled()
        page.choose_out(str(tmp_path / "elsewhere"))

    assert page.out == before and states(page) == ["done"]
    assert page.out_button.isEnabled()


def test_a_folder_that_cannot_be_opened_is_not_taken(
    page: BatchPage, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    before = page.out
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / ".batch.manifest").write_text("{")

    page.choose_out(str(bad))
    qtbot.waitUntil(lambda: "bad" in told.last)

    assert page.out == before
    assert told.desk.settings.get(BatchPageSettings).out == str(before)
    good = tmp_path / "good"
    page.choose_out(str(good))
    qtbot.waitUntil(lambda: page.out == good)
    assert told.desk.settings.get(BatchPageSettings).out == str(good)


def test_what_is_dropped_before_the_folder_is_open_is_not_lost(
    told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    told.desk.settings.put(BatchPageSettings(out=str(tmp_path / "out"), formats=("jsonl",)))
    page = BatchPage(told.desk)
    qtbot.addWidget(page)

    page.add([str(drawn.write_clip(tmp_path / "walk.mp4", 2))])

    qtbot.waitUntil(lambda: states(page) == ["waiting"])
    page.close_down()


def test_without_a_folder_nothing_is_added_in_silence(
    told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / ".batch.manifest").write_text("{")
    told.desk.settings.put(BatchPageSettings(out=str(tmp_path)))
    page = BatchPage(told.desk)
    qtbot.addWidget(page)
    qtbot.waitUntil(lambda: "manifest" in told.last)

    page.add([str(tmp_path / "walk.mp4")])

    assert "choose another with Results in" in told.last


def test_what_stands_in_the_way_is_replaced_once_that_is_allowed(
    page: BatchPage, qtbot: QtBot, tmp_path: Path
) -> None:
    page.out.mkdir(parents=True)
    (page.out / "walk.jsonl").write_text("older")
    add(page, qtbot, drawn.write_clip(tmp_path / "walk.mp4", 2))
    with qtbot.waitSignal(page.queue.ended, timeout=MINUTE_MS):
        page.toggle()
    assert states(page) == ["failed"]

    page._remember(overwrite=True)
    choose(page, 0)
    page.retry()
    with qtbot.waitSignal(page.queue.ended, timeout=MINUTE_MS):
        page.toggle()

    assert states(page) == ["done"]


def test_smoothing_is_the_live_page_s_and_a_film_is_no_mirror(page: BatchPage, told: Told) -> None:
    dials = Dials(smooth=False, style=DrawStyle(mirror=True, show_boxes=True))
    told.desk.settings.put(Controls(dials=dials))

    settings = page.settings

    assert not settings.people.smooth
    assert settings.style == DrawStyle(show_boxes=True)
