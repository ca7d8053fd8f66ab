"""A label that gives way: what does not fit ends in an ellipsis, and the tooltip has it all."""

from __future__ import annotations

from PyQt5.QtCore import QSize, Qt
from PyQt5.QtGui import QPainter, QPaintEvent
from PyQt5.QtWidgets import QLabel, QSizePolicy, QWidget

_LEAST = 60  # pixels


class ElidedLabel(QLabel):
    """One line of plain text of any length.

    Args:
        text: What it says at first.
        parent: Owns it.
        middle: Leave out the middle, as of a path, and not the end.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None, middle: bool = False) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.PlainText)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Fixed)
        self._where = Qt.ElideMiddle if middle else Qt.ElideRight

    @property
    def shown(self) -> str:
        """What of the text fits."""
        return self.fontMetrics().elidedText(self.text(), self._where, self.width())

    def minimumSizeHint(self) -> QSize:
        whole = super().minimumSizeHint()
        return QSize(min(_LEAST, whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self.shown
        tip = self.text() if shown != self.text() else ""
        if tip != self.toolTip():
            self.setToolTip(tip)
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignVCenter), shown)
        painter.end()
