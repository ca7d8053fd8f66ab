"""Widgets in reference cycles die between events and in Qt's thread, or the process would."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PyQt5.QtCore import QEvent
from PyQt5.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.gui.garbage import collected_between_events
from app.gui.theme import apply_theme

MANY = 100_000  # far more objects than Python waits for


@pytest.fixture(autouse=True)
def automatic_around() -> Iterator[None]:
    """What this file is about begins and ends with Python's own way."""
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


class Cyclic(QWidget):
    """Dies by collection only, and says in which thread."""

    def __init__(self, died: list[threading.Thread]) -> None:
        super().__init__()
        self.itself = self
        weakref.finalize(self, lambda: died.append(threading.current_thread()))


class Busy(QWidget):
    """Makes much while Qt walks over all widgets."""

    changed = 0

    def changeEvent(self, event: QEvent) -> None:
        self.changed += 1
        make_much()
        super().changeEvent(event)


def make_much() -> list[list[object]]:
    return [[] for _ in range(MANY)]


def test_a_theme_changes_while_widgets_wait_as_garbage(qtbot: QtBot, qapp: QApplication) -> None:
    """Qt's walk ended in a widget that was no longer there, and so did the process."""
    died: list[threading.Thread] = []
    busy = Busy()
    qtbot.addWidget(busy)
    with collected_between_events(every_ms=1):
        for _ in range(20):
            Cyclic(died)
        apply_theme(qapp, "dark")
        assert busy.changed > 0 and died == []

        qtbot.waitUntil(lambda: len(died) == 20)


def test_a_busy_thread_collects_nothing_and_the_loop_does(qtbot: QtBot) -> None:
    died: list[threading.Thread] = []
    with collected_between_events(every_ms=1):
        Cyclic(died)
        thread = threading.Thread(target=make_much)
        thread.start()
        thread.join()
        assert died == []

        qtbot.waitUntil(lambda: died != [])
    assert died == [threading.main_thread()]


@pytest.mark.parametrize("automatic", [True, False])
def test_afterwards_it_is_as_before_also_after_an_error(qtbot: QtBot, automatic: bool) -> None:
    (gc.enable if automatic else gc.disable)()
    with pytest.raises(KeyError), collected_between_events():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled() == automatic
