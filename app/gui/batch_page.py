"""The batch page: drop videos and folders, watch them being worked on, open what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt5.QtCore import QPoint, QStandardPaths, Qt, QUrl
from PyQt5.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QMenu

from app.batch.batch import Batch
from app.batch.entry import Entry, Settings, State
from app.gui.ask_path import ask_files, ask_folder
from app.gui.batch_layout import BatchLayout
from app.gui.batch_model import ROW
from app.gui.batch_queue import BatchQueue
from app.gui.batch_summary import in_words, share
from app.gui.exhibits import show_batch
from app.gui.icons import icon
from app.gui.notices import notice_of
from app.gui.page import Desk
from app.gui.presets import Controls
from app.gui.shortcuts import Shortcut
from app.sinks.sink import SINKS

_TOPIC = "batch"
_REVIEWED = (".jsonl", ".csv", ".json")  # what the review page opens, the best first


@dataclass(frozen=True)
class BatchPageSettings:
    """What the page remembers.

    Attributes:
        out: Folder of the results; empty for the user's videos.
        formats: Which results to write.
        overwrite: Replace results that are there already.
    """

    out: str = ""
    formats: tuple[str, ...] = tuple(suffix[1:] for suffix in SINKS)
    overwrite: bool = False


class BatchPage(BatchLayout):
    """A queue of inputs and their results; the same code as `main.py video`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._settings = desk.settings.get(BatchPageSettings)
        self._chosen_out = ""  # remembered once it could be opened
        self.queue = BatchQueue(desk.offload, self)
        self.options_button.setMenu(self._make_options())
        self._connect()
        self.setAcceptDrops(True)
        self.queue.open(self.out)
        self._show()

    @property
    def out(self) -> Path:
        """Where results go."""
        if self.queue.out is not None:
            return self.queue.out
        if self._settings.out:
            return Path(self._settings.out)
        movies = QStandardPaths.writableLocation(QStandardPaths.MoviesLocation)
        return Path(movies or Path.home()) / "cascaded-pose" / "batch"

    @property
    def settings(self) -> Settings:
        """How new inputs are worked on: networks, limits, look and privacy are the live page's."""
        controls = self.desk.settings.get(Controls)
        people = replace(
            controls.people,
            min_score=controls.dials.min_score,
            max_people=controls.dials.max_people,
            smooth=controls.dials.smooth,
        )
        return Settings(
            people,
            self._settings.formats,
            overwrite=self._settings.overwrite,
            style=replace(controls.dials.style, mirror=False),  # a webcam is a mirror, a film not
        )

    # ---- what users do --------------------------------------------------------------------

    def add(self, texts: Sequence[str]) -> None:
        """Put videos, pictures and folders at the end."""
        if texts:
            self.desk.retract(_TOPIC)
            self.queue.add(texts, self.settings)

    def open(self, what: object) -> None:
        """Take an input from another page."""
        self.add([str(what)])

    def toggle(self) -> None:
        """Start, pause, or go on."""
        if self.queue.running and not self.queue.paused:
            self.queue.pause()
        else:
            self.queue.start()

    def choose_out(self, folder: str) -> None:
        """Write results to another folder from now on, and show what is there."""
        self.desk.retract(_TOPIC)
        self._chosen_out = folder
        self.queue.open(Path(folder))

    def open_results(self) -> None:
        """Show the chosen input's results on the review page."""
        entry = self._chosen_one(State.DONE)
        if entry is None:
            return
        paths = {path.suffix: path for path in entry.paths(self.out)}
        found = next((paths[suffix] for suffix in _REVIEWED if suffix in paths), None)
        if found is not None:
            self.desk.open_page("review", found)
        else:
            self.open_folder()

    def open_folder(self) -> None:
        """Show the folder of the results in the system's file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.out)))

    def remove(self) -> None:
        """Cancel what runs, and take the rest out of the list; results stay."""
        working = self._chosen(State.WORKING)
        others = [key for key in self._chosen() if key not in working]
        self.queue.each(Batch.cancel, working)
        self.queue.each(Batch.forget, others)

    def retry(self) -> None:
        """Do again what failed or was cancelled."""
        overwrite = self._settings.overwrite
        keys = self._chosen(State.FAILED, State.CANCELLED)
        self.queue.each(lambda batch, key: batch.retry(key, overwrite), keys)

    def remove_finished(self) -> None:
        """Take what is done out of the list; results stay."""
        done = [entry.key for entry in self.queue.entries if entry.state is State.DONE]
        self.queue.each(Batch.forget, done)

    # ---- the window's calls ---------------------------------------------------------------

    def shortcuts(self) -> Sequence[Shortcut]:
        return [
            Shortcut("Ctrl+O", self.tr("Add files"), self._ask_files),
            Shortcut("Ctrl+Shift+O", self.tr("Add a folder"), self._ask_folder),
            Shortcut("Space", self.tr("Start, pause or go on"), self.toggle),
            Shortcut("Return", self.tr("Review the chosen result"), self.open_results),
            Shortcut("Delete", self.tr("Cancel or remove the chosen ones"), self.remove),
            Shortcut("Ctrl+R", self.tr("Try the chosen ones again"), self.retry),
        ]

    def themed(self) -> None:
        self.rows.viewport().update()

    def close_down(self) -> None:
        self.queue.stop()

    def closed(self, seconds: float) -> bool:
        return self.queue.join(seconds)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            self.rows.set_hot(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: object) -> None:
        self.rows.set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.rows.set_hot(False)
        self.add([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def show_for_screenshot(self) -> Callable[[], bool]:
        """Something to see; answers what tells when it is there."""
        return show_batch(self)

    # ---- making ---------------------------------------------------------------------------

    def _connect(self) -> None:
        self.queue.changed.connect(self._show)
        self.queue.opened.connect(self._opened)
        self.queue.failed.connect(lambda error: self.desk.tell(notice_of(error, _TOPIC)))
        self.rows.customContextMenuRequested.connect(self._show_menu)
        self.rows.doubleClicked.connect(lambda _: self.open_results())
        self.rows.selectionModel().selectionChanged.connect(lambda *_: self._show_buttons())
        for button, call in (
            (self.start_button, self.toggle),
            (self.add_button, self._ask_files),
            (self.folder_button, self._ask_folder),
            (self.review_button, self.open_results),
            (self.retry_button, self.retry),
            (self.remove_button, self.remove),
            (self.tidy_button, self.remove_finished),
            (self.out_button, self._ask_out),
        ):
            button.clicked.connect(lambda _=False, call=call: call())

    def _make_options(self) -> QMenu:
        menu = QMenu(self)
        names = {
            "mp4": self.tr("Video with skeletons (.mp4)"),
            "jsonl": self.tr("Keypoints, a line per frame (.jsonl)"),
            "csv": self.tr("Keypoints as a table (.csv)"),
            "json": self.tr("COCO results (.json)"),
        }
        for form in (suffix[1:] for suffix in SINKS):
            action = menu.addAction(names.get(form, f".{form}"))
            action.setCheckable(True)
            action.setChecked(form in self._settings.formats)
            action.toggled.connect(lambda on, form=form: self._choose_format(form, on))
        menu.addSeparator()
        action = menu.addAction(self.tr("Replace older results"))
        action.setCheckable(True)
        action.setChecked(self._settings.overwrite)
        action.toggled.connect(lambda on: self._remember(overwrite=on))
        return menu

    # ---- showing --------------------------------------------------------------------------

    def _opened(self) -> None:
        if self._chosen_out and self.queue.out == Path(self._chosen_out):
            self._remember(out=self._chosen_out)
        left = sum(entry.state is State.WAITING for entry in self.queue.entries)
        if left:
            self.rows.scrollToTop()

    def _show(self) -> None:
        self.model.show_entries(self.queue.entries)
        self.summary.setText(in_words(self.model.rows, self.queue.running, self.queue.paused))
        shares = [share(entry) for entry in self.queue.entries]
        self.bar.setRange(0, 1000 * max(1, len(shares)))
        self.bar.setValue(round(1000 * sum(shares)))
        self.bar.setVisible(bool(shares))
        self.out_label.setText(self.tr("Results in {0}").format(str(self.out)))
        self._show_buttons()

    def _show_buttons(self) -> None:
        running, paused = self.queue.running, self.queue.paused
        at_work = running and not paused
        words = self.tr("Pause") if at_work else self.tr("Go on") if running else self.tr("Start")
        self.start_button.setText(words)
        self.start_button.setAccessibleName(words)
        self.start_button.setIcon(icon("pause" if at_work else "play", on_accent=True))
        waiting = any(entry.state is State.WAITING for entry in self.queue.entries)
        self.start_button.setEnabled(running or waiting)
        self.out_button.setEnabled(not running)  # what runs belongs to the folder that is shown
        self.review_button.setEnabled(self._chosen_one(State.DONE) is not None)
        self.retry_button.setEnabled(bool(self._chosen(State.FAILED, State.CANCELLED)))
        self.remove_button.setEnabled(bool(self._chosen()))
        self.remove_button.setText(
            self.tr("Cancel") if self._chosen(State.WORKING) else self.tr("Remove")
        )
        self.tidy_button.setEnabled(any(e.state is State.DONE for e in self.queue.entries))

    # ---- choosing -------------------------------------------------------------------------

    def _chosen(self, *states: State) -> list[int]:
        rows = [index.data(ROW).entry for index in self.rows.selectionModel().selectedIndexes()]
        return [entry.key for entry in rows if not states or entry.state in states]

    def _chosen_one(self, state: State) -> Entry | None:
        keys = self._chosen(state)
        entries = {entry.key: entry for entry in self.queue.entries}
        return entries.get(keys[0]) if len(keys) == 1 else None

    def _show_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WA_DeleteOnClose)
        for button in (self.review_button, self.retry_button, self.remove_button):
            action = menu.addAction(button.icon(), button.text(), button.click)
            action.setEnabled(button.isEnabled())
        menu.addAction(icon("folder"), self.tr("Show in the file manager"), self.open_folder)
        menu.popup(self.rows.viewport().mapToGlobal(at))

    def _choose_format(self, form: str, wanted: bool) -> None:
        known = [suffix[1:] for suffix in SINKS]
        kept = {*self._settings.formats, form} if wanted else {*self._settings.formats} - {form}
        self._remember(formats=tuple(each for each in known if each in kept))

    def _remember(self, **changes: object) -> None:
        self._settings = replace(self._settings, **changes)  # type: ignore[arg-type]
        self.desk.settings.put(self._settings)

    def _ask_files(self) -> None:
        ask_files(self, self.tr("Videos and pictures"), self.add)

    def _ask_folder(self) -> None:
        title = self.tr("A folder of videos or pictures")
        ask_folder(self, title, lambda one: self.add([one]), str(self.out))

    def _ask_out(self) -> None:
        ask_folder(self, self.tr("Where results go"), self.choose_out, str(self.out))
