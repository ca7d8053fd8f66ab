"""The bar over the live picture: the source, start and stop, recording, what is in sight."""

from __future__ import annotations

from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.gui.icons import icon
from app.gui.parts import icon_button
from app.gui.record_bar import RecordBar
from app.gui.session import State
from app.gui.source_picker import SourcePicker


class LiveBar(QWidget):
    """A row of buttons; what they do is the page's.

    Args:
        picker: Stands first, and takes the room that is left.
        record_bar: Stands beside the start button.
        parent: Owns it.
    """

    def __init__(self, picker: SourcePicker, record_bar: RecordBar, parent: QWidget) -> None:
        super().__init__(parent)
        self.start = QPushButton(self)
        self.start.setObjectName("primary")
        self.start.setMinimumWidth(92)
        self.start.setToolTip(self.tr("Start or stop (Space)"))
        self.pause = self._switch("pause", self.tr("Pause"), self.tr("Pause (P)"))
        self.repeat = self._switch(
            "repeat", self.tr("Repeat"), self.tr("Play a recording again and again")
        )
        self.mirror = self._switch("mirror", self.tr("Mirror"), self.tr("Mirror (M)"))
        self.full = icon_button(
            "fullscreen", self.tr("Full screen"), self, self.tr("Full screen (F)")
        )
        self.meters = self._switch("review", self.tr("Meters"), self.tr("Show the meters"))
        self.controls = self._switch(
            "controls", self.tr("Controls"), self.tr("Show the controls (H)")
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(picker, 1)
        for widget in (
            self.start, record_bar, self.pause, self.repeat,
            self.mirror, self.full, self.meters, self.controls,
        ):  # fmt: skip
            row.addWidget(widget)
        self.show_state(State.IDLE)

    def show_state(self, state: State) -> None:
        """Name the buttons after what they would do now."""
        running = state is not State.IDLE
        words = self.tr("Stop") if running else self.tr("Start")
        self.start.setText(words)
        self.start.setAccessibleName(words)
        self.start.setIcon(icon("stop" if running else "play", on_accent=True))
        self.start.setEnabled(state is not State.STOPPING)
        self.pause.setEnabled(running)

    def _switch(self, shape: str, name: str, tip: str) -> QPushButton:
        button = icon_button(shape, name, self, tip)
        button.setCheckable(True)
        return button
