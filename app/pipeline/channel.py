"""A bounded way from one thread to the next that can be closed and aborted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class AbortedError(Exception):
    """Another thread failed; leave everything and unwind. Never seen outside the pipeline."""


class Channel(Generic[T]):
    """A queue that holds at most `capacity` items and makes the sender wait.

    Iterating takes items until the channel is closed and empty. After `abort`, both ends get
    `AbortedError` at once, waiting or not, and what lay inside is let go.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a channel holds at least one item, got capacity {capacity}")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item, after waiting for room; AbortedError once aborted."""
        with self._changed:
            self._changed.wait_for(lambda: self._aborted or len(self._items) < self._capacity)
            if self._aborted:
                raise AbortedError
            if self._closed:
                raise ValueError("put into a closed channel")
            self._items.append(item)
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more will come; what is inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both ends with AbortedError, now and for ever."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._aborted or self._items or self._closed)
                if self._aborted:
                    raise AbortedError
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # the generator must not keep a strip alive while it waits for the next
