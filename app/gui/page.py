"""What every page of the window offers, and what the window offers every page.

A page is one widget behind one button of the sidebar. It starts no thread and waits for nothing:
`desk.offload` runs what takes time, `desk.tell` shows what went wrong.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PyQt5.QtWidgets import QWidget

from app.gui.notices import Notice
from app.gui.offload import Offload
from app.gui.settings import Settings
from app.gui.shortcuts import Shortcut


@dataclass(frozen=True)
class Desk:
    """What a page may use of the window.

    Attributes:
        settings: What is remembered.
        offload: Work off the GUI thread.
        tell: Shows a notice, or an error as one, in one line above the page.
        retract: Takes the notice of a topic away.
        open_page: Goes to a page by its name, and hands it something to open (`Page.open`).
        full_screen: Shows nothing but the page's own picture, or the whole window again.
    """

    settings: Settings
    offload: Offload
    tell: Callable[[Notice | BaseException], None]
    retract: Callable[[str], None]
    open_page: Callable[[str, object], None]
    full_screen: Callable[[bool], None]


class Page(QWidget):
    """One page; made once, when it is first shown."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys that work while the page is shown; the window adds them to the help sheet."""
        return ()

    def open(self, what: object) -> None:
        """Another page sends something here, such as the path of a result."""

    def shown(self) -> None:
        """The page has come to the front."""

    def left(self) -> None:
        """Another page has come to the front."""

    def full_screen_ended(self) -> None:
        """The window is no longer over the whole screen, whoever ended that."""

    def themed(self) -> None:
        """The theme has changed; for what paints by itself."""

    def close_down(self) -> None:
        """The window closes: ask everything to stop, and do not wait."""

    def closed(self, seconds: float) -> bool:
        """Wait for what `close_down` asked to stop; False if it has not stopped in time."""
        return True


@dataclass(frozen=True)
class PageEntry:
    """One row of `PAGES`.

    Attributes:
        name: For `Desk.open_page`.
        title: Under the icon; English, translated when shown.
        icon: In `app.gui.icons.SHAPES`.
        location: `module:class` of a `Page`, imported when it is first shown.
    """

    name: str
    title: str
    icon: str
    location: str

    def make(self, desk: Desk) -> Page:
        """The page itself."""
        module, _, name = self.location.partition(":")
        page = getattr(importlib.import_module(module), name)(desk)
        assert isinstance(page, Page)
        return page

    def translated(self) -> str:
        """The title in the user's language."""
        return QCoreApplication.translate("PageEntry", self.title)


PAGES: tuple[PageEntry, ...] = (
    PageEntry("live", QT_TRANSLATE_NOOP("PageEntry", "Live"), "live", "app.gui.live_page:LivePage"),
    PageEntry(
        "batch", QT_TRANSLATE_NOOP("PageEntry", "Batch"), "batch", "app.gui.batch_page:BatchPage"
    ),
    PageEntry(
        "review",
        QT_TRANSLATE_NOOP("PageEntry", "Review"),
        "review",
        "app.gui.review_page:ReviewPage",
    ),
    PageEntry(
        "machine",
        QT_TRANSLATE_NOOP("PageEntry", "Machine"),
        "machine",
        "app.gui.machine_page:MachinePage",
    ),
)
