"""Threads that do not come back: who they are and where they stand."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

_log = logging.getLogger(__name__)


class PipelineThread(threading.Thread):
    """A thread of a pipeline; a daemon, so that one that hangs cannot keep the program alive."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        super().__init__(target=body, name=name, daemon=True)


def left_behind() -> list[threading.Thread]:
    """Threads of pipelines that still run; none, unless one was given up."""
    return [thread for thread in threading.enumerate() if isinstance(thread, PipelineThread)]


class StuckThreadError(RuntimeError):
    """A thread of the pipeline does not come back; the message names it and where it stands."""


def stuck_error(threads: Sequence[threading.Thread]) -> StuckThreadError:
    """Log the whole stack of each thread, and make an error that names thread, file and line."""
    frames = sys._current_frames()
    places = []
    for thread in threads:
        if thread.ident not in frames:  # it ended while we looked
            continue
        stack = traceback.extract_stack(frames[thread.ident])
        _log.error("%s stands here:\n%s", thread.name, "".join(stack.format()))
        places.append(f"{thread.name!r} in {stack[-1].filename}:{stack[-1].lineno}")
    return StuckThreadError(f"threads do not come back: {', '.join(places)}")
