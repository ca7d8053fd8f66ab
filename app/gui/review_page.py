"""The review page: a result over its film, people over time, and plots of how they moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt5.QtCore import QSignalBlocker
from PyQt5.QtGui import QDragEnterEvent, QDropEvent

from app.gui.ask_path import ask_file, ask_new_file
from app.gui.batch_row import clock_text
from app.gui.exhibits import show_review
from app.gui.film_screen import FilmScreen, close
from app.gui.icons import icon
from app.gui.notices import Notice, notice_of
from app.gui.page import Desk
from app.gui.playback import Playback
from app.gui.review_layout import ReviewLayout
from app.gui.reviewed import Reviewed, open_reviewed, over_film
from app.gui.shortcuts import Shortcut
from app.gui.track_strip import place_at
from app.review.export import write_measures
from app.review.measures import Measures
from app.review.read_results import RESULTS

_TOPIC = "review"
_CHOSEN_AT_FIRST = 6  # people; more curves are a tangle


@dataclass(frozen=True)
class ReviewSettings:
    """What the page remembers.

    Attributes:
        folder: Where the last result was.
        measure: The measure that is plotted.
    """

    folder: str = ""
    measure: str = "left_knee_deg"


class ReviewPage(ReviewLayout):
    """Opens results of `main.py video`, of the batch page, and recordings."""

    def __init__(self, desk: Desk) -> None:
        settings = desk.settings.get(ReviewSettings)
        super().__init__(desk, settings.measure)
        self.closing = False
        self._settings = settings
        self._reviewed: Reviewed | None = None
        self._ids: list[int] = []
        self._at = 0
        self._asked = 0  # results, so far; only the last one is shown
        self._playback = Playback(self)
        self._playback.due.connect(self._due)
        self._screen = FilmScreen(self.view, desk.offload)
        self._screen.failed.connect(self._not_drawn)
        self._connect()
        self.setAcceptDrops(True)
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
        self._asked += 1
        asked = self._asked
        self.pause()
        self.desk.retract(_TOPIC)
        self.view.say(self.tr("Opening…"))
        self.desk.offload.run(
            "open result",
            lambda: open_reviewed(path),
            lambda reviewed: self._opened(asked, reviewed),
            lambda error: self._failed(asked, error),
            owner=self,
        )

    def open_film(self, text: str) -> None:
        """Show the skeletons over another film."""
        reviewed = self._reviewed
        if reviewed is not None:
            self.pause()
            self.desk.offload.run(
                "open film",
                lambda: over_film(reviewed, text),
                lambda found: self._filmed(reviewed, found),
                owner=self,
            )

    def seek(self, at: int) -> None:
        """Show a frame; beyond the ends is the end."""
        if self._reviewed is None:
            return
        self._at = min(max(0, at), len(self._reviewed.tracked) - 1)
        if self._playback.playing:
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
        if self._playback.playing:
            self.pause()
        elif self._reviewed is not None:
            if self._at == len(self._reviewed.tracked) - 1:
                self.seek(0)
            self._play_from_here()
            self._show_buttons()

    def pause(self) -> None:
        """Hold the film."""
        self._playback.hold()
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
        if not people:
            self.desk.tell(Notice(self.tr("Choose somebody to export first"), topic=_TOPIC))
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
            Shortcut("Right", self.tr("Next frame"), lambda: self.step(1), repeats=True),
            Shortcut("Left", self.tr("Frame before"), lambda: self.step(-1), repeats=True),
            Shortcut("Shift+Right", self.tr("One second on"), lambda: self.jump(1), repeats=True),
            Shortcut("Shift+Left", self.tr("One second back"), lambda: self.jump(-1), repeats=True),
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
        elif paths and self._reviewed is None:
            words = self.tr("Open a result first (.jsonl, .csv, .json); a film goes under it")
            self.desk.tell(Notice(words, topic=_TOPIC))
        elif paths:
            self.open_film(paths[0])
        event.acceptProposedAction()

    def show_for_screenshot(self) -> Callable[[], bool]:
        """Something to see; answers what tells when it is there."""
        return show_review(self)

    def _connect(self) -> None:
        self.open_button.clicked.connect(self._ask_result)
        self.film_button.clicked.connect(self._ask_film)
        self.export_button.clicked.connect(self._ask_export)
        self.play_button.clicked.connect(self.toggle_play)
        self.slider.valueChanged.connect(self.seek)
        self.strip.sought.connect(self.seek)
        self.strip.toggled.connect(self.toggle_person)
        self.everybody_button.clicked.connect(self.choose_all)
        self.choice.chosen.connect(self._measure_chosen)
        self.plot.sought.connect(self.seek)

    # ---- answers from other threads -------------------------------------------------------

    def _opened(self, asked: int, reviewed: Reviewed) -> None:
        if asked != self._asked:  # another one was asked for meanwhile
            close(reviewed)
            return
        self._reviewed, self._at = reviewed, 0
        self._screen.open(reviewed)
        longest = sorted(reviewed.tracked.tracks, key=len, reverse=True)
        # On photographs nobody comes twice: there are no curves, and everybody is looked at.
        most = len(longest) if reviewed.tracked.files else _CHOSEN_AT_FIRST
        kept = {track.id for track in longest[:most]}
        self._ids = [track.id for track in reviewed.tracked.tracks if track.id in kept]
        self._settings = replace(self._settings, folder=str(reviewed.path.parent))
        self.desk.settings.put(self._settings)
        if reviewed.trouble:
            self.desk.tell(Notice(reviewed.trouble, kind="warning", topic=_TOPIC))
        self._show_all()

    def _filmed(self, before: Reviewed, reviewed: Reviewed) -> None:
        if before is not self._reviewed:
            close(reviewed)
            return
        if reviewed.film is None:
            self.desk.tell(Notice(reviewed.trouble, topic=_TOPIC))
            return
        self._reviewed = reviewed
        self._screen.open(reviewed)
        self._show_all()

    def _failed(self, asked: int, error: BaseException) -> None:
        if asked != self._asked:
            return
        self._show_all()
        self.desk.tell(notice_of(error, _TOPIC))

    def _not_drawn(self, error: BaseException) -> None:
        self.pause()
        self.desk.tell(notice_of(error, _TOPIC))

    # ---- showing --------------------------------------------------------------------------

    def _show_all(self) -> None:
        reviewed = self._reviewed
        tracked = None if reviewed is None else reviewed.tracked
        self.heading.setText(self.tr("Review") if reviewed is None else reviewed.path.name)
        self.summary.setText(self._in_words())
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, 0 if tracked is None else len(tracked) - 1)
        self.strip.show_result(tracked)
        self.fit_strip()
        self.plot.show_result(tracked)
        for widget in (self.film_button, self.export_button, self.slider, self.play_button):
            widget.setEnabled(reviewed is not None)
        self.below.setVisible(reviewed is not None)  # nothing to scrub through
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
        playing = self._playback.playing
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
        self._screen.show(at, tuple(self._ids))

    # ---- playing --------------------------------------------------------------------------

    def _play_from_here(self) -> None:
        assert self._reviewed is not None
        self._playback.play_from(float(self._reviewed.tracked.times_s[self._at]))

    def _due(self, film_s: float) -> None:
        if self._reviewed is None:
            return
        at = place_at(self._reviewed.tracked, film_s)
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
        kinds = self.tr("Results") + f" ({' '.join(f'*{suffix}' for suffix in RESULTS)})"
        ask_file(self, self.tr("Open a result"), self.open, self._settings.folder, kinds)

    def _ask_film(self) -> None:
        title = self.tr("The film of this result")
        ask_file(self, title, self.open_film, self._settings.folder)

    def _ask_export(self) -> None:
        if self._reviewed is not None:
            ask_new_file(
                self,
                self.tr("Export angles and speeds"),
                lambda path: self.export(Path(path)),
                self._settings.folder,
                f"{self._reviewed.path.stem}.measures.csv",
                [self.tr("Table") + " (*.csv)", "JSON (*.json)"],
            )
