"""A list that says what may be dropped on it, while it is empty or something is held over it."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QAbstractItemView, QListView, QWidget

from app.gui.theme import current_colours


class DropList(QListView):
    """The list; says what may be dropped while it is empty."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Inputs"))
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self._words, self._small_words = "", ""
        self._hot = False

    def set_hint(self, words: str, small_words: str) -> None:
        """What an empty list says."""
        self._words, self._small_words = words, small_words

    def set_hot(self, hot: bool) -> None:
        """Whether something is held over it."""
        self._hot = hot
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.model().rowCount() and not self._hot:
            return
        painter = QPainter(self.viewport())
        _paint_hint(painter, self.viewport(), self._hot, self._words, self._small_words)
        painter.end()


def _paint_hint(painter: QPainter, over: QWidget, hot: bool, words: str, small_words: str) -> None:
    colours = current_colours()
    painter.setRenderHint(QPainter.Antialiasing)
    frame = over.rect().adjusted(28, 28, -28, -28)
    if hot:
        ground = QColor(colours.panel)
        ground.setAlpha(225)
        painter.fillRect(over.rect(), ground)
    painter.setPen(QPen(QColor(colours.accent if hot else colours.line), 2, Qt.DashLine))
    painter.drawRoundedRect(frame, 12, 12)
    font = QFont(over.font())
    font.setPointSizeF(font.pointSizeF() * 1.5)
    font.setWeight(QFont.DemiBold)
    painter.setFont(font)
    painter.setPen(QColor(colours.text))
    half = frame.height() // 2
    painter.drawText(frame.adjusted(0, 0, 0, -half), int(Qt.AlignHCenter | Qt.AlignBottom), words)
    painter.setFont(over.font())
    painter.setPen(QColor(colours.faint))
    painter.drawText(
        frame.adjusted(0, half + 8, 0, 0), int(Qt.AlignHCenter | Qt.AlignTop), small_words
    )
