"""Paints one input of a batch: picture, name, what is known about it, and how far it is."""

from __future__ import annotations

from PyQt5.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPalette
from PyQt5.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.batch.entry import State
from app.gui.batch_model import ROW, Row
from app.gui.icons import icon
from app.gui.theme import Colours, current_colours

_HEIGHT, _GAP = 76, 10
_PICTURE_WH = (112, 63)
_STATE_WIDTH = 420


def clock_text(seconds: float) -> str:
    """Seconds as people write them: `1:05`, `1:00:00`."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


class BatchRowPainter(QStyledItemDelegate):
    """The look of a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(480, _HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        row: Row = index.data(ROW)
        colours = current_colours()
        painter.save()
        painter.setRenderHint(QPainter.Antialiasing)
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        rect = option.rect.adjusted(4, 3, -4, -3)
        self._paint_ground(painter, rect, option, colours)
        picture = QRect(rect.left() + 7, rect.top() + 3, *_PICTURE_WH)
        self._paint_picture(painter, picture, row, colours)
        left = picture.right() + 14
        state_width = min(_STATE_WIDTH, rect.width() * 2 // 5)
        words = QRect(left, rect.top(), rect.right() - left - state_width - _GAP, rect.height())
        self._paint_words(painter, words, row, option, colours)
        state = QRect(rect.right() - state_width, rect.top(), state_width - 12, rect.height())
        self._paint_state(painter, state, row, option, colours)
        painter.restore()

    # ---- parts ----------------------------------------------------------------------------

    def _paint_ground(
        self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, colours: Colours
    ) -> None:
        path = QPainterPath()
        path.addRoundedRect(QRectF(rect), 8, 8)
        painter.fillPath(path, QColor(colours.panel))
        if option.state & QStyle.State_Selected:
            glow = QColor(colours.accent)
            glow.setAlpha(46)
            painter.fillPath(path, glow)
            painter.setPen(QColor(colours.accent))
            painter.drawPath(path)

    def _paint_picture(self, painter: QPainter, rect: QRect, row: Row, colours: Colours) -> None:
        path = QPainterPath()
        path.addRoundedRect(QRectF(rect), 5, 5)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(rect, QColor(colours.stage))
        if row.image is None:
            middle = QRect(0, 0, 26, 26)
            middle.moveCenter(rect.center())
            icon("film", "#6b7382").paint(painter, middle)
        else:
            fitted = row.image.size().scaled(rect.size(), Qt.KeepAspectRatio)
            place = QRect(rect.topLeft(), fitted)
            place.moveCenter(rect.center())
            painter.drawImage(place, row.image)
        painter.restore()

    def _paint_words(
        self,
        painter: QPainter,
        rect: QRect,
        row: Row,
        option: QStyleOptionViewItem,
        colours: Colours,
    ) -> None:
        bold = QFont(option.font)
        bold.setWeight(QFont.DemiBold)
        name = row.entry.place.rstrip("/").rpartition("/")[2] or row.entry.place
        _elided(painter, rect.adjusted(0, 14, 0, 0), name, bold, QColor(colours.text))
        below = rect.adjusted(0, 38, 0, 0)
        where = row.entry.place.rstrip("/").rpartition("/")[0]
        facts = [clock_text(row.seconds)] if row.seconds else []
        if row.frames:
            facts.append(self.tr("{0} frames").format(row.frames))
        _elided(painter, below, "  ·  ".join([*facts, where]), option.font, QColor(colours.faint))

    def _paint_state(
        self,
        painter: QPainter,
        rect: QRect,
        row: Row,
        option: QStyleOptionViewItem,
        colours: Colours,
    ) -> None:
        entry = row.entry
        colour = QColor(
            {
                State.DONE: colours.good,
                State.FAILED: option.palette.color(QPalette.Text).name(),
                State.WORKING: colours.text,
            }.get(entry.state, colours.faint)
        )
        top = rect.adjusted(0, 14, 0, 0)
        if entry.state is State.WORKING:
            self._paint_bar(painter, QRect(rect.left(), rect.top() + 40, rect.width(), 8), row)
        if entry.state in (State.DONE, State.FAILED):
            mark = QRect(rect.left(), rect.top() + 15, 16, 16)
            shape = "yes" if entry.state is State.DONE else "warning"
            ink = colours.good if entry.state is State.DONE else "#e5484d"
            icon(shape, ink).paint(painter, mark)
            top = top.adjusted(24, 0, 0, 0)
        _elided(painter, top, self.headline(row), option.font, colour)
        small = self.small_line(row)
        if small:
            below = top.adjusted(0, 24, 0, 0)
            _elided(painter, below, small, option.font, QColor(colours.faint))

    def _paint_bar(self, painter: QPainter, rect: QRect, row: Row) -> None:
        colours = current_colours()
        for colour, share in ((colours.field, 1.0), (colours.accent, row.entry.progress.share)):
            path = QPainterPath()
            width = max(rect.height(), rect.width() * share) if share else 0
            path.addRoundedRect(QRectF(rect.left(), rect.top(), width, rect.height()), 4, 4)
            painter.fillPath(path, QColor(colour))

    # ---- words ----------------------------------------------------------------------------

    def headline(self, row: Row) -> str:
        """How far it is, in a few words."""
        entry = row.entry
        if entry.state is State.WORKING:
            return self._advance(row)
        if entry.state is State.DONE:
            people = int(entry.figures.get("people", 0))
            people_text = self.tr("1 person") if people == 1 else self.tr("{0} people")
            return self.tr("Done: {0}").format(people_text.format(people))
        return {
            State.WAITING: self.tr("Waiting"),
            State.CANCELLED: self.tr("Cancelled"),
            State.FAILED: self.tr("Failed"),
        }[entry.state]

    def small_line(self, row: Row) -> str:
        """What else is worth knowing."""
        entry = row.entry
        if entry.state is State.FAILED:
            return entry.error.removeprefix(entry.place).lstrip(": ")
        if entry.state is State.DONE:
            frames, fps = entry.figures.get("frames", 0), entry.figures.get("fps", 0.0)
            return self.tr("{0} frames at {1:.1f} fps").format(frames, fps)
        return ""

    def _advance(self, row: Row) -> str:
        now = row.entry.progress
        if not now.frames:
            return self.tr("Starting…")
        parts = [f"{now.share:.0%}" if now.total else self.tr("{0} frames").format(now.frames)]
        if now.fps:
            parts.append(self.tr("{0:.1f} fps").format(now.fps))
        if now.left_s is not None:
            parts.append(self.tr("{0} left").format(clock_text(now.left_s)))
        return "  ·  ".join(parts)


def _elided(painter: QPainter, rect: QRect, text: str, font: QFont, colour: QColor) -> None:
    painter.setFont(font)
    painter.setPen(colour)
    short = QFontMetrics(font).elidedText(text, Qt.ElideRight, rect.width())
    painter.drawText(rect, int(Qt.AlignLeft | Qt.AlignTop), short)
