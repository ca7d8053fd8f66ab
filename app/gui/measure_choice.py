"""Chooses what is plotted: a joint's angle, or how fast something moves, and in which unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, pyqtSignal
from PyQt5.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.review.export import columns_of
from app.review.measures import JOINT_ANGLES, MOVING, TRUNK, Measures

_WORDS = {
    "left": QT_TRANSLATE_NOOP("MeasureChoice", "left"),
    "right": QT_TRANSLATE_NOOP("MeasureChoice", "right"),
    "elbow": QT_TRANSLATE_NOOP("MeasureChoice", "elbow"),
    "shoulder": QT_TRANSLATE_NOOP("MeasureChoice", "shoulder"),
    "hip": QT_TRANSLATE_NOOP("MeasureChoice", "hip"),
    "knee": QT_TRANSLATE_NOOP("MeasureChoice", "knee"),
    "wrist": QT_TRANSLATE_NOOP("MeasureChoice", "wrist"),
    "ankle": QT_TRANSLATE_NOOP("MeasureChoice", "ankle"),
    "body": QT_TRANSLATE_NOOP("MeasureChoice", "body"),
    "trunk": QT_TRANSLATE_NOOP("MeasureChoice", "trunk"),
    "lean": QT_TRANSLATE_NOOP("MeasureChoice", "lean"),
}
_UNITS = {
    "deg": QT_TRANSLATE_NOOP("MeasureChoice", "degrees"),
    "px_s": QT_TRANSLATE_NOOP("MeasureChoice", "pixels/s"),
    "bl_s": QT_TRANSLATE_NOOP("MeasureChoice", "body lengths/s"),
}
_SHORT = {"deg": "°", "px_s": " px/s", "bl_s": " bl/s"}


class MeasureChoice(QWidget):
    """One box for what is measured; its entries are the columns of `columns_of`."""

    chosen = pyqtSignal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox(self)
        self.box.setAccessibleName(self.tr("What is plotted"))
        self.box.setMinimumWidth(230)
        self.box.setMaxVisibleItems(24)
        for each in (*JOINT_ANGLES, TRUNK):
            self.box.addItem(self.tr("Angle: {0}").format(_in_words(each)), f"{each}_deg")
        for unit in ("px_s", "bl_s"):
            self.box.insertSeparator(self.box.count())
            for each in MOVING:
                words = self.tr("Speed: {0}, {1}").format(
                    _in_words(each), _translated(_UNITS[unit])
                )
                self.box.addItem(words, f"{each}_{unit}")
        self.box.setCurrentIndex(max(0, self.box.findData(name)))
        self.box.activated.connect(lambda _: self.chosen.emit(self.measure))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box)

    @property
    def measure(self) -> str:
        """The column that is plotted."""
        return str(self.box.currentData())

    @property
    def unit(self) -> str:
        """Its unit, in words."""
        return _translated(_UNITS[_unit_of(self.measure)])

    def now_in_words(self, people: Sequence[Measures], at: int) -> str:
        """The values of one frame: `1: 92°   2: 170°`."""
        parts = []
        short = _SHORT[_unit_of(self.measure)]
        for one in people:
            row = int(np.searchsorted(one.track.places, at))
            if row < len(one.track) and one.track.places[row] == at:
                value = columns_of(one)[self.measure][row]
                digits = 2 if short == " bl/s" else 0
                shown = f"{value:.{digits}f}{short}" if np.isfinite(value) else "–"
                parts.append(f"{one.track.id}: {shown}")
        return "    ".join(parts)


def _unit_of(measure: str) -> str:
    return next(unit for unit in _UNITS if measure.endswith(f"_{unit}"))


def _in_words(name: str) -> str:
    return " ".join(_translated(_WORDS[word]) for word in name.split("_"))


def _translated(text: str) -> str:
    return QCoreApplication.translate("MeasureChoice", text)
