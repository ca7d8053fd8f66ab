"""A bounded, ordered way from some threads to others that can be closed and aborted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class AbortedError(Exception):
    """Another thread failed; leave everything and unwind. Never seen outside the pipeline."""


class Channel(Generic[T]):
    """A queue of numbered items that come out in the order of their numbers.

    Several threads may put and take. Iterating takes items until every sender has closed and all
    is taken. After `abort` both ends get AbortedError at once, waiting or not, and what lay inside
    is let go.

    Args:
        capacity: How many items may be inside; who has one too many waits.
        senders: How many threads put, and will each `close`.
    """

    def __init__(self, capacity: int, senders: int = 1) -> None:
        if capacity < 1:
            raise ValueError(f"a channel holds at least one item, got capacity {capacity}")
        self._capacity = capacity
        self._senders = senders
        self._items: dict[int, T] = {}
        self._next = 0
        self._changed = threading.Condition()
        self._aborted = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, number: int, item: T) -> None:
        """Add an item, after waiting for room; AbortedError once aborted.

        Args:
            number: Its place in the order, from 0; every number comes once.
            item: Never altered afterwards.
        """
        with self._changed:
            # The one that is waited for always has room, so the order cannot block itself.
            self._changed.wait_for(lambda: self._aborted or number < self._next + self._capacity)
            if self._aborted:
                raise AbortedError
            if self._senders < 1 or number < self._next or number in self._items:
                raise ValueError(f"item {number} came twice or after the end")
            self._items[number] = item
            self._changed.notify_all()

    def close(self) -> None:
        """Say that one sender will put nothing more; what is inside can still be taken."""
        with self._changed:
            self._senders -= 1
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both ends with AbortedError, now and for ever."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[tuple[int, T]]:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._aborted or self._next in self._items or self._senders < 1
                )
                if self._aborted:
                    raise AbortedError
                if self._next not in self._items:
                    return
                number, item = self._next, self._items.pop(self._next)
                self._next += 1
                self._changed.notify_all()
            yield number, item
            del item  # the generator must not keep a strip alive while it waits for the next
