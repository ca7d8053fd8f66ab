"""Work off the GUI thread: the answer comes back into it, unless nobody is there any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from PyQt5 import sip
from PyQt5.QtCore import QObject, Qt, pyqtSignal

from app.pipeline.background import Background

T = TypeVar("T")


class Offload(QObject):
    """Runs functions in threads of their own (`app.pipeline.background`).

    Args:
        failed: Told of errors for which a task has no `failed` of its own, in the GUI thread.
        parent: Owns it.
    """

    _finished = pyqtSignal(object)  # a call to make in the GUI thread

    def __init__(
        self, failed: Callable[[BaseException], object], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._failed = failed
        self._tasks: list[Background[Any]] = []
        self._closed = False
        self._finished.connect(self._call, Qt.QueuedConnection)

    def run(
        self,
        name: str,
        work: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[BaseException], object] | None = None,
        owner: QObject | None = None,
    ) -> Background[T]:
        """Begin at once.

        Args:
            name: Of the thread.
            work: Must not touch a widget.
            done: Gets the answer, in the GUI thread.
            failed: Gets the error, in the GUI thread; else it becomes a notice.
            owner: Whose callbacks they are; once it is deleted they are not called.
        """

        def call(callback: Callable[[Any], object], value: object) -> None:
            if not self._closed and not sip.isdeleted(self):
                self._finished.emit(lambda: owner_lives() and callback(value))

        def owner_lives() -> bool:
            return owner is None or not sip.isdeleted(owner)

        self._tasks = [task for task in self._tasks if task.running]
        task = Background(
            name, work, lambda value: call(done, value), lambda e: call(failed or self._failed, e)
        )
        self._tasks.append(task)
        return task

    @property
    def busy(self) -> bool:
        """Whether anything still runs."""
        return any(task.running for task in self._tasks)

    def close(self, seconds: float) -> bool:
        """Let nothing come back any more, and wait; False if something still runs."""
        self._closed = True
        until_s = time.monotonic() + seconds
        return all([task.join(max(0.0, until_s - time.monotonic())) for task in self._tasks])

    def _call(self, call: Callable[[], object]) -> None:
        if not self._closed:
            call()
