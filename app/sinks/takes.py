"""Recordings that begin and end while the pipeline runs: takes, as film people say.

A sink that is always there and usually writes nothing. Any thread may wish for a take or its end;
the files are opened, written and closed in the pipeline's thread, with the next scene, or closed by
`settle` where none may come: a picture can be paused, a camera can be gone.
Trouble with a take ends the take and is told; it never ends the pipeline.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal

from typing_extensions import Self

from app.sinks.room import RoomKeeper
from app.sinks.sink import Sink, open_sink
from app.sinks.snapshot import unused_name
from pose.errors import OutputError, PoseAppError, UsageError
from pose.skeleton import Skeleton
from pose.types import Scene

_log = logging.getLogger(__name__)

Video = Literal["annotated", "clean", "both", "none"]


@dataclass(frozen=True, slots=True)
class TakePlan:
    """What a take writes.

    Attributes:
        folder: Where to; made where it is missing.
        video: With skeletons, as the camera saw it, both, or no video at all.
        records: Keypoint files beside it, by suffix without its dot.
    """

    folder: Path
    video: Video = "annotated"
    records: tuple[str, ...] = ("jsonl", "csv")

    def paths(self, name: str) -> list[Path]:
        """The files of a take of this name, videos first."""
        videos = {
            "annotated": [f"{name}.mp4"],
            "clean": [f"{name}_clean.mp4"],
            "both": [f"{name}.mp4", f"{name}_clean.mp4"],
            "none": [],
        }[self.video]
        return [self.folder / each for each in (*videos, *(f"{name}.{r}" for r in self.records))]


@dataclass(frozen=True, slots=True)
class TakeEvent:
    """Something happened to a take.

    Attributes:
        kind: An ended take's files are complete.
        paths: Its files.
        error: What failed; after it a take is over.
    """

    kind: Literal["begun", "ended", "failed"]
    paths: tuple[Path, ...] = ()
    error: PoseAppError | None = None


class TakeRecorder:
    """A sink that records on demand.

    Args:
        skeleton: What the keypoints are; asked when a take begins.
        on_event: Told in the pipeline's thread, or in that of `settle`.
        clean_allowed: Whether pictures may be written as the camera saw them; asked for each one,
            so that privacy holds from the moment it is switched on.
        room: Makes what watches over the free space of some paths.
        now: Local time for names of files, as `time.localtime` gives it.
    """

    def __init__(
        self,
        skeleton: Callable[[], Skeleton],
        on_event: Callable[[TakeEvent], None],
        clean_allowed: Callable[[], bool] = lambda: True,
        room: Callable[[list[Path]], RoomKeeper] = RoomKeeper,
        now: Callable[[], time.struct_time] = time.localtime,
    ) -> None:
        self._skeleton = skeleton
        self._on_event = on_event
        self._clean_allowed = clean_allowed
        self._room = room
        self._now = now
        self._lock = threading.Lock()
        self._plan: TakePlan | None = None  # what is wished for
        self._files = threading.Lock()  # who writes or closes has it
        self._take: _Take | None = None  # what is being written

    @property
    def wanted(self) -> bool:
        """Whether a take is being made, or will be with the next scene."""
        with self._lock:
            return self._plan is not None

    def record(self, plan: TakePlan) -> None:
        """Begin a take with the next scene."""
        with self._lock:
            self._plan = plan

    def stop(self) -> None:
        """End the take with the next scene, with the pipeline, or with `settle`."""
        with self._lock:
            self._plan = None

    def settle(self) -> None:
        """Complete a take that nobody wishes for any more, without waiting for a scene.

        For any thread but one that must not wait: closing a video takes its time.
        """
        with self._files:
            self._end_unwanted()

    # ---- in the pipeline's thread ---------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the take in order, whatever ended the pipeline: what was recorded is whole.

        A take that is still wished for goes on in new files with the next pipeline.
        """
        with self._files:
            self._end()

    def __call__(self, scene: Scene) -> None:
        """Write the scene if somebody wants it; never raises."""
        with self._files:
            self._write(scene)

    # ---- inside, with the files in hand ---------------------------------------------------

    def _end_unwanted(self) -> TakePlan | None:
        with self._lock:
            plan = self._plan
        if self._take is not None and self._take.plan is not plan:
            self._end()
        return plan

    def _write(self, scene: Scene) -> None:
        plan = self._end_unwanted()
        if plan is None:
            return
        try:
            if plan.video in ("clean", "both") and not self._clean_allowed():
                raise UsageError("privacy is on: only annotated video is recorded; choose that")
            if self._take is None:
                self._begin(plan)
            assert self._take is not None
            self._take.write(scene)
        except PoseAppError as error:
            self._fail(error)
            return
        short = self._take.room.short_of()
        if short is not None:
            self._end()
            self._give_up(short)

    def _begin(self, plan: TakePlan) -> None:
        name = unused_name(plan.folder, self._now(), lambda name: plan.paths(name))
        take = _Take(plan, plan.paths(name), self._skeleton(), self._room)
        take.open()
        self._take = take
        self._tell(TakeEvent("begun", tuple(take.paths)))

    def _end(self) -> None:
        take, self._take = self._take, None
        if take is None:
            return
        try:
            take.close(None)
        except PoseAppError as error:
            self._give_up(error, take)
        else:
            self._tell(TakeEvent("ended", tuple(take.paths)))

    def _fail(self, error: PoseAppError) -> None:
        take, self._take = self._take, None
        if take is not None:
            # Privacy ends a take in order; what a disc refused stays under the `.part` name.
            broken = error if isinstance(error, OutputError) else None
            try:
                take.close(broken)
            except PoseAppError as later:
                _log.debug("after the first error, also: %s", later)
        self._give_up(error, take)

    def _give_up(self, error: PoseAppError, take: _Take | None = None) -> None:
        self.stop()
        self._tell(TakeEvent("failed", tuple(take.paths) if take else (), error))

    def _tell(self, event: TakeEvent) -> None:
        self._on_event(event)


class _Take:
    """The files of one recording."""

    def __init__(
        self,
        plan: TakePlan,
        paths: list[Path],
        skeleton: Skeleton,
        room: Callable[[list[Path]], RoomKeeper],
    ) -> None:
        self.plan, self.paths, self.room = plan, paths, room(paths)
        self._clean = {paths[1]} if plan.video == "both" else set()
        if plan.video == "clean":
            self._clean = {paths[0]}
        self._sinks: list[tuple[Sink, bool]] = [
            (open_sink(path, skeleton), path in self._clean) for path in paths
        ]
        self._opened = ExitStack()

    def open(self) -> None:
        """Open every file, or none."""
        with ExitStack() as opened:
            opened.enter_context(self.room)
            for sink, _ in self._sinks:
                opened.enter_context(sink)
            self._opened = opened.pop_all()

    def write(self, scene: Scene) -> None:
        clean = replace(scene, drawing=None)
        for sink, as_seen in self._sinks:
            sink(clean if as_seen else scene)

    def close(self, error: PoseAppError | None) -> None:
        """Complete the files, or leave them under their `.part` names after an error."""
        self._opened.__exit__(type(error) if error else None, error, None)
