"""Find people in videos and pictures, and write an annotated video and their keypoints.

Several inputs are worked on one after the other, or --jobs at a time; one that cannot be used is
reported, and the rest goes on. The exit code is then that of the first error. Run it again after
an interruption, and only what is missing is done.

Example:
    main.py video walk.mp4 holiday/ 'shots/*.jpg' --out out
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from app.assemble import skeleton_of
from app.batch.annotate import in_words
from app.batch.batch import Batch
from app.batch.display import BatchDisplay
from app.batch.entry import Entry, Settings, State
from app.batch.here import work_here
from app.batch.pool import work_in_pool
from app.people import PeopleConfig
from app.pipeline.progress import ProgressDisplay
from app.sinks.sink import SINKS, known_suffixes
from app.sources.part import Part, seconds
from app.steps.draw import DrawStyle, style_of
from pose.errors import UsageError

_FORMATS = (
    f"Which results to write: {' '.join(suffix[1:] for suffix in known_suffixes())}. "
    "Photographs become pictures in place of an mp4."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Config(PeopleConfig, DrawStyle):
    """What to read, and where to write.

    Attributes:
        inputs: Video files, pictures, folders of them, or patterns in quotes.
        out: Folder for the results, one set of files per input.
        formats: Which results to write.
        overwrite: Replace results that are there already.
        image_rate: Pictures of a folder or pattern are frames of a film, so many a second; 0 takes
            each for a photograph of its own, where nobody is known from the one before.
        start: Of films only what comes from this time on: 90, 1:30 or 0:01:30.5. Times and numbers
            of frames in the results stay the film's.
        end: Of films only what comes before this time; empty for all.
        fps: Of films at most so many frames a second; 0 takes all.
        jobs: Inputs worked on at a time; more than 1 helps where there are many cores.
        json: Print one JSON object instead of lines.
    """

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional]
    out: Path = Path("out")
    formats: Annotated[tuple[str, ...], tyro.conf.arg(help=_FORMATS)] = tuple(
        suffix[1:] for suffix in SINKS
    )
    overwrite: bool = False
    image_rate: float = 0.0
    start: str = "0"
    end: str = ""
    fps: float = 0.0
    jobs: int = 1
    json: bool = False


def run(config: Config) -> int:
    """Work on every input; answers 0, or the exit code of the first error."""
    if not config.inputs:
        raise UsageError(
            "expected a video, a picture, a folder or a pattern, before the flags; see --help"
        )
    part = Part(seconds(config.start), seconds(config.end) if config.end else None, config.fps)
    settings = Settings(
        config, config.formats, config.image_rate, config.overwrite, style_of(config), part
    )
    settings.check()
    skeleton_of(config)  # what is wrong with a model is told once, not once for each input
    batch = Batch(config.out)
    asked = [entry.key for entry in batch.add(config.inputs, settings)]
    batch.work_only_on(asked)
    for key in asked:
        if batch[key].was_done:
            _tell(batch[key], config)
    for entry in _worked_on(batch, config.jobs):
        _tell(entry, config)
    batch.leave_no_trace()
    ended = [batch[key] for key in asked]
    if config.json:
        sys.stdout.write(json.dumps({"results": [_result(each, config) for each in ended]}) + "\n")
    return next((entry.exit_code for entry in ended if entry.exit_code), 0)


def _worked_on(batch: Batch, jobs: int) -> Iterator[Entry]:
    if jobs == 1:
        yield from work_here(batch, ProgressDisplay)
        return
    with BatchDisplay(batch) as show:
        yield from work_in_pool(batch, jobs, show)


def _tell(entry: Entry, config: Config) -> None:
    if entry.error:
        _log.error("error: %s", entry.error)
    elif not config.json:
        before = " (done before)" if entry.was_done else ""
        paths = ", ".join(map(str, entry.paths(config.out)))
        sys.stdout.write(f"{entry.text}: {in_words(entry.figures)}{before} -> {paths}\n")
        sys.stdout.flush()


def _result(entry: Entry, config: Config) -> dict[str, object]:
    if entry.state is not State.DONE:
        return {"input": entry.text, "error": entry.error}
    files = [str(path) for path in entry.paths(config.out)]
    return {"input": entry.text, **entry.figures, "files": files}
