"""The driver of a batch in processes beside this one: several inputs at a time.

A codec or a network that crashes takes its process along and that one input; the rest goes on in a
new process. The window uses it even for one input at a time, and so stays smooth and alive.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from app.batch.batch import Batch
from app.batch.entry import Entry, Settings, State
from app.batch.work import Job, Outcome
from app.batch.worker import Advanced, Answer, GiveUp, Hold, Request, Said, serve
from app.cores import cores
from pose.errors import EXIT_BUG, UsageError

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1  # for what users ask meanwhile
_END_WITHIN_S = 1.0  # a window that closes waits for it


def work_in_pool(
    batch: Batch, jobs: int = 1, on_look: Callable[[], None] = lambda: None
) -> Iterator[Entry]:
    """Work on all that waits; gives each input as it ends. Goes on while the batch is paused.

    Leaving the iteration, or `batch.stop()`, ends the processes; what they were at waits again.

    Args:
        batch: Whose inputs.
        jobs: Inputs at a time, each in a process of its own that has its share of the cores.
        on_look: Called about ten times a second, in this thread.

    Raises:
        UsageError: jobs is below 1.
        OutputError: The manifest cannot be written.
    """
    if jobs < 1:
        raise UsageError(f"expected --jobs of 1 or more, got {jobs}")
    batch.open()
    workers: list[_Worker] = []
    try:
        while not batch.stopped and batch.to_do:
            for worker in [each for each in workers if each.key is None]:
                yield from _hand_out(batch, worker, jobs)
            waiting = sum(entry.state is State.WAITING for entry in batch.entries)
            for _ in range(min(waiting, jobs - len(workers)) if not batch.paused else 0):
                workers.append(_Worker())
                yield from _hand_out(batch, workers[-1], jobs)
            for worker in workers:
                worker.ask_what_changed(batch)
            on_look()
            _wait_for_one_of(workers)
            for worker in list(workers):
                yield from _heard(batch, worker)
                if not worker.alive:
                    workers.remove(worker)
    finally:
        _end(workers)
        batch.open()
        batch.save()


def _wait_for_one_of(workers: list[_Worker]) -> None:
    if workers:
        wait([worker.pipe for worker in workers], _LOOK_EVERY_S)
    else:  # paused before the first one
        time.sleep(_LOOK_EVERY_S)


def _hand_out(batch: Batch, worker: _Worker, jobs: int) -> Iterator[Entry]:
    """Give an idle worker what waits; gives the inputs that failed before they began."""
    while (entry := batch.begin()) is not None:
        batch.save()  # before the work: a kill during it must find the input begun
        if entry.state is State.WORKING:
            paths = tuple(entry.paths(batch.out))
            worker.start(Job(entry.key, entry.text, paths, _shared(entry.settings, jobs)))
            return
        yield entry


def _heard(batch: Batch, worker: _Worker) -> Iterator[Entry]:
    """Take in what a worker said; gives its input if that has ended."""
    for answer in worker.answers():
        if isinstance(answer, Advanced):
            batch.progressed(answer.key, answer.progress)
        elif isinstance(answer, Said):
            _log.log(answer.level, "%s", answer.text)
            if answer.key and answer.level == logging.WARNING:
                batch.noted(answer.key, answer.text)
        else:
            worker.key = None
            yield _ended(batch, answer)
            batch.save()
    if not worker.alive and worker.key is not None:
        message = f"its process ended on the way ({worker.how_it_ended()}); try it again"
        yield _ended(batch, Outcome(worker.key, error=message, exit_code=EXIT_BUG))
        batch.save()


def _ended(batch: Batch, outcome: Outcome) -> Entry:
    if outcome.figures is not None:
        return batch.done(outcome.key, outcome.figures, outcome.seen)
    if outcome.error:
        return batch.failed(outcome.key, outcome.error, outcome.exit_code)
    return batch[outcome.key]


def _shared(settings: Settings, jobs: int) -> Settings:
    """The settings with a share of the cores, where they leave open how many to use."""
    people, share = settings.people, max(1, cores() // jobs)
    if jobs > 1 and not people.lanes:
        people = replace(people, lanes=share, threads=people.threads or 1)
    return replace(settings, people=people)


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.send(None)
    until_s = time.monotonic() + _END_WITHIN_S
    for worker in workers:
        worker.process.join(max(0.0, until_s - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()
        worker.process.close()


class _Worker:
    """One process and what it is at."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # forks of threads hang, and share cameras
        self.pipe: Connection
        self.pipe, far_end = context.Pipe()
        self.process: SpawnProcess = context.Process(target=serve, args=(far_end,), daemon=True)
        self.process.start()
        far_end.close()
        self.key: int | None = None
        self.alive = True
        self._held = False
        self._given_up: int | None = None

    def start(self, job: Job) -> None:
        self.key, self._held, self._given_up = job.key, False, None
        self.send(job)

    def ask_what_changed(self, batch: Batch) -> None:
        """Pass on what users asked for."""
        if self.key is None:
            return
        if batch.paused != self._held:
            self._held = batch.paused
            self.send(Hold(self._held))
        if batch[self.key].state is State.CANCELLED and self._given_up != self.key:
            self._given_up = self.key
            self.send(GiveUp(self.key))

    def send(self, request: Request) -> None:
        try:
            self.pipe.send(request)
        except OSError:  # it died; `answers` will notice
            pass

    def answers(self) -> Iterator[Answer]:
        try:
            while self.pipe.poll():
                answer: Any = self.pipe.recv()
                yield answer
        except (EOFError, OSError):
            self.alive = False

    def how_it_ended(self) -> str:
        self.process.join(_END_WITHIN_S)
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"code {code}"
