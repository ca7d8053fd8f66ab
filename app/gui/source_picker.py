"""Chooses what to look at: cameras with their modes, files, folders, addresses, the screen.

Shows names; a password in an address is neither shown nor remembered.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QAction,
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QWidget,
)

from app.commands.demo import CLIP
from app.gui.ask_path import ask_file, ask_folder
from app.gui.icons import icon
from app.gui.offload import Offload
from app.gui.parts import icon_button
from app.gui.region_picker import RegionPicker
from app.sources.listing import Listed, Mode, list_cameras, list_csi, list_screens
from app.sources.rtsp import is_network
from app.sources.source import SourceOptions
from pose.errors import masked

_MOST_RECENT = 6


@dataclass(frozen=True)
class SourceSettings:
    """What the picker remembers.

    Attributes:
        text: What was looked at last, as `open_source` takes it.
        size_wh, fps: The camera's mode; None leaves it to the camera.
        recent: Files and addresses, the newest first.
    """

    text: str = ""
    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    recent: tuple[str, ...] = ()


def found_sources() -> list[Listed]:
    """Everything this machine offers; may take a moment, so call it off the GUI thread."""
    return [*list_cameras(), *list_csi(), *list_screens()]


class SourcePicker(QWidget):
    """A list of sources, with the modes of the chosen camera, and a button for more.

    Args:
        offload: Looks for cameras.
        look: Finds sources; replaced by tests.
    """

    chosen = pyqtSignal()
    looked = pyqtSignal()

    def __init__(
        self,
        offload: Offload,
        look: Callable[[], list[Listed]] = found_sources,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._offload, self._look = offload, look
        self._found: list[Listed] = []
        self._recent: list[str] = []
        self._known = SourceSettings()  # of another run; its mode waits until cameras are found
        self.box = QComboBox(self)
        self.box.setAccessibleName(self.tr("Source"))
        self.box.setToolTip(self.tr("What to look at"))
        self.box.setIconSize(QSize(18, 18))
        self.box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.box.setMinimumContentsLength(16)
        self.box.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.modes = QComboBox(self)
        self.modes.setAccessibleName(self.tr("Mode of the camera"))
        self.modes.setToolTip(self.tr("Size and rate of the camera"))
        self.more = icon_button("folder", self.tr("Open something else"), self)
        self.more.setMenu(self._menu())
        self.refresh = icon_button("refresh", self.tr("Look for cameras again"), self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.box, 1), (self.modes, 0), (self.more, 0), (self.refresh, 0)):
            row.addWidget(widget, stretch)
        self.box.activated.connect(self._picked)
        self.modes.activated.connect(self._mode_picked)
        self.refresh.clicked.connect(self.look)
        self._fill()

    # ---- what is chosen -------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The chosen source, as `open_source` takes it."""
        return str(self.box.currentData() or "")

    @property
    def options(self) -> SourceOptions:
        """The chosen mode of a camera."""
        mode = self.modes.currentData()
        if mode is None and self.text == self._known.text:
            return SourceOptions(camera_size_wh=self._known.size_wh, camera_fps=self._known.fps)
        if mode is None:
            return SourceOptions()
        return SourceOptions(camera_size_wh=mode.size_wh, camera_fps=mode.fps)

    @property
    def settings(self) -> SourceSettings:
        """What to remember: without passwords."""
        options = self.options
        recent = tuple(text for text in self._recent if masked(text) == text)
        text = self.text if masked(self.text) == self.text else ""
        return SourceSettings(text, options.camera_size_wh, options.camera_fps, recent)

    def restore(self, known: SourceSettings) -> None:
        """Choose what was chosen in another run; a file that is gone is left out."""
        self._recent = [text for text in known.recent if "://" in text or os.path.exists(text)]
        self._known = known
        self._fill()
        if known.text and self.box.findData(known.text) < 0 and known.text in known.recent:
            return
        if known.text:
            self.choose(known.text, tell=False)

    def choose(self, text: str, tell: bool = True) -> None:
        """Choose a source; an unknown one joins the list."""
        if self.box.findData(text) < 0:
            self._recent = [text, *(each for each in self._recent if each != text)][:_MOST_RECENT]
            self._fill()
        with QSignalBlocker(self.box):
            self.box.setCurrentIndex(self.box.findData(text))
        self._fill_modes()
        if tell:
            self.chosen.emit()

    # ---- looking --------------------------------------------------------------------------

    def look(self) -> None:
        """Look for cameras, off the GUI thread."""
        self.refresh.setEnabled(False)
        self._offload.run("look for cameras", self._look, self._seen, self._blind, owner=self)

    def _seen(self, found: list[Listed]) -> None:
        self._found = found
        self.refresh.setEnabled(True)
        self._fill()
        self.looked.emit()

    def _blind(self, error: BaseException) -> None:
        self._seen([])

    @property
    def first_camera(self) -> str:
        """The first camera that was found; empty without one."""
        cameras = (each.text for each in self._found if not each.text.startswith("screen:"))
        return next(cameras, "")

    # ---- inside ---------------------------------------------------------------------------

    def _fill(self) -> None:
        chosen = self.text
        with QSignalBlocker(self.box):
            self.box.clear()
            for each in self._found:
                shape = "screen" if each.text.startswith("screen:") else "camera"
                self.box.addItem(icon(shape), each.name, each.text)
            self.box.addItem(icon("film"), self.tr("The clip that ships"), str(CLIP))
            for text in self._recent:
                shape = "stream" if is_network(text) else "screen" if ":" in text else "film"
                name = masked(text) if "://" in text else Path(text).name
                self.box.addItem(icon(shape), name, text)
                self.box.setItemData(self.box.count() - 1, masked(text), Qt.ToolTipRole)
            self.box.setCurrentIndex(max(0, self.box.findData(chosen)))
        self._fill_modes()

    def _fill_modes(self) -> None:
        now, known = self.modes.currentData(), self._known
        if now is None and self.text == known.text:
            now = Mode(known.size_wh, known.fps) if known.size_wh and known.fps else None
        listed = next((each for each in self._found if each.text == self.text), None)
        modes = listed.modes if listed is not None else ()
        self.modes.clear()
        self.modes.addItem(self.tr("As the camera likes"), None)
        for mode in modes:
            self.modes.addItem(str(mode), mode)
            if mode == now:
                self.modes.setCurrentIndex(self.modes.count() - 1)
        self.modes.setVisible(bool(modes))

    def _mode_picked(self) -> None:
        self._known = SourceSettings()  # "as the camera likes" may be what was picked
        self.chosen.emit()

    def _picked(self) -> None:
        self._fill_modes()
        self.chosen.emit()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        rows = (
            ("film", self.tr("Video or picture…"), "Ctrl+O", self.ask_file),
            ("folder", self.tr("Folder of pictures…"), "", self.ask_folder),
            ("stream", self.tr("Address of a stream…"), "Ctrl+L", self.ask_address),
            ("screen", self.tr("Part of the screen…"), "", self.ask_region),
        )
        for shape, words, keys, call in rows:
            action = QAction(icon(shape), words, menu)
            action.triggered.connect(lambda _=False, call=call: call())
            if keys:
                action.setShortcut(keys)
                action.setShortcutContext(Qt.WidgetWithChildrenShortcut)
            menu.addAction(action)
        return menu

    def ask_file(self) -> None:
        """Let the user choose a file."""
        ask_file(self.window(), self.tr("Open a video or a picture"), self.choose)

    def ask_folder(self) -> None:
        """Let the user choose a folder."""
        ask_folder(self.window(), self.tr("Open a folder of pictures"), self.choose)

    def ask_address(self) -> None:
        """Let the user type an address."""
        dialog = QInputDialog(self.window())
        dialog.setAttribute(Qt.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Open a stream"))
        dialog.setLabelText(
            self.tr("Address, such as rtsp://user:password@192.168.0.20/stream\n"
                    "An address with a password is not remembered.")
        )  # fmt: skip
        dialog.setTextEchoMode(QLineEdit.Normal)
        dialog.textValueSelected.connect(self._typed)
        dialog.resize(520, dialog.height())
        dialog.open()

    def _typed(self, text: str) -> None:
        if text.strip():
            self.choose(text.strip())

    def ask_region(self) -> None:
        """Let the user draw a rectangle on the screen."""
        picker = RegionPicker()
        picker.chosen.connect(lambda region: self.choose(region.text))
        picker.begin()
        self._region_picker = picker
