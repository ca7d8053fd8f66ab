"""Find people in a camera, a network stream, or a file played at its own speed.

Frames that come while the networks are busy are dropped, so that what is shown is now. Ends with
the stream, after --seconds or --max-frames, or with Ctrl-C; a recording is complete each time.

Example:
    main.py live 0 --out visit.mp4 --seconds 60
    main.py live 0 --send ws://127.0.0.1:8765 osc://127.0.0.1:9002
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from app.assemble import assemble, skeleton_of
from app.batch.annotate import figures, in_words
from app.batch.inputs import check_free
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.pipeline.pipeline import Pipeline
from app.pipeline.progress import ProgressDisplay
from app.sinks.room import RoomKeeper
from app.sinks.sender import check_senders, open_sender, takes_stdout, wants_drawings
from app.sinks.sink import FOLDER_SINKS, MORE_SINKS, SINKS, any_shown, open_sink
from app.sources.source import SourceOptions, open_source
from app.steps.draw import DrawStyle, style_of
from pose.errors import OutputError, UsageError

_OUT = (
    f"Files to record to: {' '.join([*SINKS, *MORE_SINKS])}, and folders: {' '.join(FOLDER_SINKS)}."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Config(PeopleConfig, DrawStyle):
    """What to look at, and for how long.

    Attributes:
        source: Camera number, rtsp:// address, or a file with --realtime.
        realtime: Play a file at its own speed, as if it were a camera.
        out: What to record to.
        overwrite: Replace recordings that are there already.
        send: Other programs to send to while it happens: stdout, tcp://, ws://, udp://, osc://,
            camera; see docs/streams.md.
        expose: Let tcp and ws listen on an address that other machines can reach.
        max_frames: End after so many frames of the source; 0 goes on.
        seconds: End after so many seconds; 0 goes on.
        camera_size: Width and height to ask a camera for.
        camera_fps: Frames per second to ask a camera for.
        json: Print one JSON object at the end instead of a line.
    """

    source: Annotated[str, tyro.conf.Positional] = "0"
    realtime: bool = False
    out: Annotated[tuple[Path, ...], tyro.conf.arg(help=_OUT)] = ()
    overwrite: bool = False
    send: tuple[str, ...] = ()
    expose: bool = False
    max_frames: int = 0
    seconds: float = 0.0
    camera_size: tuple[int, int] | None = None
    camera_fps: float | None = None
    json: bool = False


def run(config: Config) -> None:
    """Watch until the end, then print what was seen."""
    if not 0 <= config.max_frames <= sys.maxsize or not config.seconds >= 0:
        raise UsageError("expected --max-frames and --seconds of 0 or more")
    check_senders(config.send)
    if config.json and takes_stdout(config.send):
        raise UsageError("expected --json or --send stdout, got both: they share one output")
    check_free(config.out, [config.source], config.overwrite)
    skeleton = skeleton_of(config)
    sinks = [open_sink(path, skeleton) for path in config.out]
    options = SourceOptions(camera_size_wh=config.camera_size, camera_fps=config.camera_fps)
    source = open_source(config.source, options, realtime=config.realtime)
    if not source.is_live:
        raise UsageError(
            f"{source.name} is a recording; add --realtime, or run: main.py video {config.source}"
        )
    senders = [
        open_sender(text, skeleton, source.name, expose=config.expose) for text in config.send
    ]
    pipeline = assemble(
        source,
        config,
        [*senders, *sinks],
        drawn=any_shown(config.out) or wants_drawings(config.send),
        max_frames=config.max_frames or None,
        style=style_of(config),
    )
    short: list[OutputError] = []
    try:
        with RoomKeeper(config.out) as keep, ProgressDisplay(source.name, total=None) as show:
            tick = while_room_lasts(keep, pipeline, show, short.append)
            pipeline.run(until(config.seconds, pipeline, tick))
    except KeyboardInterrupt:  # the usual end; what was recorded is complete
        _tell(pipeline.meter.reading(), config)
        raise
    _tell(pipeline.meter.reading(), config)
    if short:  # what was recorded is complete; why it ended is told
        raise short[0]


def while_room_lasts(
    keep: RoomKeeper,
    pipeline: Pipeline,
    show: Callable[[Reading], None],
    tell: Callable[[OutputError], None],
) -> Callable[[Reading], None]:
    """A tick that shows the reading, and ends the recording in order before the disc is full."""

    def tick(reading: Reading) -> None:
        show(reading)
        short = keep.short_of()
        if short is not None:
            tell(short)
            pipeline.stop()

    return tick


def until(
    seconds: float,
    pipeline: Pipeline,
    show: Callable[[Reading], None],
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[Reading], None]:
    """A tick that shows the reading and stops the pipeline when the time is over; 0 is never."""
    started_s: float | None = None

    def tick(reading: Reading) -> None:
        nonlocal started_s
        show(reading)
        if started_s is None and reading.frames_in:
            started_s = clock()
        if seconds and started_s is not None and clock() - started_s >= seconds:
            pipeline.stop()

    return tick


def _tell(reading: Reading, config: Config) -> None:
    if config.json:
        seen = {**figures(reading), "files": [str(path) for path in config.out]}
        sys.stdout.write(json.dumps(seen) + "\n")
    else:
        said = f"{in_words(figures(reading))}, {1000 * reading.age_s:.0f} ms from capture to result"
        if takes_stdout(config.send):  # whose lines are for a program
            _log.info("%s", said)
        else:
            sys.stdout.write(said + "\n")
