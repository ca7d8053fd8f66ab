"""The driver of a batch in this process: one input after the other, each on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from app.batch.batch import Batch
from app.batch.entry import Entry, State
from app.batch.eta import Eta
from app.batch.gate import Gated
from app.batch.work import CancelledError, Job, work
from app.pipeline.meter import Reading

# Shows the readings of one input: made from its name and its number of frames, if that is known.
Show = Callable[[str, int | None], AbstractContextManager[Callable[[Reading], None]]]


def work_here(batch: Batch, show: Show) -> Iterator[Entry]:
    """Work on all that waits; gives each input as it ends.

    Ctrl-C, or leaving the iteration, ends it at once; the manifest then holds what was done.
    """
    batch.open()
    try:
        while (entry := batch.begin()) is not None:
            batch.save()  # before the work: a kill during it must find the input begun
            if entry.state is State.WORKING:
                entry = _worked_on(batch, entry, show)
            batch.save()
            yield entry
    finally:
        batch.open()
        batch.save()


def _worked_on(batch: Batch, entry: Entry, show: Show) -> Entry:
    display: AbstractContextManager[Callable[[Reading], None]] | None = None
    tell: Callable[[Reading], None]
    eta: Eta

    def tick(source: Gated, reading: Reading) -> None:
        nonlocal display, tell, eta
        if display is None:
            display = show(source.name, source.frame_count)
            tell, eta = display.__enter__(), Eta(source.frame_count)
        tell(reading)
        batch.progressed(entry.key, eta(reading, source.shut))
        if batch.stopped or batch[entry.key].state is State.CANCELLED:
            raise CancelledError
        (source.pause if batch.paused else source.resume)()

    job = Job(entry.key, entry.text, tuple(entry.paths(batch.out)), entry.settings)
    try:
        outcome = work(job, tick)
    finally:
        if display is not None:
            display.__exit__(None, None, None)
    if outcome.figures is not None:
        return batch.done(entry.key, outcome.figures, outcome.seen)
    if outcome.error:
        return batch.failed(entry.key, outcome.error, outcome.exit_code)
    return batch[entry.key]
