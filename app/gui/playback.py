"""The clock of a film that plays: it says which second is due."""

from __future__ import annotations

import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

_TICK_MS = 15


class Playback(QObject):
    """Holds at first.

    Args:
        parent: Owns it.
    """

    due = pyqtSignal(float)  # film seconds, many times a second while it plays

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._began: tuple[float, float] | None = None  # clock, film seconds
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether time goes on."""
        return self._began is not None

    def play_from(self, film_s: float) -> None:
        """Play, or go on playing, from this second of the film."""
        self._began = (time.monotonic(), film_s)
        self._timer.start()

    def hold(self) -> None:
        """Time stands still."""
        self._began = None
        self._timer.stop()

    def _tick(self) -> None:
        if self._began is not None:
            began_s, from_s = self._began
            self.due.emit(from_s + time.monotonic() - began_s)
