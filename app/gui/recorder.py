"""The window's recorder: a sink of every live pipeline, with signals for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from PyQt5.QtCore import QObject, QTimer, pyqtSignal
from typing_extensions import Self

from app.gui.offload import Offload
from app.sinks.takes import TakeEvent, TakePlan, TakeRecorder
from pose.skeleton import Skeleton
from pose.types import Scene

_GO_ON_WITHIN_MS = 4000  # a pipeline that is replaced comes back by then; one that ended does not


class Recorder(QObject):
    """Records while a pipeline runs; goes on in new files when it is replaced by another.

    Args:
        skeleton: What the keypoints are; asked when a take begins.
        offload: Completes the files where no further picture may come.
        clean_allowed: Whether pictures may be written as the camera saw them.
        clock: Monotonic seconds.
        parent: Owns it.
    """

    begun = pyqtSignal(list)  # the files of a take that has begun
    ended = pyqtSignal(list)  # the complete files of one that has ended
    failed = pyqtSignal(object)  # the error that ended or prevented one
    changed = pyqtSignal()  # `wanted` or `seconds` is to be read anew

    _event = pyqtSignal(object)
    _left = pyqtSignal(bool)  # a pipeline was left, or entered

    def __init__(
        self,
        skeleton: Callable[[], Skeleton],
        offload: Offload,
        clean_allowed: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._takes = TakeRecorder(skeleton, self._event.emit, clean_allowed)
        self._offload = offload
        self._clock = clock
        self._began_s: float | None = None
        self._waits = QTimer(self)
        self._waits.setSingleShot(True)
        self._waits.setInterval(_GO_ON_WITHIN_MS)
        self._waits.timeout.connect(self.stop)
        self._event.connect(self._heard)
        self._left.connect(self._pipeline_left)

    @property
    def wanted(self) -> bool:
        """Whether a take is being made, or will be with the next picture."""
        return self._takes.wanted

    @property
    def seconds(self) -> float:
        """How long the take runs; 0 before its first picture."""
        return 0.0 if self._began_s is None else self._clock() - self._began_s

    @property
    def writing(self) -> bool:
        """Whether files are open."""
        return self._began_s is not None

    def record(self, plan: TakePlan) -> None:
        """Begin with the next picture."""
        self._takes.record(plan)
        self.changed.emit()

    def stop(self) -> None:
        """End now; a picture that is paused, or a camera that is gone, keeps no file open."""
        was_wanted = self.wanted
        self._takes.stop()
        if was_wanted:
            self._offload.run("end recording", self._takes.settle, lambda _: None)
        self.changed.emit()

    # ---- a sink, in the pipeline's thread -------------------------------------------------

    def __enter__(self) -> Self:
        self._takes.__enter__()
        self._left.emit(False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._takes.__exit__(kind, error, trace)
        self._left.emit(True)

    def __call__(self, scene: Scene) -> None:
        """Write the scene if somebody wants it."""
        self._takes(scene)

    # ---- in the GUI thread ----------------------------------------------------------------

    def _pipeline_left(self, left: bool) -> None:
        if left and self.wanted:
            self._waits.start()
        else:
            self._waits.stop()

    def _heard(self, event: TakeEvent) -> None:
        self._began_s = self._clock() if event.kind == "begun" else None
        paths = list(event.paths)
        if event.kind == "begun":
            self.begun.emit(paths)
        elif event.kind == "ended":
            self.ended.emit(paths)
        else:
            self.failed.emit(event.error)
        self.changed.emit()
