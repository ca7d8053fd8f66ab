"""A live source for tests: gives a drawn frame each time it is told, fails, is lost, or hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from typing_extensions import Self

from app.sources.live import LinkState
from pose.types import Frame
from tests.app import drawn


class Scripted:
    """Frames on demand. Waits end with `stop`, unless it hangs.

    Attributes:
        hangs: Entering waits until `end`, whatever `stop` says.
        opens: What it was opened with, in order.
        entered: How often it was entered.
    """

    size_wh = drawn.SIZE_WH
    fps: float | None = 30.0
    frame_count: int | None = None
    is_live = True

    def __init__(self) -> None:
        self.name = "scripted"
        self.hangs = False
        self.state = LinkState.LIVE
        self.opens: list[str] = []
        self.entered = 0
        self._changed = threading.Condition()
        self._wanted = self._given = 0
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self.people = 1

    def opened(self, text: str) -> Self:
        """Open it again, as another request does."""
        self.opens.append(text)
        with self._changed:
            self._stopped = False
        return self

    def give(self, count: int = 1) -> None:
        """Let so many more frames come."""
        with self._changed:
            self._wanted += count
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Raise from the iteration."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def end(self) -> None:
        """Let go of everything that waits."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """As a live source does."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self.entered += 1
        if self.hangs:
            with self._changed:
                self._changed.wait_for(lambda: self._ended)
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._stopped
                        or self._ended
                        or self._error is not None
                        or self._given < self._wanted
                    )
                )
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                if self._stopped or self._ended:
                    return
                self._given += 1
            yield Frame(index, index / 30, drawn.picture(index, self.people))
            index += 1
