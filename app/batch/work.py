"""One input of a batch from its start to its end, in this process: a pipeline that can be held.

Both drivers call it: `here` in the program's own process, `worker` in another one.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.batch.annotate import annotate, figures, open_recorded
from app.batch.entry import Settings
from app.batch.gate import Gated
from app.batch.inputs import fingerprint
from app.pipeline.meter import Reading
from pose.errors import EXIT_BUG, PoseAppError, masked

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker must know about one input."""

    key: int
    text: str
    paths: tuple[Path, ...]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: done, failed with an error on one line, or given up.

    Attributes:
        key: The job's.
        figures: What was seen; None unless it is done.
        seen: Fingerprint of the input when the work began.
        error: Why it failed; empty otherwise.
        exit_code: Of that error.
    """

    key: int
    figures: dict[str, Any] | None = None
    seen: str = ""
    error: str = ""
    exit_code: int = 0


class CancelledError(Exception):
    """Nobody wants the result any more; raised by a tick."""


def work(job: Job, tick: Callable[[Gated, Reading], None]) -> Outcome:
    """Do one job; answers its outcome, whatever happens, Ctrl-C and exits excepted.

    Args:
        job: What to do.
        tick: Gets the source, which it may pause, and the meter's reading about ten times a
            second; raises CancelledError to give up.
    """
    try:
        source = Gated(open_recorded(job.text, job.settings.source_options()))
        seen = fingerprint(job.text)
        reading = annotate(
            source,
            job.settings.people,
            job.paths,
            lambda reading: tick(source, reading),
            job.settings.style,
        )
    except CancelledError:
        return Outcome(job.key)
    except PoseAppError as error:
        return Outcome(job.key, error=str(error), exit_code=error.exit_code)
    except Exception as error:
        # A bug met one input; a night's work on the others shall not be lost by it.
        _log.error("%s", masked(traceback.format_exc()))
        message = masked(" ".join(f"{type(error).__name__}: {error}".split()))
        return Outcome(job.key, error=f"a bug in the program: {message}", exit_code=EXIT_BUG)
    return Outcome(job.key, figures(reading), seen)
