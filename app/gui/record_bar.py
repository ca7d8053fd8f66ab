"""The recording controls: one button and key, a timer, snapshots, and what is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt5.QtCore import QStandardPaths, QTimer
from PyQt5.QtWidgets import (
    QAction,
    QActionGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QWidget,
)

from app.gui.ask_path import ask_folder
from app.gui.icons import icon
from app.gui.notices import Notice, notice_of
from app.gui.page import Desk
from app.gui.parts import icon_button
from app.gui.recorder import Recorder
from app.gui.shortcuts import Shortcut
from app.sinks.snapshot import save_snapshot
from app.sinks.takes import TakePlan
from pose.types import Scene

_RED = "#e5484d"
_TOPIC = "recording"
_TICK_MS = 250


@dataclass(frozen=True)
class RecordSettings:
    """What is remembered about recording.

    Attributes:
        folder: Where to; empty for the user's videos.
        video: As `TakePlan.video`.
        keypoints: Write keypoints beside the video.
    """

    folder: str = ""
    video: str = "annotated"
    keypoints: bool = True


class RecordBar(QWidget):
    """Starts and ends takes, shows how long one runs, saves snapshots.

    Args:
        recorder: Does it.
        desk: Of the window.
        shown: The scene on the screen, for snapshots; None if there is none.
        clean_allowed: Whether pictures may be saved as the camera saw them.
        parent: Owns it.
    """

    def __init__(
        self,
        recorder: Recorder,
        desk: Desk,
        shown: Callable[[], Scene | None],
        clean_allowed: Callable[[], bool] = lambda: True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._recorder, self._desk = recorder, desk
        self._shown, self._clean_allowed = shown, clean_allowed
        self._settings = desk.settings.get(RecordSettings)
        self.button = icon_button("record", self.tr("Record"), self, self.tr("Record (R)"))
        self.button.setIcon(icon("record", _RED))
        self.button.clicked.connect(self.toggle)
        self.timer_label = QLabel(self)
        self.timer_label.setAccessibleName(self.tr("Recorded time"))
        self.timer_label.setStyleSheet(f"color: {_RED}; font-weight: 600;")
        self.timer_label.hide()
        self.snapshot_button = icon_button(
            "photo", self.tr("Snapshot"), self, self.tr("Save this picture (S)")
        )
        self.snapshot_button.clicked.connect(self.snapshot)
        self.options_button = icon_button(
            "more", self.tr("What is recorded"), self, self.tr("What is recorded, and where")
        )
        self.options_button.setMenu(self._make_menu())
        self.options_button.setStyleSheet("QPushButton::menu-indicator { image: none; }")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for each in (self.button, self.timer_label, self.snapshot_button, self.options_button):
            row.addWidget(each)
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._show_time)
        recorder.changed.connect(self._show)
        recorder.begun.connect(lambda _: desk.retract(_TOPIC))
        recorder.ended.connect(self._saved)
        recorder.failed.connect(lambda error: desk.tell(notice_of(error, _TOPIC)))

    @property
    def folder(self) -> Path:
        """Where recordings and snapshots go."""
        if self._settings.folder:
            return Path(self._settings.folder)
        movies = QStandardPaths.writableLocation(QStandardPaths.MoviesLocation)
        return Path(movies or Path.home()) / "cascaded-pose"

    def plan(self) -> TakePlan:
        """What the next take writes."""
        video = self._settings.video
        return TakePlan(
            self.folder,
            "both" if video == "both" else "clean" if video == "clean" else "annotated",
            ("jsonl", "csv") if self._settings.keypoints else (),
        )

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys for the page that holds this."""
        return [
            Shortcut("R", self.tr("Record, or end the recording"), self.toggle),
            Shortcut("S", self.tr("Save this picture"), self.snapshot),
        ]

    def toggle(self) -> None:
        """Record, or end the recording."""
        if self._recorder.wanted:
            self._recorder.stop()
        else:
            self._recorder.record(self.plan())

    def snapshot(self) -> None:
        """Save what is on the screen."""
        scene, folder = self._shown(), self.folder
        if scene is None:
            self._desk.tell(
                Notice(self.tr("There is no picture to save yet"), kind="news", topic=_TOPIC)
            )
            return
        allowed = self._clean_allowed()
        self._desk.offload.run(
            "snapshot",
            lambda: save_snapshot(scene, folder, time.localtime(), allowed),
            lambda path: self._saved([path]),
            lambda error: self._desk.tell(notice_of(error, _TOPIC)),
            owner=self,
        )

    # ---- inside ---------------------------------------------------------------------------

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        group = QActionGroup(menu)
        for key, words in (
            ("annotated", self.tr("Video with skeletons")),
            ("clean", self.tr("Video as the camera saw it")),
            ("both", self.tr("Both videos")),
        ):
            action = _checkable(menu, words, self._settings.video == key)
            action.setActionGroup(group)
            action.triggered.connect(lambda _=False, key=key: self._choose(video=key))
        menu.addSeparator()
        keypoints = _checkable(menu, self.tr("Keypoints as CSV and JSON Lines"), True)
        keypoints.setChecked(self._settings.keypoints)
        keypoints.triggered.connect(lambda checked: self._choose(keypoints=checked))
        menu.addSeparator()
        menu.addAction(icon("folder"), self.tr("Choose the folder…"), self._ask_folder)
        return menu

    def _choose(self, **changes: object) -> None:
        self._settings = replace(self._settings, **changes)  # type: ignore[arg-type]
        self._desk.settings.put(self._settings)

    def _ask_folder(self) -> None:
        title = self.tr("Folder for recordings")
        ask_folder(self, title, lambda folder: self._choose(folder=folder), str(self.folder))

    def _show(self) -> None:
        wanted = self._recorder.wanted
        self.button.setIcon(icon("stop" if wanted else "record", _RED))
        name = self.tr("End the recording") if wanted else self.tr("Record")
        self.button.setAccessibleName(name)
        self.button.setToolTip(name + " (R)")
        self.timer_label.setVisible(wanted)
        if wanted:
            self._clock.start()
            self._show_time()
        else:
            self._clock.stop()

    def _show_time(self) -> None:
        if self._recorder.writing:
            whole = int(self._recorder.seconds)
            text = f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
        else:
            text = self.tr("waits for a picture")
        self.timer_label.setText("● " + text)

    def _saved(self, paths: list[Path]) -> None:
        names = ", ".join(path.name for path in paths)
        text = self.tr("Saved {0} in {1}").format(names, str(paths[0].parent))
        self._desk.tell(Notice(text, kind="news", topic=_TOPIC))


def _checkable(menu: QMenu, words: str, checked: bool) -> QAction:
    action = QAction(words, menu)
    action.setCheckable(True)
    action.setChecked(checked)
    menu.addAction(action)
    return action
