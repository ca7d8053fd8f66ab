"""The widgets of the review page, and where they stand. What they do is in `review_page`."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.gui.elided import ElidedLabel
from app.gui.measure_choice import MeasureChoice
from app.gui.measure_plot import MeasurePlot
from app.gui.page import Desk, Page
from app.gui.parts import icon_button, page_head
from app.gui.picture_view import PictureView
from app.gui.track_strip import GUTTER, MARGIN, TrackStrip

_STRIP_HEIGHT = 126


class ReviewLayout(Page):
    """Heading and buttons; the film; below it time, people and a plot.

    Args:
        desk: Of the window.
        measure: Name of the measure that is chosen at first.
    """

    def __init__(self, desk: Desk, measure: str) -> None:
        super().__init__(desk)
        self._make_widgets(measure)
        self._arrange()

    def fit_strip(self) -> None:
        """Give the people's strip the height that it wants, or let it scroll."""
        wanted = self.strip.sizeHint().height() + 2
        scrolls = wanted > _STRIP_HEIGHT
        self._scroll.setFixedHeight(_STRIP_HEIGHT if scrolls else wanted)
        self._scroll.setVerticalScrollBarPolicy(
            Qt.ScrollBarAlwaysOn if scrolls else Qt.ScrollBarAlwaysOff
        )
        bar = self._scroll.verticalScrollBar().sizeHint().width() if scrolls else 0
        self.strip.set_margin(max(0, MARGIN - bar))

    def _make_widgets(self, measure: str) -> None:
        self.heading = ElidedLabel(parent=self, middle=True)
        self.summary = ElidedLabel(parent=self)
        self.open_button = icon_button("folder", self.tr("Open a result…"), self, words=True)
        self.film_button = icon_button("film", self.tr("Choose the film…"), self, words=True)
        self.export_button = icon_button("review", self.tr("Export…"), self, words=True)
        self.view = PictureView(parent=self)
        self.view.setMinimumSize(240, 135)
        self.play_button = icon_button("play", self.tr("Play"), self, self.tr("Play (Space)"))
        self.slider = QSlider(Qt.Horizontal, self)
        self.slider.setAccessibleName(self.tr("Time"))
        self.time_label = QLabel(self)
        self.time_label.setAccessibleName(self.tr("Time and frame"))
        self.strip = TrackStrip(self)
        self.everybody_button = QPushButton(self.tr("Everybody"), self)
        self.everybody_button.setAccessibleName(self.tr("Choose everybody, or nobody"))
        self.choice = MeasureChoice(measure, self)
        self.now_label = ElidedLabel(parent=self)
        self.now_label.setAccessibleName(self.tr("The measure at this moment"))
        self.plot = MeasurePlot(self)

    def _arrange(self) -> None:
        buttons = (self.film_button, self.export_button, self.open_button)
        top = page_head(self.heading, self.summary, buttons)
        transport = QHBoxLayout()
        transport.setContentsMargins(0, 0, MARGIN, 0)
        transport.setSpacing(8)
        self.play_button.setFixedWidth(GUTTER - 12)
        transport.addWidget(self.play_button)
        transport.addWidget(self.slider, 1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        scroll.setWidget(self.strip)
        scroll.setFrameShape(QScrollArea.NoFrame)
        self._scroll = scroll
        measures = QHBoxLayout()
        measures.setContentsMargins(0, 0, MARGIN, 0)
        measures.setSpacing(8)
        measures.addWidget(self.everybody_button)
        measures.addWidget(self.choice)
        measures.addWidget(self.now_label, 1)
        measures.addWidget(self.time_label)
        below = self.below = QWidget(self)
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(6)
        column.addLayout(transport)
        column.addWidget(scroll)
        column.addLayout(measures)
        column.addWidget(self.plot, 1)
        split = QSplitter(Qt.Vertical, self)
        split.addWidget(self.view)
        split.addWidget(below)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setChildrenCollapsible(False)
        split.setSizes([400, 330])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(10)
        whole.addLayout(top)
        whole.addWidget(split, 1)
