"""The window's side of a batch: opens it, runs its driver off the GUI thread, and watches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from app.batch.batch import Batch
from app.batch.entry import Entry, Settings
from app.batch.pool import work_in_pool
from app.gui.offload import Offload
from app.pipeline.background import Background
from pose.errors import UsageError

_LOOK_EVERY_MS = 200


class BatchQueue(QObject):
    """One folder of results, and what is to be done for it.

    Args:
        offload: Of the window.
        parent: Owns it.
    """

    changed = pyqtSignal()  # entries, running or paused are to be read anew
    opened = pyqtSignal()  # another folder's batch is here
    ended = pyqtSignal()  # a run is over, with everything done or stopped
    failed = pyqtSignal(object)

    def __init__(self, offload: Offload, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._offload = offload
        self._batch: Batch | None = None
        self._opening = False
        self._later: list[tuple[Sequence[str], Settings]] = []  # what came before it was open
        self._run: Background[Any] | None = None
        self._shown: tuple[object, ...] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)

    @property
    def out(self) -> Path | None:
        """The folder of the results; None before one is open."""
        return self._batch.out if self._batch is not None else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All inputs as they are now."""
        return self._batch.entries if self._batch is not None else ()

    @property
    def running(self) -> bool:
        """Whether a driver is at work, paused or not."""
        return self._run is not None

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return self._batch is not None and self._batch.paused

    def open(self, out: Path) -> None:
        """Take up the batch of a folder, with what was left undone there.

        While a driver is at work nothing else is opened. Where it fails, the one before stays.
        """
        if self._run is not None:
            return
        self._opening = True
        self._offload.run("open batch", lambda: Batch(out), self._opened, self._not_opened, self)

    def add(self, texts: Sequence[str], settings: Settings) -> None:
        """Put inputs at the end."""
        batch = self._batch
        if batch is None and self._opening:
            self._later.append((texts, settings))
            return
        if batch is None:
            self.failed.emit(
                UsageError(
                    "expected a folder for results, and the one before could not be opened; "
                    "choose another with Results in…"
                )
            )
            return

        def work() -> None:
            batch.add(texts, settings)
            batch.save()

        self._offload.run("add inputs", work, lambda _: self._look(), self.failed.emit, self)

    def start(self) -> None:
        """Work on what waits, or go on after a pause."""
        batch = self._batch
        if batch is None:
            return
        batch.resume()
        if self._run is None:
            self._run = self._offload.run(
                "batch", lambda: _drained(batch), self._over, self._over_with, self
            )
            self._timer.start()
        self.changed.emit()

    def pause(self) -> None:
        """Hold the work."""
        if self._batch is not None:
            self._batch.pause()
            self.changed.emit()

    def stop(self) -> None:
        """End the driver; what it is at waits."""
        if self._batch is not None and self._run is not None:
            self._batch.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the end after `stop`; False if the time was not enough."""
        return self._run is None or self._run.join(seconds)

    def each(self, change: Callable[[Batch, int], None], keys: Sequence[int]) -> None:
        """Do something with some inputs: `Batch.cancel`, `Batch.retry`, `Batch.forget`."""
        batch = self._batch
        if batch is None:
            return
        for key in keys:
            change(batch, key)
        if self._run is None:
            self._offload.run("save batch", batch.save, lambda _: None, self.failed.emit, self)
        self._look()

    # ---- inside ---------------------------------------------------------------------------

    def _opened(self, batch: Batch) -> None:
        self._opening = False
        if self._run is not None:  # Start was faster
            return
        self._batch = batch
        self.opened.emit()
        later, self._later = self._later, []
        for texts, settings in later:
            self.add(texts, settings)
        self._look()

    def _not_opened(self, error: BaseException) -> None:
        self._opening = False
        self.failed.emit(error)

    def _look(self) -> None:
        now = (self.entries, self.paused, self.running)
        if now != self._shown:
            self._shown = now
            self.changed.emit()

    def _over(self, _: object) -> None:
        self._run = None
        self._timer.stop()
        self._look()
        self.ended.emit()

    def _over_with(self, error: BaseException) -> None:
        self._over(None)
        self.failed.emit(error)


def _drained(batch: Batch) -> None:
    for _ in work_in_pool(batch):
        pass
