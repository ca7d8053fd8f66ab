"""The window under test: offscreen unless the environment says otherwise, without real networks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("PyQt5.QtWidgets", reason="needs pip install -e '.[gui]'", exc_type=ImportError)
pytest.importorskip("pytestqt", reason="needs pip install -e '.[test]'")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt5.QtCore import QCoreApplication, QEvent
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.application import make_application
from app.gui.garbage import collected_between_events
from app.gui.live_page import LivePage
from app.gui.main_window import MainWindow
from app.gui.page import Desk
from app.gui.presets import Controls
from app.gui.settings import Settings
from app.people import PeopleConfig
from app.pipeline.stuck import left_behind
from app.sources.listing import Listed
from app.sources.source import Source, SourceOptions
from tests.app import drawn
from tests.app.gui.scripted import Scripted
from tests.app.gui.xvfb import PRESENT, Xvfb


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Qt."""
    for item in items:
        if "tests/app/gui" in item.path.as_posix():
            item.add_marker(pytest.mark.qt)


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the program makes it, guard included."""
    return make_application()


@pytest.fixture(autouse=True)
def no_thread_is_left(qapp: QApplication) -> Iterator[None]:
    """Every test ends what it began; garbage is collected as in the program, and after each."""
    with collected_between_events():
        yield
    for thread in left_behind():
        thread.join(5)
    QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
    assert [thread.name for thread in threading.enumerate() if thread in left_behind()] == []


@pytest.fixture
def networks(tmp_path: Path) -> PeopleConfig:
    """Fake networks that find drawn people, quickly."""
    _, person, _, pose = drawn.write_networks(tmp_path)
    return PeopleConfig(person=person, pose=pose, lanes=1)


@pytest.fixture
def settings(qapp: QApplication, networks: PeopleConfig) -> Settings:
    """Nothing is remembered, but for the fake networks."""
    settings = Settings(None)
    settings.put(Controls(people=networks))
    return settings


@pytest.fixture
def open_window(qtbot: QtBot, settings: Settings) -> Iterator[Callable[[], MainWindow]]:
    """Opens windows and closes them at the end."""
    opened: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(settings)
        opened.append(window)
        return window

    yield make
    for window in opened:
        window.close()
        window.deleteLater()


@pytest.fixture
def desk(open_window: Callable[[], MainWindow], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A window's desk, the live page of which begins nothing by itself."""
    monkeypatch.setattr(LivePage, "_looked", lambda self: None)
    monkeypatch.setattr("app.gui.source_picker.found_sources", list)
    return open_window().desk


@pytest.fixture
def script() -> Scripted:
    """A live source that does what the test says."""
    return Scripted()


@pytest.fixture
def live(desk: Desk, script: Scripted, networks: PeopleConfig, qtbot: QtBot) -> Iterator[LivePage]:
    """A live page on its own whose every source is the script."""

    def opened(text: str, options: SourceOptions) -> Source:
        return script.opened(text)

    page = LivePage(desk, lambda: [Listed("0", "Scripted camera")], opened)
    page.resize(800, 600)
    with qtbot.waitSignal(page.picker.looked):
        pass
    page.picker.choose("0", tell=False)
    page.show()
    yield page
    script.end()
    page.close_down()
    assert page.closed(5)
    page.close()
    page.deleteLater()


@pytest.fixture(scope="session")
def xvfb() -> Iterator[Xvfb]:
    """An X server; skips where Xvfb is not installed."""
    if not PRESENT:
        pytest.skip("needs Xvfb: apt install xvfb")
    with Xvfb() as server:
        yield server
