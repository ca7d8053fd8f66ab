"""Milliseconds of each stage, stacked, over the last frames; the measures are the meter's own.

Reading is left out: of a live source it is the wait for the next picture, and nobody's work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from app.gui.theme import current_colours
from app.pipeline.pipeline import READ
from app.steps.palette import PALETTE, shades

FRAMES = 150  # on the plot
_MOST_STAGES = 10


def stage_colour(place: int) -> QColor:
    """The colour of the n-th stage: of the same palette as the people's."""
    b, g, r = shades(PALETTE[place % len(PALETTE)])[(place // len(PALETTE)) % 3]
    return QColor(r, g, b)


class StagePlot(QWidget):
    """Stacked areas, one for each stage; frames from left to right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Milliseconds per stage, of the last frames"))
        self.setMinimumHeight(90)
        self.names: list[str] = []
        self._frames: deque[Mapping[str, float]] = deque(maxlen=FRAMES)
        self._dirty = False
        self._plot = pg.PlotWidget(parent=self, background=None)
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setAccessibleName(self.accessibleName())
        self._plot.getPlotItem().hideAxis("bottom")
        self._plot.getAxis("left").setWidth(40)
        self._plot.getPlotItem().setContentsMargins(0, 4, 4, 8)
        self._plot.setXRange(0, FRAMES - 1, padding=0)
        self._curves = [pg.PlotCurveItem() for _ in range(_MOST_STAGES + 1)]
        self._areas = []
        for place, (below, above) in enumerate(
            zip(self._curves[:-1], self._curves[1:], strict=True)
        ):
            area = pg.FillBetweenItem(below, above, brush=pg.mkBrush(stage_colour(place)))
            self._areas.append(area)
            self._plot.addItem(area)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._plot)
        self.themed()

    def add(self, stage_s: Mapping[str, float]) -> None:
        """One frame's seconds by stage; shown by the next `refresh`."""
        for name in stage_s:
            if name != READ and name not in self.names and len(self.names) < _MOST_STAGES:
                self.names.append(name)
        self._frames.append(stage_s)
        self._dirty = True

    def clear(self) -> None:
        """Begin anew: another pipeline has other stages."""
        self.names = []
        self._frames.clear()
        self._dirty = True

    def mean_ms(self) -> dict[str, float]:
        """Mean of each stage over the frames that are shown."""
        means = self._stacked_ms().mean(axis=1) if self._frames else np.zeros(len(self.names))
        return dict(zip(self.names, means.tolist(), strict=True))

    def refresh(self) -> None:
        """Draw what has come since."""
        if not self._dirty:
            return
        self._dirty = False
        ms = self._stacked_ms()  # (S, F)
        heights = np.concatenate([np.zeros((1, ms.shape[1])), np.cumsum(ms, axis=0)])
        x = np.arange(FRAMES - ms.shape[1], FRAMES)
        for place, curve in enumerate(self._curves):
            curve.setData(x, heights[min(place, len(heights) - 1)])
        top = float(np.percentile(heights[-1], 98)) if ms.size else 1.0
        self._plot.setYRange(0, max(1.0, 1.15 * top), padding=0)

    def themed(self) -> None:
        """Wear the theme's colours."""
        faint = current_colours().faint
        self._plot.setBackground(current_colours().panel)
        axis = self._plot.getAxis("left")
        axis.setPen(faint)
        axis.setTextPen(faint)

    def _stacked_ms(self) -> np.ndarray:
        """(S, F) float64, milliseconds."""
        rows = [[1000 * frame.get(name, 0.0) for frame in self._frames] for name in self.names]
        return np.array(rows, np.float64).reshape(len(self.names), len(self._frames))
