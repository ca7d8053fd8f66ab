"""A process that works on inputs one after the other and talks with the batch through a pipe.

It ends when the other end of the pipe does: a killed program leaves no worker behind. Qt is never
loaded here, whoever started it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from app.batch.entry import Progress
from app.batch.eta import Eta
from app.batch.gate import Gated
from app.batch.work import CancelledError, Job, Outcome, work
from app.pipeline.meter import Reading
from app.pipeline.stuck import left_behind
from pose.errors import masked

_TELL_EVERY_S = 0.2
_STUCK_EXIT = 75


@dataclass(frozen=True, slots=True)
class Hold:
    """Asks the worker to pause, or to go on."""

    on: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Asks the worker to leave its job."""

    key: int


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the worker's log; key 0 if it belongs to no job."""

    key: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far the worker is with its job."""

    key: int
    progress: Progress


Request = Job | Hold | GiveUp | None  # None: end
Answer = Advanced | Said | Outcome


def serve(pipe: Connection) -> None:
    """Do what comes through the pipe until it ends; the whole life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the batch decides
    wire = _Wire(pipe)
    wire.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[wire], force=True)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    try:
        while True:
            request: Request = pipe.recv()
            if request is None:
                return
            if isinstance(request, Job):  # others come late, for a job that has just ended
                wire.key = request.key
                wire.send(work(request, _Tick(pipe, wire, request.key)))
                wire.key = 0
                if left_behind():  # a thread hangs inside a library: a fresh process is safer
                    os._exit(_STUCK_EXIT)
    except (EOFError, OSError):  # whom it worked for is gone
        return


class _Wire(logging.Handler):
    """Sends answers and log lines; from any thread."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self.key = 0
        self._pipe = pipe
        self._turn = threading.Lock()

    def send(self, answer: Answer) -> None:
        with self._turn:
            self._pipe.send(answer)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.send(Said(self.key, record.levelno, masked(self.format(record))))
        except OSError:  # nobody listens any more
            pass


class _Tick:
    """Tells how far the job is, and does what was asked meanwhile."""

    def __init__(self, pipe: Connection, wire: _Wire, key: int) -> None:
        self._pipe, self._wire, self._key = pipe, wire, key
        self._eta: Eta | None = None
        self._told_s = -_TELL_EVERY_S

    def __call__(self, source: Gated, reading: Reading) -> None:
        try:
            while self._pipe.poll():
                self._obey(self._pipe.recv(), source)
        except (EOFError, OSError):
            raise CancelledError from None
        self._eta = self._eta or Eta(source.frame_count)
        progress = self._eta(reading, source.shut)
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self._wire.send(Advanced(self._key, progress))

    def _obey(self, request: Request, source: Gated) -> None:
        if request is None or (isinstance(request, GiveUp) and request.key == self._key):
            raise CancelledError
        if isinstance(request, Hold):
            (source.pause if request.on else source.resume)()
