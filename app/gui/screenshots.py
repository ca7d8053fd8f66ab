"""Drives the real window through its pages over the clip that ships, and keeps pictures of it.

What `make screenshots` runs, on Xvfb or offscreen. Each step says what to do and when it is done;
nothing waits, so the window lives on as it does for a user.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PyQt5.QtCore import QObject, QTimer
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QWidget

from app.commands.demo import CLIP
from app.gui.live_page import LivePage
from app.gui.main_window import MainWindow
from app.gui.notices import notice_of
from app.gui.page import PAGES
from app.gui.session import State
from app.gui.shortcuts import HelpSheet
from pose.errors import OutputError, UnavailableError
from pose.types import ByteArray

SIZE_WH = (1180, 740)
MOST_BYTES = 300_000

_log = logging.getLogger(__name__)

_LOOK_MS = 30
_STEP_WITHIN_S = 120.0
_FRAMES, _PEOPLE = 12, 3  # pictures since the last change, and people in them

Step = Callable[[], bool]


class Photographer(QObject):
    """Takes the pictures, then closes the window.

    Args:
        window: Fresh, with settings that are not kept.
        folder: Where the pictures go.
    """

    def __init__(self, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self._window, self._folder = window, folder
        page = window.page_named("live")
        assert isinstance(page, LivePage)
        self._live = page
        self._painted = 0
        page.view.painted.connect(self._count)
        self._steps = self._script()
        self._done: Step = lambda: True
        self._until_s = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        """Start; the window closes at the end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._window.resize(*SIZE_WH)
        self._timer.start()

    def _count(self, latency_s: float) -> None:
        self._painted += 1

    def _look(self) -> None:
        try:
            if not self._done() and time.monotonic() < self._until_s:
                return
            self._done = next(self._steps)
            self._until_s = time.monotonic() + _STEP_WITHIN_S
        except StopIteration:
            self._timer.stop()
            self._window.close()

    def _script(self) -> Iterator[Step]:
        window, live = self._window, self._live
        panel = live.panel
        window.set_theme("dark")
        live.session.stop()
        yield lambda: live.session.state is State.IDLE
        live.picker.choose(str(CLIP))
        yield self._frames()
        window.notices.clear()
        yield self._rested()
        self._keep(window, "live")
        panel.set_style(
            colours="confidence", show_boxes=True, show_scores=True, trail_s=2.0, show_names=True
        )
        window.set_theme("light")
        yield self._frames()
        self._keep(window, "live-light")
        panel.reset()
        panel.set_style(privacy="black", trail_s=2.0)
        window.set_theme("dark")
        yield self._frames()
        self._keep(window, "privacy-black")
        panel.set_style(privacy="faces")
        yield self._frames()
        self._keep(window, "privacy-faces")
        live.stop()
        yield lambda: live.session.state is State.IDLE
        window.tell(notice_of(UnavailableError(_EXAMPLE)))
        yield self._rested()
        self._keep(window, "error")
        window.notices.clear()
        window.show_help()
        yield self._rested()
        sheet = window.findChild(HelpSheet)
        if sheet is not None:
            self._keep(sheet, "keys")
            sheet.close()
        for entry in PAGES:
            if entry.name == "live":
                continue
            window.open_page(entry.name)
            page = window.page_named(entry.name)
            prepare = getattr(page, "show_for_screenshot", None)
            ready = prepare() if prepare is not None else None
            yield ready or self._rested(1.0)
            yield self._rested()
            self._keep(window, entry.name)

    def _frames(self) -> Step:
        wanted = self._painted + _FRAMES

        def enough() -> bool:
            scene = self._live.view.scene
            return self._painted >= wanted and scene is not None and len(scene.tracks) >= _PEOPLE

        return enough

    def _rested(self, seconds: float = 0.3) -> Step:
        until_s = time.monotonic() + seconds
        return lambda: time.monotonic() >= until_s

    def _keep(self, widget: QWidget, name: str) -> None:
        QApplication.sendPostedEvents()
        path = self._folder / f"{name}.png"
        write_small(widget.grab().toImage(), path)
        _log.info("%s, %d kB", path, path.stat().st_size // 1000)


_EXAMPLE = (
    "camera 0: expected /dev/video0, got nothing there; cameras here: none; plug one in and press "
    "Start again"
)


def write_small(image: QImage, path: Path) -> None:
    """Write a PNG of at most `MOST_BYTES`: as few colours as that takes.

    Raises:
        OutputError: It cannot be written.
    """
    pixels = _bgr(image)
    for bits in range(8, 2, -1):
        step = 1 << (8 - bits)
        coarse = np.minimum(255, (pixels.astype(np.uint16) + step // 2) // step * step)
        _, encoded = cv2.imencode(".png", coarse.astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        if len(encoded) <= MOST_BYTES:
            break
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _bgr(image: QImage) -> ByteArray:
    image = image.convertToFormat(QImage.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    rgb = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
    return np.ascontiguousarray(rgb[..., ::-1])
