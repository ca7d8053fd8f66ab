"""The widget that shows a scene: never stretched, as sharp as the screen, with words over it."""

from __future__ import annotations

import time
from collections.abc import Callable

from PyQt5.QtCore import QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from app.gui.bridge import Picture, fit, fitted_wh
from app.gui.theme import current_colours
from pose.types import Scene


class PictureView(QWidget):
    """Shows pictures of a `SceneBridge`, or a scene that somebody has at hand.

    Args:
        clock: The pipeline's, for the time of painting.
        parent: Owns it.
    """

    painted = pyqtSignal(float)  # seconds from a scene's arrival to its last painted pixel
    resized = pyqtSignal()
    double_clicked = pyqtSignal()

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setAttribute(Qt.WA_OpaquePaintEvent)
        self.setMinimumSize(320, 180)
        self.setAccessibleName(self.tr("Picture"))
        self._clock = clock
        self._picture: Picture | None = None
        self._image = QImage()
        self._fresh = False
        self._words, self._small_words = "", ""

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    @property
    def room_wh(self) -> tuple[int, int]:
        """Pixels of the screen inside the widget; more than Qt's units on a HiDPI screen."""
        ratio = self.devicePixelRatioF()
        return round(self.width() * ratio), round(self.height() * ratio)

    @property
    def scene(self) -> Scene | None:
        """What is shown."""
        return None if self._picture is None else self._picture.scene

    @property
    def picture_rect(self) -> QRectF:
        """Where the picture is, in the widget's units; empty without one."""
        if self._picture is None:
            return QRectF()
        height, width = self._picture.pixels.shape[:2]
        ratio = self.devicePixelRatioF()
        wide, high = fitted_wh((width, height), self.room_wh)
        return QRectF(
            round((self.width() * ratio - wide) / 2) / ratio,
            round((self.height() * ratio - high) / 2) / ratio,
            wide / ratio,
            high / ratio,
        )

    def show_picture(self, picture: Picture) -> None:
        """Show a picture from a bridge; its pixels are not copied."""
        self._picture = picture
        height, width = picture.pixels.shape[:2]
        self._image = QImage(
            picture.pixels.data, width, height, picture.pixels.strides[0], QImage.Format_RGB32
        )
        self._fresh = True
        self.update()

    def show_scene(self, scene: Scene) -> None:
        """Show a scene that is at hand; fits it in this thread."""
        self.show_picture(fit(scene, self.room_wh))
        self._fresh = False

    def say(self, words: str, small_words: str = "") -> None:
        """Lay words over the picture; empty takes them away."""
        if (words, small_words) != (self._words, self._small_words):
            self._words, self._small_words = words, small_words
            self.setAccessibleDescription(f"{words} {small_words}".strip())
            self.update()

    def clear(self) -> None:
        """Show nothing but words."""
        self._picture, self._image = None, QImage()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        stage = QColor(current_colours().stage)
        rect = self.picture_rect
        for bar in _around(self.rect(), rect):
            painter.fillRect(bar, stage)
        if self._picture is not None:
            height, width = self._picture.pixels.shape[:2]
            ratio = self.devicePixelRatioF()
            if (width, height) == (round(rect.width() * ratio), round(rect.height() * ratio)):
                self._image.setDevicePixelRatio(ratio)
                painter.drawImage(rect.topLeft(), self._image)
            else:  # the window has just changed its size: the next picture fits
                self._image.setDevicePixelRatio(1)
                painter.setRenderHint(QPainter.SmoothPixmapTransform)
                painter.drawImage(rect, self._image)
        if self._words:
            self._paint_words(painter)
        painter.end()
        if self._fresh and self._picture is not None:
            self._fresh = False
            arrived_s = self._picture.scene.arrived_s
            if arrived_s:
                self.painted.emit(self._clock() - arrived_s)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.double_clicked.emit()

    def _paint_words(self, painter: QPainter) -> None:
        if self._picture is not None:
            painter.fillRect(self.rect(), QColor(8, 9, 12, 150))
        painter.setPen(QColor("#f2f4f8"))
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.7)
        font.setWeight(QFont.DemiBold)
        painter.setFont(font)
        middle = QRect(self.rect()).adjusted(24, 0, -24, -self.height() // 2)
        painter.drawText(
            middle, int(Qt.AlignHCenter | Qt.AlignBottom | Qt.TextWordWrap), self._words
        )
        painter.setFont(self.font())
        painter.setPen(QColor("#c3c9d6"))
        below = QRect(self.rect()).adjusted(24, self.height() // 2 + 8, -24, 0)
        painter.drawText(
            below, int(Qt.AlignHCenter | Qt.AlignTop | Qt.TextWordWrap), self._small_words
        )


def _around(whole: QRect, hole: QRectF) -> list[QRectF]:
    """What of a rectangle a hole leaves: four bars, some of them empty."""
    outer = QRectF(whole)
    if hole.isEmpty():
        return [outer]
    return [
        QRectF(outer.left(), outer.top(), outer.width(), hole.top() - outer.top()),
        QRectF(outer.left(), hole.bottom(), outer.width(), outer.bottom() - hole.bottom()),
        QRectF(outer.left(), hole.top(), hole.left() - outer.left(), hole.height()),
        QRectF(hole.right(), hole.top(), outer.right() - hole.right(), hole.height()),
    ]
