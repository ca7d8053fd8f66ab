"""The widgets of the live page, where they stand, and which are in sight.

What they do is in `live_page`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QHBoxLayout, QVBoxLayout

from app.gui.controls import ControlPanel
from app.gui.live_bar import LiveBar
from app.gui.meters import MeterBar
from app.gui.page import Desk, Page
from app.gui.picture_view import PictureView
from app.gui.presets import Presets
from app.gui.source_picker import SourcePicker
from app.sources.listing import Listed


class LiveLayout(Page):
    """A bar; the picture with the controls beside it; the meters. Or the picture alone.

    Args:
        desk: Of the window.
        look: Finds sources.
    """

    bar: LiveBar

    def __init__(self, desk: Desk, look: Callable[[], list[Listed]]) -> None:
        super().__init__(desk)
        self.view = PictureView(parent=self)
        self.picker = SourcePicker(desk.offload, look, self)
        self.panel = ControlPanel(Presets(desk.settings), self)
        self.meters = MeterBar(self)
        self._full = False
        self.setAcceptDrops(True)

    def arrange(self, bar: LiveBar) -> None:
        """Put the bar over the rest; it has the switches of what is in sight.

        Args:
            bar: With this page's picker; its switches are as they shall be at first.
        """
        self.bar = bar
        middle = QHBoxLayout()
        middle.setSpacing(8)
        middle.addWidget(self.view, 1)
        middle.addWidget(self.panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.bar)
        column.addLayout(middle, 1)
        column.addWidget(self.meters)
        self._show_panels()
        bar.full.clicked.connect(self.toggle_full_screen)
        self.view.double_clicked.connect(self.toggle_full_screen)
        for button in (bar.controls, bar.meters):
            button.toggled.connect(self._show_panels)

    def left(self) -> None:
        self.leave_full_screen()

    def full_screen_ended(self) -> None:
        self.leave_full_screen()

    def themed(self) -> None:
        self.meters.themed()
        self.view.update()

    def toggle_full_screen(self) -> None:
        """Nothing but the picture, or everything again."""
        self._set_full(not self._full)

    def leave_full_screen(self) -> None:
        """Everything again."""
        if self._full:
            self._set_full(False)

    def _set_full(self, wanted: bool) -> None:
        self._full = wanted
        self.bar.setVisible(not wanted)
        self._show_panels()
        self.desk.full_screen(wanted)

    def _show_panels(self) -> None:
        self.panel.setVisible(self.bar.controls.isChecked() and not self._full)
        self.meters.setVisible(self.bar.meters.isChecked() and not self._full)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and event.mimeData().urls()[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.picker.choose(str(Path(event.mimeData().urls()[0].toLocalFile())))
