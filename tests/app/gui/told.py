"""A desk whose notices and page changes a test can read."""

from __future__ import annotations

from dataclasses import replace

from app.gui.notices import Notice, notice_of
from app.gui.page import Desk


class Told:
    """Keeps what a page tells and opens.

    Args:
        desk: A window's.
    """

    def __init__(self, desk: Desk) -> None:
        self.notices: list[Notice] = []
        self.opened: list[tuple[str, object]] = []
        self.desk = replace(desk, tell=self._tell, open_page=self._open)

    @property
    def last(self) -> str:
        """The latest notice's text; empty if there was none."""
        return self.notices[-1].text if self.notices else ""

    def _tell(self, what: Notice | BaseException) -> None:
        self.notices.append(what if isinstance(what, Notice) else notice_of(what))

    def _open(self, page: str, what: object) -> None:
        self.opened.append((page, what))
