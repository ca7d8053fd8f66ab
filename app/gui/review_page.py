"""The review page: a result over its film, people over time, and plots of how they moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt5.QtCore import QSignalBlocker, Qt, QTimer
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.gui.batch_row import clock_text
from app.gui.bridge import Picture
from app.gui.exhibits import show_review
from app.gui.icons import icon
from app.gui.measure_choice import MeasureChoice
from app.gui.measure_plot import MeasurePlot
from app.gui.notices import Notice, notice_of
from app.gui.page import Desk, Page
from app.gui.parts import icon_button
from app.gui.picture_view import PictureView
from app.gui.reviewed import Reviewed, open_reviewed, picture_of, with_film
from app.gui.shortcuts import Shortcut
from app.gui.track_strip import GUTTER, MARGIN, TrackStrip, place_at
from app.review.export import write_measures
from app.review.film import FilmPlace
from app.review.measures import Measures
from app.review.read_results import RESULTS
from app.steps.draw import DrawStyle

_TOPIC = "review"
_CHOSEN_AT_FIRST = 6  # people; more curves are a tangle
_TICK_MS = 15
_STRIP_HEIGHT = 126


@dataclass(frozen=True)
class ReviewSettings:
    """What the page remembers.

    Attributes:
        folder: Where the last result was.
        measure: The measure that is plotted.
    """

    folder: str = ""
    measure: str = "left_knee_deg"


class ReviewPage(Page):
    """Opens results of `main.py video`, of the batch page, and recordings."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.closing = False
        self._settings = desk.settings.get(ReviewSettings)
        self._reviewed: Reviewed | None = None
        self._ids: list[int] = []
        self._at = 0
        self._shown_at: tuple[int, ...] | None = None
        self._drawing = False
        self._played_from: tuple[float, float] | None = None  # clock, film seconds
        self._make_widgets()
        self._arrange()
        self.setAcceptDrops(True)
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._tick)
        self._show_all()

    # ---- what users do --------------------------------------------------------------------

    @property
    def reviewed(self) -> Reviewed | None:
        """What is open."""
        return self._reviewed

    @property
    def ids(self) -> list[int]:
        """The chosen people."""
        return list(self._ids)

    @property
    def at(self) -> int:
        """Position of the frame that is shown."""
        return self._at

    def open(self, what: object) -> None:
        """Open a result file."""
        path = Path(str(what))
        self.pause()
        self.desk.retract(_TOPIC)
        self.view.say(self.tr("Opening…"))
        self.desk.offload.run(
            "open result",
            lambda: open_reviewed(path),
            self._opened,
            self._failed,
            owner=self,
        )

    def open_film(self, text: str) -> None:
        """Show the skeletons over another film."""
        reviewed = self._reviewed
        if reviewed is not None:
            self.pause()
            place = FilmPlace(text, annotated=False)
            self.desk.offload.run(
                "open film", lambda: with_film(reviewed, place), self._filmed, owner=self
            )

    def seek(self, at: int) -> None:
        """Show a frame; beyond the ends is the end."""
        if self._reviewed is None:
            return
        self._at = min(max(0, at), len(self._reviewed.tracked) - 1)
        if self._played_from is not None:
            self._play_from_here()
        self._show_place()

    def step(self, frames: int) -> None:
        """Some frames on, or back."""
        self.pause()
        self.seek(self._at + frames)

    def jump(self, seconds: float) -> None:
        """Some seconds on, or back."""
        if self._reviewed is not None:
            tracked = self._reviewed.tracked
            self.seek(place_at(tracked, float(tracked.times_s[self._at]) + seconds))

    def toggle_play(self) -> None:
        """Play, or hold."""
        if self._played_from is not None:
            self.pause()
        elif self._reviewed is not None:
            if self._at == len(self._reviewed.tracked) - 1:
                self.seek(0)
            self._play_from_here()
            self._clock.start()
            self._show_buttons()

    def pause(self) -> None:
        """Hold the film."""
        self._played_from = None
        self._clock.stop()
        self._show_buttons()

    def toggle_person(self, identity: int) -> None:
        """Choose a person, or no longer."""
        if identity in self._ids:
            self._ids.remove(identity)
        else:
            self._ids.append(identity)
        self._show_people()

    def choose_all(self) -> None:
        """Everybody; or nobody, if everybody is chosen."""
        if self._reviewed is not None:
            everybody = [track.id for track in self._reviewed.tracked.tracks]
            self._ids = [] if set(everybody) == set(self._ids) else everybody
            self._show_people()

    def export(self, path: Path) -> None:
        """Write the measures of the chosen people."""
        reviewed, people = self._reviewed, self._chosen_measures()
        if reviewed is None:
            return
        self.desk.offload.run(
            "export",
            lambda: write_measures(path, reviewed.tracked, people),
            lambda _: self.desk.tell(
                Notice(self.tr("Saved {0}").format(str(path)), kind="news", topic=_TOPIC)
            ),
            lambda error: self.desk.tell(notice_of(error, _TOPIC)),
            owner=self,
        )

    # ---- the window's calls ---------------------------------------------------------------

    def shortcuts(self) -> Sequence[Shortcut]:
        return [
            Shortcut("Ctrl+O", self.tr("Open a result"), self._ask_result),
            Shortcut("Space", self.tr("Play or hold"), self.toggle_play),
            Shortcut("Right", self.tr("Next frame"), lambda: self.step(1)),
            Shortcut("Left", self.tr("Frame before"), lambda: self.step(-1)),
            Shortcut("Shift+Right", self.tr("One second on"), lambda: self.jump(1)),
            Shortcut("Shift+Left", self.tr("One second back"), lambda: self.jump(-1)),
            Shortcut("Home", self.tr("To the start"), lambda: self.seek(0)),
            Shortcut("End", self.tr("To the end"), lambda: self.seek(1 << 40)),
            Shortcut("A", self.tr("Everybody, or nobody"), self.choose_all),
            Shortcut("Ctrl+E", self.tr("Export angles and speeds"), self._ask_export),
        ]

    def left(self) -> None:
        self.pause()

    def close_down(self) -> None:
        self.closing = True
        self.pause()

    def themed(self) -> None:
        self.plot.themed()
        self.strip.update()
        self.view.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        results = [path for path in paths if Path(path).suffix.lower() in RESULTS]
        if results:
            self.open(results[0])
        elif paths:
            self.open_film(paths[0])
        event.acceptProposedAction()

    def show_for_screenshot(self) -> Callable[[], bool]:
        """Something to see; answers what tells when it is there."""
        return show_review(self)

    # ---- making ---------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.heading = QLabel(self)
        self.heading.setObjectName("heading")
        self.summary = QLabel(self)
        self.summary.setObjectName("faint")
        self.open_button = icon_button("folder", self.tr("Open a result…"), self, words=True)
        self.open_button.clicked.connect(self._ask_result)
        self.film_button = icon_button("film", self.tr("Choose the film…"), self, words=True)
        self.film_button.clicked.connect(self._ask_film)
        self.export_button = icon_button("review", self.tr("Export…"), self, words=True)
        self.export_button.clicked.connect(self._ask_export)
        self.view = PictureView(parent=self)
        self.view.setMinimumSize(240, 135)
        self.view.resized.connect(self._show_picture)
        self.play_button = icon_button("play", self.tr("Play"), self, self.tr("Play (Space)"))
        self.play_button.clicked.connect(self.toggle_play)
        self.slider = QSlider(Qt.Horizontal, self)
        self.slider.setAccessibleName(self.tr("Time"))
        self.slider.valueChanged.connect(self.seek)
        self.time_label = QLabel(self)
        self.time_label.setAccessibleName(self.tr("Time and frame"))
        self.strip = TrackStrip(self)
        self.strip.sought.connect(self.seek)
        self.strip.toggled.connect(self.toggle_person)
        self.everybody_button = QPushButton(self.tr("Everybody"), self)
        self.everybody_button.setAccessibleName(self.tr("Choose everybody, or nobody"))
        self.everybody_button.clicked.connect(self.choose_all)
        self.choice = MeasureChoice(self._settings.measure, self)
        self.choice.chosen.connect(self._measure_chosen)
        self.now_label = QLabel(self)
        self.now_label.setAccessibleName(self.tr("The measure at this moment"))
        self.plot = MeasurePlot(self)
        self.plot.sought.connect(self.seek)

    def _arrange(self) -> None:
        head = QVBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.heading)
        head.addWidget(self.summary)
        top = QHBoxLayout()
        top.addLayout(head, 1)
        for button in (self.film_button, self.export_button, self.open_button):
            top.addWidget(button, 0, Qt.AlignVCenter)
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
        below = self._below = QWidget(self)
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

    # ---- answers from other threads -------------------------------------------------------

    def _opened(self, reviewed: Reviewed) -> None:
        self._close_film()
        self._reviewed, self._at = reviewed, 0
        longest = sorted(reviewed.tracked.tracks, key=len, reverse=True)
        kept = {track.id for track in longest[:_CHOSEN_AT_FIRST]}
        self._ids = [track.id for track in reviewed.tracked.tracks if track.id in kept]
        self._settings = replace(self._settings, folder=str(reviewed.path.parent))
        self.desk.settings.put(self._settings)
        if reviewed.trouble:
            self.desk.tell(Notice(reviewed.trouble, kind="warning", topic=_TOPIC))
        self._show_all()

    def _filmed(self, reviewed: Reviewed) -> None:
        if reviewed.film is None:
            self.desk.tell(Notice(reviewed.trouble, topic=_TOPIC))
            return
        self._close_film()
        self._reviewed = reviewed
        self._show_all()

    def _failed(self, error: BaseException) -> None:
        self._show_all()
        self.desk.tell(notice_of(error, _TOPIC))

    def _close_film(self) -> None:
        """Close the old film, unless a picture is being read from it: then with its last user."""
        if self._reviewed is not None and self._reviewed.film is not None and not self._drawing:
            self._reviewed.film.close()

    # ---- showing --------------------------------------------------------------------------

    def _show_all(self) -> None:
        reviewed = self._reviewed
        tracked = None if reviewed is None else reviewed.tracked
        self.heading.setText(self.tr("Review") if reviewed is None else reviewed.path.name)
        self.summary.setText(self._in_words())
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, 0 if tracked is None else len(tracked) - 1)
        self.strip.show_result(tracked)
        wanted = self.strip.sizeHint().height() + 2
        scrolls = wanted > _STRIP_HEIGHT
        self._scroll.setFixedHeight(_STRIP_HEIGHT if scrolls else wanted)
        self._scroll.setVerticalScrollBarPolicy(
            Qt.ScrollBarAlwaysOn if scrolls else Qt.ScrollBarAlwaysOff
        )
        bar = self._scroll.verticalScrollBar().sizeHint().width() if scrolls else 0
        self.strip.set_margin(max(0, MARGIN - bar))
        self.plot.show_result(tracked)
        for widget in (self.film_button, self.export_button, self.slider, self.play_button):
            widget.setEnabled(reviewed is not None)
        self._below.setVisible(reviewed is not None)  # nothing to scrub through
        self._shown_at = None
        if reviewed is None:
            self.view.clear()
            self.view.say(
                self.tr("Nothing is open"),
                self.tr("Open a result (.jsonl, .csv, .json), or drop one here."),
            )
        else:
            self.view.say("")
        self._show_people()
        self._show_buttons()

    def _in_words(self) -> str:
        if self._reviewed is None:
            return self.tr("Results of the batch page, of main.py video, and recordings")
        tracked = self._reviewed.tracked
        people = len(tracked.tracks)
        people_text = self.tr("1 person") if people == 1 else self.tr("{0} people")
        parts = [
            people_text.format(people),
            self.tr("{0} frames").format(len(tracked)),
            clock_text(float(tracked.times_s[-1] - tracked.times_s[0])),
        ]
        if self._reviewed.place is None:
            parts.append(self.tr("its film was not found"))
        elif self._reviewed.place.annotated:
            parts.append(self.tr("over its annotated video"))
        return "  ·  ".join(parts)

    def _show_buttons(self) -> None:
        playing = self._played_from is not None
        self.play_button.setIcon(icon("pause" if playing else "play"))
        self.play_button.setAccessibleName(self.tr("Hold") if playing else self.tr("Play"))

    def _show_people(self) -> None:
        self.strip.show_chosen(self._ids)
        self.plot.show_measure(self._chosen_measures(), self.choice.measure, self.choice.unit)
        self._show_place()

    def _show_place(self) -> None:
        reviewed = self._reviewed
        if reviewed is None:
            self.time_label.setText("")
            self.now_label.setText("")
            return
        tracked, at = reviewed.tracked, self._at
        with QSignalBlocker(self.slider):
            self.slider.setValue(at)
        self.strip.show_place(at)
        self.plot.show_place(at)
        since_s = float(tracked.times_s[at] - tracked.times_s[0])
        words = self.tr("{0:.2f} s  ·  frame {1}").format(since_s, int(tracked.indices[at]))
        self.time_label.setText(words)
        self.now_label.setText(self.choice.now_in_words(self._chosen_measures(), at))
        self._show_picture()

    def _show_picture(self) -> None:
        """Draw the frame off the GUI thread; of several wishes the newest counts."""
        reviewed = self._reviewed
        room_wh = self.view.room_wh
        wish = (self._at, *self._ids, -1, *room_wh)
        if reviewed is None or self._drawing or wish == self._shown_at:
            return
        self._drawing, self._shown_at = True, wish
        at, ids = self._at, tuple(self._ids)
        plain = reviewed.place is not None and reviewed.place.annotated
        style = DrawStyle(show_skeletons=not plain, show_ids=not plain)
        self.desk.offload.run(
            "draw",
            lambda: picture_of(reviewed, at, ids, style, room_wh),
            lambda picture: self._drawn(reviewed, picture),
            lambda error: self._not_drawn(reviewed, error),
            owner=self,
        )

    def _drawn(self, reviewed: Reviewed, picture: Picture) -> None:
        self._drawing = False
        if reviewed is self._reviewed:
            self.view.show_picture(picture)
        elif reviewed.film is not None:
            reviewed.film.close()
        self._show_picture()

    def _not_drawn(self, reviewed: Reviewed, error: BaseException) -> None:
        self._drawing = False
        if reviewed is self._reviewed:
            self.pause()
            self.desk.tell(notice_of(error, _TOPIC))

    # ---- playing --------------------------------------------------------------------------

    def _play_from_here(self) -> None:
        assert self._reviewed is not None
        self._played_from = (time.monotonic(), float(self._reviewed.tracked.times_s[self._at]))

    def _tick(self) -> None:
        if self._played_from is None or self._reviewed is None:
            return
        began_s, from_s = self._played_from
        at = place_at(self._reviewed.tracked, from_s + time.monotonic() - began_s)
        if at != self._at:
            self._at = at
            self._show_place()
        if at == len(self._reviewed.tracked) - 1:
            self.pause()

    # ---- measures -------------------------------------------------------------------------

    def _chosen_measures(self) -> list[Measures]:
        if self._reviewed is None:
            return []
        return [self._reviewed.measures[each] for each in self._ids]

    def _measure_chosen(self, name: str) -> None:
        self._settings = replace(self._settings, measure=name)
        self.desk.settings.put(self._settings)
        self._show_people()

    # ---- dialogs --------------------------------------------------------------------------

    def _ask_result(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in RESULTS)
        dialog = QFileDialog(self, self.tr("Open a result"), self._settings.folder)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.ExistingFile)
        dialog.setNameFilter(self.tr("Results") + f" ({kinds})")
        dialog.fileSelected.connect(self.open)
        dialog.open()

    def _ask_film(self) -> None:
        dialog = QFileDialog(self, self.tr("The film of this result"), self._settings.folder)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.ExistingFile)
        dialog.fileSelected.connect(self.open_film)
        dialog.open()

    def _ask_export(self) -> None:
        if self._reviewed is None:
            return
        name = f"{self._reviewed.path.stem}.measures.csv"
        dialog = QFileDialog(self, self.tr("Export angles and speeds"), self._settings.folder)
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptSave)
        dialog.setNameFilters([self.tr("Table") + " (*.csv)", "JSON (*.json)"])
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda path: self.export(Path(path)))
        dialog.open()
