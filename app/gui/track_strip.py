"""Who was there when: a bar for every person over the time of the film, with a cursor."""

from __future__ import annotations

from collections.abc import Collection

from PyQt5.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from app.gui.person_colour import person_colour
from app.gui.theme import current_colours
from app.review.tracked import Tracked

GUTTER = 64  # pixels left of every time axis of the review page, so that they stand in line
MARGIN = 16  # and right of it: room for a scroll bar
_ROW, _BAR = 20, 12


class TrackStrip(QWidget):
    """One row per person; a click on a row's head chooses the person, anywhere else the time."""

    sought = pyqtSignal(int)  # a place in `Tracked.indices`
    toggled = pyqtSignal(int)  # an id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("People over time"))
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.TabFocus)
        self._tracked: Tracked | None = None
        self._spans: list[list[tuple[float, float]]] = []  # per person, in seconds
        self._chosen: Collection[int] = ()
        self._place = 0
        self._row = 0  # the keyboard's
        self._margin = MARGIN

    def set_margin(self, margin: int) -> None:
        """Pixels right of the bars; less where a scroll bar stands there."""
        self._margin = margin
        self.update()

    def show_result(self, tracked: Tracked | None) -> None:
        """Show the people of another result."""
        self._tracked, self._place, self._row = tracked, 0, 0
        self._spans = []
        if tracked is not None:
            times_s, steps = tracked.times_s, _usual_step_s(tracked)
            self._spans = [
                [(float(times_s[a]), float(times_s[b]) + steps) for a, b in track.spans()]
                for track in tracked.tracks
            ]
        self.updateGeometry()
        self.update()

    def show_chosen(self, ids: Collection[int]) -> None:
        """These people in full colour."""
        self._chosen = ids
        self.update()

    def show_place(self, place: int) -> None:
        """Put the cursor on a frame."""
        self._place = place
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, max(1, len(self._spans)) * _ROW + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, max(1, len(self._spans)) * _ROW + 4)

    # ---- mouse ----------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.localPos())
        if event.localPos().x() < GUTTER and row is not None and self._tracked is not None:
            self.toggled.emit(self._tracked.tracks[row].id)
        else:
            self._seek(event.localPos().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over_head = event.localPos().x() < GUTTER
        self.setCursor(Qt.PointingHandCursor if over_head else Qt.ArrowCursor)
        if event.buttons() & Qt.LeftButton and not over_head:
            self._seek(event.localPos().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down go to a person, Return chooses; the rest are the page's keys."""
        steps = {Qt.Key_Up: -1, Qt.Key_Down: 1}.get(event.key())
        if steps is not None and self._spans:
            self._row = min(max(0, self._row + steps), len(self._spans) - 1)
            self.update()
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter) and self._tracked is not None:
            if self._row < len(self._tracked.tracks):
                self.toggled.emit(self._tracked.tracks[self._row].id)
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _row_at(self, at: QPointF) -> int | None:
        row = int(at.y() - 2) // _ROW
        return row if 0 <= row < len(self._spans) else None

    def _seek(self, x: float) -> None:
        tracked = self._tracked
        if tracked is None or not len(tracked):
            return
        first_s, last_s = time_range(tracked)
        share = (x - GUTTER) / max(1, self.width() - GUTTER - self._margin)
        self.sought.emit(place_at(tracked, first_s + share * (last_s - first_s)))

    # ---- painting -------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        tracked = self._tracked
        if tracked is None or not len(tracked):
            return
        colours = current_colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        first_s, last_s = time_range(tracked)
        wide = max(1, self.width() - GUTTER - self._margin)

        def x_of(time_s: float) -> float:
            return GUTTER + wide * (time_s - first_s) / max(1e-6, last_s - first_s)

        for row, (track, spans) in enumerate(zip(tracked.tracks, self._spans, strict=True)):
            top = 2 + row * _ROW
            chosen = track.id in self._chosen
            colour = person_colour(track.id)
            self._paint_head(painter, top, track.id, colour, chosen)
            painter.setPen(Qt.NoPen)
            ground = QRectF(GUTTER, top + (_ROW - _BAR) / 2, wide, _BAR)
            painter.setBrush(QColor(colours.field))
            painter.drawRoundedRect(ground, 3, 3)
            colour.setAlpha(255 if chosen else 80)
            painter.setBrush(colour)
            for begin_s, end_s in spans:
                left, right = x_of(begin_s), min(x_of(end_s), GUTTER + wide)
                bar = QRectF(left, ground.top(), max(2.0, right - left), _BAR)
                painter.drawRoundedRect(bar, 3, 3)
        if self.hasFocus() and self._spans:
            painter.setBrush(Qt.NoBrush)
            painter.setPen(QColor(colours.accent))
            painter.drawRoundedRect(
                QRectF(3, 2 + self._row * _ROW + 0.5, GUTTER - 6, _ROW - 1), 4, 4
            )
        painter.setPen(QColor(colours.text))
        x = x_of(float(tracked.times_s[self._place]))
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.end()

    def _paint_head(
        self, painter: QPainter, top: int, identity: int, colour: QColor, chosen: bool
    ) -> None:
        colours = current_colours()
        box = QRectF(8, top + 3, _ROW - 6, _ROW - 6)
        painter.setPen(colour)
        painter.setBrush(colour if chosen else Qt.NoBrush)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(colours.text if chosen else colours.faint))
        words = QRectF(box.right() + 8, top, GUTTER - box.right() - 10, _ROW)
        painter.drawText(words, int(Qt.AlignLeft | Qt.AlignVCenter), str(identity))


def time_range(tracked: Tracked) -> tuple[float, float]:
    """From the first frame to the last one, in seconds."""
    first_s, last_s = float(tracked.times_s[0]), float(tracked.times_s[-1])
    return first_s, max(last_s, first_s + 1e-3)


def place_at(tracked: Tracked, time_s: float) -> int:
    """The frame that is shown at a time, within what there is."""
    place = int(tracked.times_s.searchsorted(time_s + 1e-6, side="right")) - 1
    return min(max(0, place), len(tracked) - 1)


def _usual_step_s(tracked: Tracked) -> float:
    times_s = tracked.times_s
    return float((times_s[-1] - times_s[0]) / (len(times_s) - 1)) if len(times_s) > 1 else 0.04
