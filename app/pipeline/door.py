"""The door of a live pipeline: a mailbox of one where the newest wins.

The only place that drops frames. An item goes in only while fewer than `max_in_flight` are being
worked on, so whatever starts is fresh and none of the work is thrown away later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from app.pipeline.channel import AbortedError

T = TypeVar("T")


class Door(Generic[T]):
    """Like a `Channel`, but `put` never waits: an item that nobody took yet is replaced.

    Items get their numbers when they are taken, so that those dropped leave no gap.

    Args:
        max_in_flight: How many items may be inside at once; each one that is finished must be
            reported by `leave`.
        on_drop: Told about each item that is replaced.
    """

    def __init__(self, max_in_flight: int, on_drop: Callable[[T], None]) -> None:
        if max_in_flight < 1:
            raise ValueError(f"at least one item must be allowed inside, got {max_in_flight}")
        self._max_in_flight = max_in_flight
        self._on_drop = on_drop
        self._waiting: T | None = None
        self._inside = self._taken = 0
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = False

    def put(self, number: int, item: T) -> None:
        """Offer an item; it replaces the one that still waits. AbortedError once aborted."""
        with self._changed:
            if self._aborted:
                raise AbortedError
            replaced, self._waiting = self._waiting, item
            self._changed.notify_all()
        if replaced is not None:
            self._on_drop(replaced)

    def leave(self) -> None:
        """Report that an item that went in is finished."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more will come; the one that waits is still let in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both ends with AbortedError, now and for ever."""
        with self._changed:
            self._aborted = True
            self._waiting = None
            self._changed.notify_all()

    def _may_enter(self) -> bool:
        return self._waiting is not None and self._inside < self._max_in_flight

    def __iter__(self) -> Iterator[tuple[int, T]]:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._aborted
                        or self._may_enter()
                        or (self._closed and self._waiting is None)
                    )
                )
                if self._aborted:
                    raise AbortedError
                if self._waiting is None:
                    return
                item, self._waiting = self._waiting, None
                number = self._taken
                self._inside += 1
                self._taken += 1
                self._changed.notify_all()  # with nothing left at the door, others may be done
            yield number, item
            del item
