"""When Python collects its garbage while a window lives: between Qt's events, in Qt's thread.

Left alone, Python collects reference cycles whenever enough has been made, in whichever thread
made it. A widget in such a cycle then dies in a thread of the pipeline, or while Qt itself walks
over all widgets (a change of theme does) and calls a method of ours on the way: Qt goes on to the
one that is no longer there, and the process ends.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from PyQt5.QtCore import QTimer

EVERY_MS = 500
_PER_OLDER = 11  # collections of one generation for each of the next, about as Python has it


@contextmanager
def collected_between_events(every_ms: int = EVERY_MS) -> Iterator[None]:
    """While inside, only the event loop collects garbage; enter in the thread of the QApplication.

    Args:
        every_ms: Between two collections of what is young.
    """
    ticks = 0

    def collect() -> None:
        nonlocal ticks
        ticks += 1
        gc.collect(0 if ticks % _PER_OLDER else 1 if ticks % _PER_OLDER**2 else 2)

    timer = QTimer()
    timer.timeout.connect(collect)
    automatic = gc.isenabled()
    gc.disable()
    timer.start(every_ms)
    try:
        yield
    finally:
        timer.stop()
        if automatic:
            gc.enable()
