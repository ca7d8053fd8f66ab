"""A desk without a window, whose notices and page changes a test can read."""

from __future__ import annotations

from PyQt5.QtCore import QObject

from app.gui.notices import Notice, notice_of
from app.gui.offload import Offload
from app.gui.page import Desk
from app.gui.settings import Settings


class Told:
    """Keeps what a page tells and opens.

    Args:
        settings: For the desk.
    """

    def __init__(self, settings: Settings) -> None:
        self.notices: list[Notice] = []
        self.opened: list[tuple[str, object]] = []
        self._owner = QObject()
        self.offload = Offload(self._tell, self._owner)
        self.desk = Desk(
            settings=settings,
            offload=self.offload,
            tell=self._tell,
            retract=lambda topic: None,
            open_page=lambda page, what: self.opened.append((page, what)),
            full_screen=lambda wanted: None,
        )

    @property
    def last(self) -> str:
        """The latest notice's text; empty if there was none."""
        return self.notices[-1].text if self.notices else ""

    def _tell(self, what: Notice | BaseException) -> None:
        self.notices.append(what if isinstance(what, Notice) else notice_of(what))
