"""The queue of a batch: what is to be done, in which order, and how far it is.

Any thread may ask and any thread may change it; one driver (`here`, `pool`) does the work. Knows
no process, no pipeline and no window. Everything it holds is in the manifest too, so that a batch
goes on where it was after a restart, and an input that is done is not done again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.batch.entry import Entry, Progress, Settings, State
from app.batch.inputs import check_free, expanded, fingerprint, place, result_names
from app.batch.manifest import read_manifest, remove_manifest, write_manifest
from pose.errors import PoseAppError, UsageError

_TO_DO = (State.WAITING, State.WORKING)


class Batch:
    """Inputs whose results go to one folder.

    Args:
        out: The folder. What its manifest holds is known from the start.

    Raises:
        InputError: The folder's manifest cannot be understood.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._lock = threading.RLock()
        self._saving = threading.Lock()  # apart: asking must not wait for a disc
        self._entries = {entry.key: entry for entry in read_manifest(out)}
        self._only: frozenset[int] | None = None
        self._paused = self._stopped = False
        self._saved: tuple[Entry, ...] = self.entries

    # ---- asking -----------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All inputs, in order, as they are now."""
        with self._lock:
            return tuple(self._entries.values())

    @property
    def paused(self) -> bool:
        """Whether the work is held."""
        return self._paused

    @property
    def stopped(self) -> bool:
        """Whether the driver shall end now."""
        return self._stopped

    @property
    def to_do(self) -> bool:
        """Whether anything waits or is being worked on."""
        return any(entry.state in _TO_DO for entry in self._asked_for())

    def _asked_for(self) -> list[Entry]:
        entries = self.entries
        return [entry for entry in entries if self._only is None or entry.key in self._only]

    def __getitem__(self, key: int) -> Entry:
        with self._lock:
            return self._entries[key]

    # ---- for users --------------------------------------------------------------------------

    def add(self, texts: Sequence[str], settings: Settings) -> list[Entry]:
        """Put inputs at the end; folders and patterns are taken apart.

        An input that was done with the same settings and has not changed since stays done; any
        other one that is known already is to be done again.

        Raises:
            UsageError: The settings cannot be, or an input is an address: streams have no end.
        """
        settings.check()
        for text in texts:
            if "://" in text:  # none is kept: it may hold a password
                raise UsageError(f"{text} has no end; run: main.py live {text}")
        inputs = list(dict.fromkeys(each for text in texts for each in expanded(text)))
        with self._lock:
            known = {entry.place: entry for entry in self._entries.values()}
            new = [text for text in inputs if place(text) not in known]
            names = dict(
                zip(new, result_names(new, [each.name for each in known.values()]), strict=True)
            )
            added = []
            for text in inputs:
                old, fitting = known.get(place(text)), settings.fitting(text)
                if old is None:
                    key = max(self._entries, default=0) + 1
                    entry = Entry(key, text, place(text), names[text], fitting)
                else:
                    entry = self._asked_again(old, text, fitting)
                self._entries[entry.key] = entry
                known[entry.place] = entry
                added.append(entry)
            return added

    def _asked_again(self, old: Entry, text: str, settings: Settings) -> Entry:
        if old.state is State.WORKING:
            return old
        asked = replace(_fresh(old), text=text, settings=settings)
        unchanged = (old.seen, old.made_with) == (fingerprint(old.place), settings.digest())
        there = all(path.exists() for path in asked.paths(self.out))
        if old.made_with and unchanged and there and not settings.overwrite:
            return replace(asked, state=State.DONE, notes=old.notes, was_done=True)
        # Results of a finished run are the user's; unfinished ones may be written over.
        return replace(asked, begun=old.begun and not old.made_with)

    def work_only_on(self, keys: Iterable[int]) -> None:
        """Leave what else waits, from an earlier run, to a later one."""
        self._only = frozenset(keys)

    def pause(self) -> None:
        """Hold the work, within a frame or two; what waits goes on waiting."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False

    def stop(self) -> None:
        """Let the driver end soon; what it is at waits for the next one."""
        self._stopped = True

    def cancel(self, key: int) -> None:
        """Give an input up that waits or is worked on."""
        self._change(key, _TO_DO, state=State.CANCELLED)

    def retry(self, key: int, overwrite: bool = False) -> None:
        """Do an input again that failed or was cancelled.

        Args:
            key: Which.
            overwrite: Replace results that are there, even if that was not asked for before.
        """
        with self._lock:
            entry = self._entries[key]
            if entry.state in (State.FAILED, State.CANCELLED):
                settings = replace(entry.settings, overwrite=overwrite or entry.settings.overwrite)
                self._entries[key] = replace(_fresh(entry), settings=settings)

    def forget(self, key: int) -> None:
        """Take an input out of the list that is not being worked on; its results stay."""
        with self._lock:
            if self._entries[key].state is not State.WORKING:
                del self._entries[key]

    def save(self) -> None:
        """Write the manifest if anything but progress changed; OutputError if it cannot be."""
        with self._saving:
            entries = self.entries
            lasting = tuple(replace(each, progress=Progress(), text=each.place) for each in entries)
            if lasting != self._saved:
                write_manifest(self.out, entries)
                self._saved = lasting

    def leave_no_trace(self) -> None:
        """Remove the manifest if all inputs failed: there is nothing to go on with."""
        with self._saving:
            entries = self.entries
            if all(each.state is State.FAILED and not each.made_with for each in entries):
                remove_manifest(self.out)
                self._saved = ()

    # ---- for drivers ------------------------------------------------------------------------

    def open(self) -> None:
        """A driver takes over: what was being worked on waits again."""
        with self._lock:
            self._stopped = False
            for key in self._entries:
                self._change(key, (State.WORKING,), state=State.WAITING, progress=Progress())

    def begin(self) -> Entry | None:
        """The next input that waits, now being worked on; None if there is none, or pause.

        One whose results are there already fails at once and comes back as failed.
        """
        with self._lock:
            if self._paused or self._stopped:
                return None
            waiting = (entry for entry in self._asked_for() if entry.state is State.WAITING)
            entry = next(waiting, None)
            if entry is None:
                return None
            inputs = [each.place for each in self.entries]
            try:
                paths = entry.paths(self.out)
                check_free(paths, inputs, entry.settings.overwrite or entry.begun)
            except PoseAppError as error:
                return self.failed(entry.key, str(error), error.exit_code)
            self._change(
                entry.key, (State.WAITING,), state=State.WORKING, begun=True, figures={}, seen="",
                made_with="",
            )  # fmt: skip
            return self._entries[entry.key]

    def progressed(self, key: int, progress: Progress) -> None:
        """How far the work on an input is."""
        self._change(key, (State.WORKING,), progress=progress)

    def noted(self, key: int, note: str) -> None:
        """A warning about an input."""
        with self._lock:
            entry = self._entries[key]
            self._entries[key] = replace(entry, notes=(*entry.notes, note))

    def done(self, key: int, figures: Mapping[str, Any], seen: str) -> Entry:
        """An input is done.

        Args:
            key: Which.
            figures: What was seen in it.
            seen: Its fingerprint when the work on it began.
        """
        digest = self[key].settings.digest()
        with self._lock:
            self._change(
                key, (*_TO_DO, State.CANCELLED), state=State.DONE, figures=figures, seen=seen,
                made_with=digest, progress=Progress(),
            )  # fmt: skip
            return self._entries[key]

    def failed(self, key: int, message: str, exit_code: int) -> Entry:
        """An input cannot be done; the others are not touched by it."""
        with self._lock:
            self._change(
                key, _TO_DO, state=State.FAILED, error=message, exit_code=exit_code,
                progress=Progress(),
            )  # fmt: skip
            return self._entries[key]

    def _change(self, key: int, states: tuple[State, ...], **changes: Any) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.state in states:
                self._entries[key] = replace(entry, **changes)


def _fresh(entry: Entry) -> Entry:
    """The same input, waiting; what is known of results that are there stays known."""
    return replace(
        entry, state=State.WAITING, error="", exit_code=0, was_done=False, notes=(),
        progress=Progress(),
    )  # fmt: skip
