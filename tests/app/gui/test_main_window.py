"""The window: pages, themes, errors, its end, and five hundred lives without a leak."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt5.QtCore import QCoreApplication, QEvent, QObject, QTimer
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QVBoxLayout,
)
from pytestqt.qtbot import QtBot

from app.gui.main_window import CLOSE_WITHIN_S, MainWindow
from app.gui.notices import DetailsDialog, Notice, notice_of
from app.gui.page import PAGES, Desk, Page, PageEntry
from app.gui.picture_view import PictureView
from app.gui.settings import Settings
from app.gui.shortcuts import HelpSheet, Shortcut
from app.gui.theme import DARK, LIGHT, current_colours
from app.sources.listing import Listed
from pose.errors import InputError
from tests.app.gui.xvfb import Xvfb

ROOT = Path(__file__).resolve().parents[3]


class PlainPage(Page):
    """A page with a picture, a timer and a key, as real ones have."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.events: list[str] = []
        self.view = PictureView(parent=self)
        self.timer = QTimer(self)
        self.timer.start(50)
        column = QVBoxLayout(self)
        column.addWidget(self.view)
        column.addWidget(QLabel("plain", self))
        desk.offload.run(
            "nothing", lambda: 1, lambda answer: self.events.append("done"), owner=self
        )

    def shortcuts(self) -> list[Shortcut]:
        return [Shortcut("X", "Do nothing", lambda: None)]

    def open(self, what: object) -> None:
        self.events.append(f"open {what}")

    def shown(self) -> None:
        self.events.append("shown")

    def left(self) -> None:
        self.events.append("left")

    def full_screen_ended(self) -> None:
        self.events.append("full screen ended")

    def themed(self) -> None:
        self.events.append("themed")

    def close_down(self) -> None:
        self.timer.stop()


class StubbornPage(Page):
    """Has work that never ends by itself."""

    release = threading.Event()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        desk.offload.run("stubborn", self.release.wait, lambda answer: None, owner=self)


PLAIN = (
    PageEntry("one", "One", "live", f"{__name__}:PlainPage"),
    PageEntry("two", "Two", "machine", f"{__name__}:PlainPage"),
)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a `PageEntry` find the pages of this file."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[PlainPage.__module__])


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    window = MainWindow(Settings(None), PLAIN)
    qtbot.addWidget(window)
    window.show()
    return window


def test_pages_are_made_when_they_are_wanted(window: MainWindow) -> None:
    one = window.page
    assert isinstance(one, PlainPage) and one.events[:1] == ["shown"]

    window.open_page("two", "result.jsonl")
    two = window.page
    assert isinstance(two, PlainPage)
    assert two.events[:2] == ["shown", "open result.jsonl"] and "left" in one.events

    window.open_page("one")
    assert window.page is one


def test_at_first_the_keys_are_the_page_s(window: MainWindow) -> None:
    assert not isinstance(window.focusWidget(), QAbstractButton)


def test_a_full_screen_that_somebody_else_ends_is_told_and_none_is_restored(
    window: MainWindow, qtbot: QtBot
) -> None:
    page = window.page
    assert isinstance(page, PlainPage)

    window.full_screen(True)
    qtbot.waitUntil(window.isFullScreen)
    window.close()
    again = MainWindow(window._settings, PLAIN)
    qtbot.addWidget(again)
    assert not again.isFullScreen()
    window.showNormal()

    qtbot.waitUntil(lambda: "full screen ended" in page.events)
    assert not window._sidebar.isHidden()


def test_every_theme_is_worn_by_everybody(window: MainWindow) -> None:
    for name, colours in (("dark", DARK), ("light", LIGHT)):
        window.set_theme(name)
        assert current_colours() == colours
        assert QApplication.palette().window().color().name() == colours.window
    page = window.page
    assert isinstance(page, PlainPage) and page.events.count("themed") >= 2
    window.next_theme()


def test_an_error_is_one_line_and_a_bug_has_its_traceback(window: MainWindow, qtbot: QtBot) -> None:
    window.tell(InputError("clip.mp4: expected a video, got text"))
    assert window.notices.notice == notice_of(InputError("clip.mp4: expected a video, got text"))
    try:
        dict[str, int]()["nothing"]
    except KeyError as error:
        window.tell(error)
    notice = window.notices.notice
    assert notice is not None and "KeyError" in notice.text and "\n" not in notice.text
    assert "Traceback" in notice.details

    window.notices.show_details()
    dialog = window.findChild(DetailsDialog)
    assert dialog is not None and "Traceback" in dialog.text.toPlainText()
    dialog.close()
    window.notices.clear()
    assert window.notices.isHidden()


def test_a_password_is_never_shown(window: MainWindow) -> None:
    window.tell(ValueError("cannot open rtsp://admin:hunter2@10.0.0.7/door"))

    notice = window.notices.notice
    assert notice is not None and "hunter2" not in notice.text + notice.details


def test_a_notice_is_retracted_by_its_topic(window: MainWindow) -> None:
    window.tell(Notice("gone soon", topic="a"))

    window.notices.retract("b")
    assert window.notices.notice is not None
    window.notices.retract("a")
    assert window.notices.notice is None


def test_the_help_sheet_lists_every_key(window: MainWindow) -> None:
    window.open_page("two")
    window.show_help()

    sheet = window.findChild(HelpSheet)
    assert sheet is not None
    words = " ".join(label.text() for label in sheet.findChildren(QLabel))
    assert all(word in words for word in ("Everywhere", "F1", "Do nothing", "Ctrl+2"))
    sheet.close()


def test_closing_does_not_wait_for_what_never_ends(qtbot: QtBot) -> None:
    StubbornPage.release.clear()
    entry = PageEntry("one", "One", "live", f"{__name__}:StubbornPage")
    window = MainWindow(Settings(None), [entry])
    qtbot.addWidget(window)
    window.show()

    began_s = time.monotonic()
    window.close()
    took_s = time.monotonic() - began_s
    StubbornPage.release.set()

    assert CLOSE_WITHIN_S - 0.1 < took_s < CLOSE_WITHIN_S + 2
    assert not window.ended_in_time


# ---- the pages that ship --------------------------------


@pytest.fixture
def whole(
    open_window: Callable[[], MainWindow], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> MainWindow:
    """The real window with every page made; nothing starts by itself."""
    from app.gui.live_page import LivePage

    monkeypatch.setattr(LivePage, "_looked", lambda self: None)
    window = open_window()
    for entry in PAGES:
        window.open_page(entry.name)
    window.open_page("live")
    window.show()
    return window


def test_every_control_has_a_name_for_screen_readers(whole: MainWindow) -> None:
    kinds = (
        QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit, QPlainTextEdit,
    )  # fmt: skip
    nameless = []
    for kind in kinds:
        for widget in whole.findChildren(kind):
            inner = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
            named = widget.accessibleName() or getattr(widget, "text", str)()
            if not inner and not named:
                nameless.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")

    assert nameless == []
    assert len(whole.findChildren(QAbstractButton)) > 15


def test_no_key_is_taken_twice(whole: MainWindow) -> None:
    everywhere = {each.keys for each in whole._keys}
    for name, page in whole._pages.items():
        keys = [each.keys for each in page.shortcuts()]
        assert len(set(keys)) == len(keys), name
        assert not everywhere & set(keys), name


# ---- leaks --------------------------------


def alive(kind: type[QObject]) -> int:
    # Not isinstance: it asks the object, and some of torch's answer with a warning.
    return sum(issubclass(type(each), kind) for each in gc.get_objects())


def settle() -> None:
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()


def live_once(pages: tuple[PageEntry, ...]) -> None:
    window = MainWindow(Settings(None), pages)
    window.show()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)


def assert_no_leak(cycles: int, pages: tuple[PageEntry, ...]) -> None:
    live_once(pages)  # what is made once stays
    settle()
    before = [alive(QTimer), len(QApplication.allWidgets()), threading.active_count()]
    for _ in range(cycles):
        live_once(pages)
    settle()

    after = [alive(QTimer), len(QApplication.allWidgets()), threading.active_count()]
    assert after == before


@pytest.mark.slow
def test_five_hundred_windows_leave_no_thread_timer_or_widget(qapp: QApplication) -> None:
    """The window's own frame with a page that has a picture, a timer and a thread."""
    assert_no_leak(500, PLAIN[:1])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hundred_whole_windows_leave_no_thread_timer_or_widget(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page that ships, with plots and panels; 500 passed too, in two and a half minutes."""
    from app.gui.live_page import LivePage

    monkeypatch.setattr(LivePage, "_looked", lambda self: None)
    monkeypatch.setattr("app.gui.source_picker.found_sources", lambda: [Listed("0", "none")])
    assert_no_leak(100, PAGES)


# ---- on a real X server --------------------------------


ON_X = "not x_server_too and not hundred"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_window_works_on_an_x_server_too(xvfb: Xvfb) -> None:
    """Every test of this folder again, on xcb; but for the long one, which asks Qt and not X."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", ON_X, "tests/app/gui"],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": xvfb.display},
        capture_output=True,
        text=True,
        timeout=380,
    )

    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
