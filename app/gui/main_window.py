"""The window: a sidebar, the pages beside it, a line for what went wrong. Knows no page inside."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from PyQt5.QtCore import QByteArray, QEvent, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QFontMetrics
from PyQt5.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.application import NAME
from app.gui.icons import icon
from app.gui.notices import Notice, NoticeBar, notice_of
from app.gui.offload import Offload
from app.gui.page import PAGES, Desk, Page, PageEntry
from app.gui.settings import Settings
from app.gui.shortcuts import HelpSheet, Shortcut, add_shortcuts
from app.gui.theme import THEMES, apply_theme

CLOSE_WITHIN_S = 3.0  # every thread has ended by then, or is left behind with a line in the log

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WindowSettings:
    """What the window itself remembers.

    Attributes:
        theme: One of `app.gui.theme.THEMES`.
        page: The page that was shown last.
        geometry: Qt's own, in hexadecimal.
    """

    theme: str = "system"
    page: str = "live"
    geometry: str = ""


class MainWindow(QMainWindow):
    """The whole window.

    Args:
        settings: What is remembered.
        pages: The rows of the sidebar; the first one is shown where nothing is remembered.
    """

    closed = pyqtSignal()

    def __init__(self, settings: Settings, pages: Sequence[PageEntry] = PAGES) -> None:
        super().__init__()
        self.setWindowTitle(NAME)
        self.setMinimumSize(900, 520)
        self._settings = settings
        self._entries = {entry.name: entry for entry in pages}
        self._pages: dict[str, Page] = {}
        self._shown = ""
        self.ended_in_time = True
        self.notices = NoticeBar(self)
        self.offload = Offload(self.tell, self)
        self.desk = Desk(
            settings=settings,
            offload=self.offload,
            tell=self.tell,
            retract=self.notices.retract,
            open_page=self.open_page,
            full_screen=self.full_screen,
        )
        self._stack = QStackedWidget(self)
        self._sidebar, self._buttons = self._make_sidebar()
        self._room = QVBoxLayout()
        self._room.setContentsMargins(12, 12, 12, 12)
        self._room.setSpacing(8)
        self._room.addWidget(self.notices)
        self._room.addWidget(self._stack, 1)
        inner = QWidget(self)
        row = QHBoxLayout(inner)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._sidebar)
        row.addLayout(self._room, 1)
        self.setCentralWidget(inner)
        self._keys = self._window_keys()
        add_shortcuts(self, self._keys, Qt.WindowShortcut)
        self._restore()
        if settings.trouble:
            self.tell(Notice(settings.trouble, kind="warning"))

    # ---- pages ----------------------------------------------------------------------------

    @property
    def page(self) -> Page:
        """The page in front."""
        return self._pages[self._shown]

    def page_named(self, name: str) -> Page:
        """A page, made if it is not there yet."""
        if name not in self._pages:
            page = self._entries[name].make(self.desk)
            add_shortcuts(page, page.shortcuts(), Qt.WidgetWithChildrenShortcut)
            self._pages[name] = page
            self._stack.addWidget(page)
        return self._pages[name]

    def open_page(self, name: str, what: object = None) -> None:
        """Bring a page to the front; `what`, if anything, goes to its `open`."""
        page = self.page_named(name)
        if name != self._shown:
            if self._shown:
                self.page.left()
            self._shown = name
            self._stack.setCurrentWidget(page)
            self._buttons[name].setChecked(True)
            page.shown()
            page.setFocus()
            self._remember(page=name)
        if what is not None:
            page.open(what)

    # ---- what pages may use ---------------------------------------------------------------

    def tell(self, what: Notice | BaseException) -> None:
        """Show one line above the page."""
        notice = notice_of(what) if isinstance(what, BaseException) else what
        if notice.kind != "news":
            _log.info("shown in the window: %s", notice.text)
        self.notices.show_notice(notice)

    def full_screen(self, wanted: bool) -> None:
        """Nothing but the page, over the whole screen; or the window again."""
        self._sidebar.setVisible(not wanted)
        margin = 0 if wanted else 12
        self._room.setContentsMargins(margin, margin, margin, margin)
        state = self.windowState()
        self.setWindowState(state | Qt.WindowFullScreen if wanted else state & ~Qt.WindowFullScreen)

    def show_help(self, _: bool = False) -> None:
        """The sheet of all keys."""
        groups: list[tuple[str, Sequence[Shortcut]]] = [(self.tr("Everywhere"), self._keys)]
        groups += [
            (self._entries[name].translated(), page.shortcuts())
            for name, page in self._pages.items()
        ]
        sheet = HelpSheet(groups, self)
        sheet.setAttribute(Qt.WA_DeleteOnClose)
        sheet.open()

    def set_theme(self, name: str) -> None:
        """Wear a theme from now on."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, name)
        self._remember(theme=name)
        for page in self._pages.values():
            page.themed()

    def next_theme(self, _: bool = False) -> None:
        """System, dark, light, and again."""
        now = self._settings.get(WindowSettings).theme
        following = THEMES[(THEMES.index(now) + 1) % len(THEMES)] if now in THEMES else THEMES[0]
        self.set_theme(following)
        self.tell(Notice(self.tr("Theme: {0}").format(following), kind="news", topic="theme"))

    # ---- the end --------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop everything within `CLOSE_WITHIN_S`, out of sight."""
        self._remember(geometry=bytes(self.saveGeometry().toHex()).decode("ascii"))
        self.hide()
        until_s = time.monotonic() + CLOSE_WITHIN_S
        for page in self._pages.values():
            page.close_down()
        ended = [page.closed(max(0.0, until_s - time.monotonic())) for page in self._pages.values()]
        ended.append(self.offload.close(max(0.0, until_s - time.monotonic())))
        self.ended_in_time = all(ended)
        if not self.ended_in_time:
            _log.warning("some work did not end within %.0f s and is given up", CLOSE_WITHIN_S)
        self._settings.flush()
        super().closeEvent(event)
        self.closed.emit()

    # ---- inside ---------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Keep the sidebar in step with a full screen that somebody else ends."""
        if event.type() == QEvent.WindowStateChange and not self.isFullScreen():
            self._sidebar.setVisible(True)
            self._room.setContentsMargins(12, 12, 12, 12)
            if self._shown:
                self.page.full_screen_ended()
        super().changeEvent(event)

    def _make_sidebar(self) -> tuple[QFrame, dict[str, QToolButton]]:
        sidebar = QFrame(self)
        sidebar.setObjectName("sidebar")
        column = QVBoxLayout(sidebar)
        column.setContentsMargins(6, 12, 6, 12)
        column.setSpacing(4)
        group = QButtonGroup(sidebar)
        buttons = {}
        for name, entry in self._entries.items():
            button = self._sidebar_button(sidebar, entry.icon, entry.translated())
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, name=name: self.open_page(name))
            group.addButton(button)
            column.addWidget(button)
            buttons[name] = button
        column.addStretch(1)
        for shape, text, tip, call in (
            ("theme", self.tr("Theme"), self.tr("Dark, light, or as the desktop"), self.next_theme),
            ("help", self.tr("Keys"), self.tr("Keyboard shortcuts (F1)"), self.show_help),
        ):
            button = self._sidebar_button(sidebar, shape, text)
            button.setToolTip(tip)
            button.clicked.connect(call)
            column.addWidget(button)
        every = sidebar.findChildren(QToolButton)
        words = QFontMetrics(every[0].font())
        widest = max(words.horizontalAdvance(button.text()) for button in every)
        for button in every:
            button.setFixedWidth(max(76, widest + 24))
        return sidebar, buttons

    def _sidebar_button(self, parent: QWidget, shape: str, text: str) -> QToolButton:
        button = QToolButton(parent)
        button.setIcon(icon(shape))
        button.setIconSize(QSize(24, 24))
        button.setText(text)
        button.setAccessibleName(text)
        button.setToolButtonStyle(Qt.ToolButtonTextUnderIcon)
        return button

    def _window_keys(self) -> list[Shortcut]:
        pages = [
            Shortcut(f"Ctrl+{number}", entry.translated(), partial(self.open_page, name))
            for number, (name, entry) in enumerate(self._entries.items(), 1)
        ]
        return [
            *pages,
            Shortcut("Ctrl+T", self.tr("Next theme"), self.next_theme),
            Shortcut("F1", self.tr("This sheet"), self.show_help),
            Shortcut("Ctrl+Q", self.tr("Close the window"), self.close),
        ]

    def _remember(self, **changes: str) -> None:
        self._settings.put(replace(self._settings.get(WindowSettings), **changes))

    def _restore(self) -> None:
        known = self._settings.get(WindowSettings)
        self.set_theme(known.theme if known.theme in THEMES else "system")
        self.resize(1280, 800)
        if known.geometry:
            self.restoreGeometry(QByteArray.fromHex(known.geometry.encode("ascii", "ignore")))
            self.setWindowState(
                self.windowState() & ~Qt.WindowFullScreen
            )  # no page is ready for it
        self.open_page(known.page if known.page in self._entries else next(iter(self._entries)))
