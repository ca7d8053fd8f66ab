"""The same stages in one thread, one frame after the other: what the pipeline is measured against.

Also the way to step through a run with a debugger.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice

from app.pipeline.meter import Meter, Reading
from app.pipeline.pipeline import READ, FrameSource
from app.pipeline.strip import Stage, Strip


def run_plainly(
    source: FrameSource,
    stages: Sequence[Stage],
    max_frames: int | None = None,
    meter: Meter | None = None,
) -> Reading:
    """Read, work, write, frame by frame.

    Args:
        source: Entered after everything that the stages open.
        stages: In order.
        max_frames: Read no more than this many frames.
        meter: Counts and times; a fresh one if None.

    Returns:
        The last reading. Errors come as they are.
    """
    meter = meter or Meter()
    clock = meter.clock
    with ExitStack() as opened:
        for stage in stages:
            for resource in stage.opens:
                opened.enter_context(resource)
        since_s = clock()
        for frame in islice(opened.enter_context(source), max_frames):
            now_s = clock()
            meter.came_in()
            meter.worked(READ, 1, now_s - since_s)
            strip = Strip((frame,), now_s, stage_s={READ: now_s - since_s})
            for stage in stages:
                since_s = clock()
                strip = stage.step(strip).timed(stage.name, clock() - since_s)
                meter.worked(stage.name, 1, strip.stage_s[stage.name])
            meter.went_out(strip)
            since_s = clock()
    return meter.reading()
