"""A thread that hands items to somebody slow, so that nobody else waits: bounded, newest wins.

The pipeline puts; the courier's own thread opens the receiver, brings it what came, and closes it.
Where items come faster than the receiver takes them, the oldest waiting ones are given up.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from typing_extensions import Self

from app.pipeline.stuck import PipelineThread

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_log = logging.getLogger(__name__)


class Receiver(Protocol[T_contra]):
    """Whom a courier serves; everything is called from the courier's thread alone."""

    @property
    def tick_s(self) -> float:
        """How often `attend` wants to be called while nothing comes; infinity for never."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self, item: T_contra, /) -> None:
        """Take one item; may take its time."""
        ...

    def attend(self) -> None:
        """Look after whoever listens, though there is nothing new."""
        ...


class Courier(Generic[T]):
    """Calls a receiver from a thread of its own; calling the courier never waits.

    Args:
        name: For the thread and for messages.
        receiver: Entered, called and left in that thread.
        capacity: Items that may wait; one more gives up the oldest.
        join_within_s: How long leaving waits for what is still to be delivered.

    Attributes:
        given_up: Items that the receiver never got.

    Raises:
        BaseException: What the receiver raised: on entering, or at the next call after it did.
    """

    def __init__(
        self, name: str, receiver: Receiver[T], capacity: int = 8, join_within_s: float = 2.0
    ) -> None:
        self.name = name
        self.given_up = 0
        self._receiver = receiver
        self._join_within_s = join_within_s
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._opened = self._closing = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = PipelineThread(f"send {self.name}", self._work)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._opened or self._error is not None)
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closing = True
            if kind is not None:
                self._items.clear()
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join(self._join_within_s)
        if self._thread.is_alive():
            _log.warning("%s: whoever reads there does not; left behind", self.name)
        elif self._error is not None and kind is None:
            raise self._error

    def __call__(self, item: T) -> None:
        """Leave an item to be delivered."""
        with self._changed:
            if self._error is not None:
                raise self._error
            if len(self._items) == self._capacity:
                self._items.popleft()
                self.given_up += 1
            self._items.append(item)
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            with self._receiver as receiver:
                with self._changed:
                    self._opened = True
                    self._changed.notify_all()
                self._deliver(receiver)
        except BaseException as error:  # what a library throws to end a thread included
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _deliver(self, receiver: Receiver[T]) -> None:
        patience_s = min(receiver.tick_s, threading.TIMEOUT_MAX)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closing, patience_s)
                items = list(self._items)
                self._items.clear()
                if not items and self._closing:
                    return
            for item in items:
                receiver(item)
            del items
            receiver.attend()
