"""What runs behind the live page: one pipeline at a time, run off the window.

The window asks; a thread of `app.pipeline.background` opens, runs and ends the pipeline and tells
back. A change of networks stops the pipeline and assembles a new one while the last picture stays.
"""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PyQt5.QtCore import QObject, Qt, pyqtSignal

from app.assemble import assemble, skeleton_of
from app.dials import Dials
from app.people import PeopleConfig
from app.pipeline.background import Background
from app.pipeline.meter import Reading
from app.pipeline.pipeline import Pipeline
from app.sinks.sender import open_sender
from app.sinks.sink import Sink
from app.sources.live import LinkState
from app.sources.player import Player
from app.sources.source import Source, SourceOptions, open_source
from pose.skeleton import Skeleton

_log = logging.getLogger(__name__)

_TICK_S = 0.05  # how soon a wish to stop is heard


class State(enum.Enum):
    """Where a session is."""

    IDLE = "idle"
    OPENING = "opening"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    SWITCHING = "switching"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Request:
    """What to run.

    Attributes:
        source: As `open_source` takes it.
        people: Networks, and how people are found.
        options: What to ask of the source.
        repeat: Play a recording again and again.
        send: Other programs that get every scene, as `open_sender` takes them.
    """

    source: str
    people: PeopleConfig = field(default_factory=PeopleConfig)
    options: SourceOptions = field(default_factory=SourceOptions)
    repeat: bool = False
    send: tuple[str, ...] = ()


class Session(QObject):
    """Runs requests, one after the other. All methods return at once.

    Args:
        sinks: Get every scene of every pipeline, in the pipeline's last thread: the bridge, a
            recorder. Entered when a pipeline starts, left when it ends.
        dials: What may change while a pipeline runs; read by it for every frame.
        open_source: Makes a source of a request's text; replaced by tests.
        parent: Owns it.
    """

    changed = pyqtSignal(object)  # State
    read = pyqtSignal(object)  # Reading, some twenty times a second
    failed = pyqtSignal(object)  # the error that ended a run
    ended = pyqtSignal(object)  # the last Reading of a run that ended by itself or on demand

    _told = pyqtSignal(object)  # a call for the GUI thread

    def __init__(
        self,
        sinks: Sequence[Sink],
        dials: Callable[[], Dials],
        open_source: Callable[[str, SourceOptions], Source] = open_source,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.sinks = list(sinks)
        self.state = State.IDLE
        self.request: Request | None = None
        self.skeleton: Skeleton | None = None
        self.paused = False
        self._dials = dials
        self._open_source = open_source
        self._run: _Run | None = None
        self._next: Request | None = None
        self._told.connect(self._call, Qt.QueuedConnection)  # dropped once this is deleted

    def start(self, request: Request) -> None:
        """Run a request; one that runs is replaced, its last picture stays meanwhile."""
        if self._run is not None:
            self._next = request
            self._run.stop()
            same = self.request is not None and request.source == self.request.source
            self._become(State.SWITCHING if same else State.OPENING)
            return
        self.request = request
        self._become(State.OPENING if self.state is not State.SWITCHING else State.SWITCHING)
        self._run = _Run(self, request)

    def stop(self) -> None:
        """Finish what is inside, and end."""
        self._next = None
        if self._run is not None:
            self._run.stop()
            self._become(State.STOPPING)

    def pause(self, wanted: bool) -> None:
        """Hold the source, or let it go on."""
        self.paused = wanted
        if self._run is not None:
            self._run.pause(wanted)

    def join(self, seconds: float) -> bool:
        """Wait for the end after `stop`; False if the time was not enough."""
        return self._run is None or self._run.join(seconds)

    # ---- told by the run, in the GUI thread ----------------------------------------------

    def _call(self, call: Callable[[], object]) -> None:
        call()

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.changed.emit(state)

    def _heard(self, reading: Reading, link: LinkState | None) -> None:
        if self.state in (State.OPENING, State.SWITCHING, State.RUNNING, State.RECONNECTING):
            if self._next is None and link is LinkState.LOST:
                self._become(State.RECONNECTING)
            elif self._next is None and (reading.frames_out or self.paused):
                self._become(State.RUNNING)
        self.read.emit(reading)

    def _over(self, reading: Reading, error: BaseException | None) -> None:
        following, self._next, self._run = self._next, None, None
        if error is not None:
            _log.debug("a run ended with %s", type(error).__name__)
        if following is not None and error is None:
            self.request = following
            self._run = _Run(self, following)
            return
        self._become(State.IDLE)
        if error is not None:
            self.failed.emit(error)
        if following is not None:  # the old one failed while it ended; the new one may do better
            self.start(following)
        elif error is None:
            self.ended.emit(reading)


class _Run:
    """One request, from opening to the end, in a thread of its own."""

    def __init__(self, session: Session, request: Request) -> None:
        self._session, self._request = session, request
        self._stopping = threading.Event()
        self._player: Player | None = None
        self._pipeline: Pipeline | None = None
        self._paused = session.paused
        self._thread: Background[Reading] = Background(
            "live", self._work, lambda reading: self._tell(reading, None), self._fail
        )

    def stop(self) -> None:
        self._stopping.set()
        if self._player is not None:
            self._player.stop()

    def pause(self, wanted: bool) -> None:
        self._paused = wanted
        if self._player is not None:
            self._player.pause(wanted)

    def join(self, seconds: float) -> bool:
        return self._thread.join(seconds)

    def _work(self) -> Reading:
        request, session = self._request, self._session
        player = Player(session._open_source(request.source, request.options), request.repeat)
        player.pause(self._paused)
        session.skeleton = skeleton_of(request.people)
        # First, so that they wait for no encoder.
        senders = [open_sender(text, session.skeleton, player.name) for text in request.send]
        sinks = [*senders, *session.sinks]
        pipeline = assemble(player, request.people, sinks, dials=session._dials)
        self._player, self._pipeline = player, pipeline
        if self._stopping.is_set():
            return pipeline.meter.reading()
        return pipeline.run(self._tick, _TICK_S)

    def _tick(self, reading: Reading) -> None:
        if self._stopping.is_set():
            assert self._pipeline is not None
            self._pipeline.stop()
        link = None if self._player is None else self._player.state
        session = self._session
        session._told.emit(lambda: session._heard(reading, link))

    def _tell(self, reading: Reading, error: BaseException | None) -> None:
        session = self._session
        session._told.emit(lambda: session._over(reading, error))

    def _fail(self, error: BaseException) -> None:
        reading = self._pipeline.meter.reading() if self._pipeline is not None else Reading()
        self._tell(reading, error)


def now_s() -> float:
    """The clock of the pipelines' meters."""
    return time.perf_counter()
