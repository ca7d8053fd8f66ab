"""One piece of work in a thread of its own, for a caller that must not wait, such as a window.

Here because only this folder starts threads. The outcome goes to a callback in that thread; who
needs it elsewhere sends it on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from app.pipeline.stuck import PipelineThread

T = TypeVar("T")


class Background(Generic[T]):
    """Runs `work` once, beginning now.

    Args:
        name: Of the thread.
        work: What to do.
        done: Gets the answer, in the thread.
        failed: Gets the error instead, in the thread.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        def body() -> None:
            try:
                answer = work()
            except BaseException as error:  # whatever it is, somebody waits for it
                failed(error)
            else:
                done(answer)

        self._thread = PipelineThread(name, body)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def join(self, seconds: float | None) -> bool:
        """Wait for the end; False if the time was not enough, or if called from the work itself."""
        if self._thread is threading.current_thread():
            return False
        self._thread.join(seconds)
        return not self._thread.is_alive()
