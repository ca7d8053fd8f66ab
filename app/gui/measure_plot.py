"""One measure of the chosen people over time, with a cursor that follows the film."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from app.gui.person_colour import person_colour
from app.gui.theme import current_colours
from app.gui.track_strip import GUTTER, MARGIN, place_at, time_range
from app.review.export import columns_of
from app.review.measures import Measures
from app.review.tracked import DoubleArray, Tracked
from app.steps.palette import PALETTE

MOST_POINTS = 4000  # more than any screen shows


class MeasurePlot(QWidget):
    """A curve per person; a click or a drag chooses the time, the wheel zooms the values."""

    sought = pyqtSignal(int)  # a place in `Tracked.indices`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Measure over time"))
        self.setMinimumHeight(140)
        self._tracked: Tracked | None = None
        self._plot = _ClickPlot(self)
        self._plot.clicked.connect(self._clicked)
        self._plot.getAxis("left").setWidth(GUTTER)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._plot.addItem(self._cursor, ignoreBounds=True)
        self._curves: list[pg.PlotDataItem] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, MARGIN, 0)
        column.addWidget(self._plot)
        self.themed()

    @property
    def curves(self) -> list[tuple[DoubleArray, DoubleArray]]:
        """What is drawn: times and values of each curve."""
        return [curve.getData() for curve in self._curves]

    def show_result(self, tracked: Tracked | None) -> None:
        """Take the time axis of another result."""
        self._tracked = tracked
        self.show_measure([], "", "")
        if tracked is not None and len(tracked):
            self._plot.setXRange(*time_range(tracked), padding=0)

    def show_measure(self, people: Sequence[Measures], name: str, unit: str) -> None:
        """Draw one measure.

        Args:
            people: Whose.
            name: A column of `columns_of`.
            unit: Written beside the axis.
        """
        for curve in self._curves:
            self._plot.removeItem(curve)
        self._curves = []
        self._plot.setLabel("left", unit)
        for one in people:
            times_s, values = thinned(*_with_gaps(one, columns_of(one)[name]))
            pen = pg.mkPen(person_colour(one.track.id), width=2, style=_line_style(one.track.id))
            curve = pg.PlotDataItem(times_s, values, pen=pen, connect="finite")
            self._plot.addItem(curve)
            self._curves.append(curve)
        self._plot.enableAutoRange(axis="y")

    def show_place(self, place: int) -> None:
        """Put the cursor on a frame."""
        if self._tracked is not None and len(self._tracked):
            self._cursor.setPos(float(self._tracked.times_s[place]))

    def themed(self) -> None:
        """Wear the theme's colours."""
        colours = current_colours()
        self._plot.setBackground(colours.field)
        for name in ("left", "bottom"):
            axis = self._plot.getAxis(name)
            axis.setPen(colours.line)
            axis.setTextPen(colours.faint)
        self._cursor.setPen(pg.mkPen(colours.text))

    def _clicked(self, time_s: float) -> None:
        if self._tracked is not None and len(self._tracked):
            self.sought.emit(place_at(self._tracked, time_s))


class _ClickPlot(pg.PlotWidget):
    """A plot whose time is chosen by the mouse and never moved by it."""

    clicked = pyqtSignal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent=parent)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=True)
        self.showGrid(x=True, y=True, alpha=0.15)

    def mousePressEvent(self, event: object) -> None:
        self._seek(event)

    def mouseMoveEvent(self, event: object) -> None:
        if event.buttons() & Qt.LeftButton:  # type: ignore[attr-defined]
            self._seek(event)

    def mouseReleaseEvent(self, event: object) -> None:
        """Nothing was held."""

    def _seek(self, event: object) -> None:
        at = self.plotItem.vb.mapSceneToView(self.mapToScene(event.pos()))  # type: ignore[attr-defined]
        self.clicked.emit(float(at.x()))


def _line_style(identity: int) -> Qt.PenStyle:
    """Solid; dashes and dots for those who share a colour with somebody before."""
    styles = (Qt.SolidLine, Qt.DashLine, Qt.DotLine)
    return styles[(identity - 1) // len(PALETTE) % len(styles)]


def _with_gaps(one: Measures, values: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """The curve with a NaN wherever the person was away, so that no line bridges it."""
    gaps = np.flatnonzero(np.diff(one.track.places) > 1) + 1
    return np.insert(one.times_s, gaps, one.times_s[gaps]), np.insert(values, gaps, np.nan)


def thinned(
    times_s: DoubleArray, values: DoubleArray, most: int = MOST_POINTS
) -> tuple[DoubleArray, DoubleArray]:
    """A curve that looks the same with fewer points: of many neighbours the lowest and the highest.

    Args:
        times_s: (T,), rising.
        values: (T,), NaN where the curve is interrupted; it stays so there.
        most: About so many points are left.

    Returns:
        (U,) times and (U,) values, as they were if there are not more than `most`.
    """
    if len(times_s) <= most:
        return times_s, values
    each = -(-2 * len(times_s) // most)  # neighbours that become two
    unknown = np.isnan(values)
    starts = np.flatnonzero(np.diff(unknown, prepend=not unknown[0]))
    kept_times: list[DoubleArray] = []
    kept: list[DoubleArray] = []
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        if unknown[start]:
            kept_times.append(times_s[start : start + 1])
            kept.append(values[start : start + 1])
            continue
        firsts = np.arange(start, stop, each)
        pairs = [np.minimum.reduceat, np.maximum.reduceat]
        lasts = np.append(firsts[1:], stop) - 1
        kept_times.append(np.stack([times_s[firsts], times_s[lasts]], axis=1).ravel())
        kept.append(np.stack([pick(values[:stop], firsts) for pick in pairs], axis=1).ravel())
    return np.concatenate(kept_times), np.concatenate(kept)
