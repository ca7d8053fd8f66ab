"""A veil over the screen on which the user draws the part to look at."""

from __future__ import annotations

from PyQt5.QtCore import QPoint, QRect, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QWidget

from app.sources.screen import Region

_SMALLEST = 32  # pixels; less is a click


class RegionPicker(QWidget):
    """Tells the drawn rectangle in the screen's own pixels; Escape leaves without one."""

    chosen = pyqtSignal(object)  # Region

    def __init__(self) -> None:
        super().__init__(None, Qt.FramelessWindowHint | Qt.WindowStaysOnTopHint | Qt.Tool)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowOpacity(0.55)
        self.setCursor(Qt.CrossCursor)
        self.setAccessibleName(self.tr("Draw the part of the screen to look at"))
        self._from: QPoint | None = None
        self._to = QPoint()

    def begin(self) -> None:
        """Cover the screen."""
        screen = self.screen()
        if screen is not None:
            self.setGeometry(screen.geometry())
        self.show()
        self.activateWindow()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = self._to = event.pos()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._to = event.pos()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        rect = self._rect()
        self.close()
        if min(rect.width(), rect.height()) >= _SMALLEST:
            ratio = self.devicePixelRatioF()
            corner = self.mapToGlobal(rect.topLeft())
            width, height = (2 * round(side * ratio / 2) for side in (rect.width(), rect.height()))
            self.chosen.emit(
                Region(width, height, round(corner.x() * ratio), round(corner.y() * ratio))
            )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key_Escape:
            self.close()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(10, 12, 16))
        if self._from is not None:
            painter.fillRect(self._rect(), QColor(86, 180, 233))
            painter.setPen(QPen(QColor("white"), 2))
            painter.drawRect(self._rect())
        else:
            painter.setPen(QColor("white"))
            words = self.tr("Draw a rectangle around what to look at. Escape leaves.")
            painter.drawText(self.rect(), int(Qt.AlignCenter), words)
        painter.end()

    def _rect(self) -> QRect:
        return QRect(self._from or QPoint(), self._to).normalized()
