"""Errors and news as one readable line, with the details behind a button."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon
from pose.errors import PoseAppError, masked

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notice:
    """What the window has to say.

    Attributes:
        text: One line.
        details: Whatever may help whoever wants to know more; empty for nothing.
        kind: `error`, `warning` or `news`: its colour.
        topic: A later notice of the same topic takes its place; `retract` takes it away.
    """

    text: str
    details: str = ""
    kind: str = "error"
    topic: str = ""


def notice_of(error: BaseException, topic: str = "") -> Notice:
    """An error as a notice: a user's mistake as its own line, a bug with its traceback."""
    trace = masked("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    if isinstance(error, PoseAppError):
        return Notice(str(error), trace, topic=topic)
    text = " ".join(masked(f"{type(error).__name__}: {error}").split())
    return Notice(f"Something in the program went wrong: {text}", trace, topic=topic)


class NoticeBar(QFrame):
    """Shows the latest notice until it is dismissed, retracted or replaced."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.notice: Notice | None = None
        self._text = QLabel(self)
        self._text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        self._text.setAccessibleName(self.tr("Message"))
        self._details = QPushButton(self.tr("Details"), self)
        self._details.setAccessibleName(self.tr("Details of the message"))
        self._details.clicked.connect(self.show_details)
        self._dismiss = QPushButton(self)
        self._dismiss.setIcon(icon("close"))
        self._dismiss.setFlat(True)
        self._dismiss.setToolTip(self.tr("Dismiss"))
        self._dismiss.setAccessibleName(self.tr("Dismiss the message"))
        self._dismiss.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._text, 1)
        row.addWidget(self._details)
        row.addWidget(self._dismiss)
        self.hide()

    def show_notice(self, notice: Notice) -> None:
        """Show it in place of what was there."""
        self.notice = notice
        self._text.setText(notice.text)
        self._details.setVisible(bool(notice.details))
        self.setProperty("kind", notice.kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()
        self.changed.emit()

    def retract(self, topic: str) -> None:
        """Take a notice of this topic away, if it is still there."""
        if self.notice is not None and self.notice.topic == topic:
            self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.notice = None
        self.hide()
        self.changed.emit()

    def show_details(self) -> None:
        """Open a window with the details."""
        if self.notice is None:
            return
        dialog = DetailsDialog(self.notice, self.window())
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.open()


class DetailsDialog(QDialog):
    """The whole of a notice, to read and to copy."""

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Details"))
        self.resize(720, 420)
        line = QLabel(notice.text, self)
        line.setWordWrap(True)
        self.text = QPlainTextEdit(notice.details, self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Details"))
        buttons = QDialogButtonBox(QDialogButtonBox.Close, self)
        copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ActionRole)
        copy.clicked.connect(self._copy)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(line)
        column.addWidget(self.text, 1)
        column.addWidget(buttons)

    def _copy(self) -> None:
        self.text.selectAll()
        self.text.copy()
