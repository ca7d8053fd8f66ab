"""Find people in videos and pictures, and write an annotated video and their keypoints.

Several inputs are worked on one after the other; one that cannot be used is reported, and the
rest goes on. The exit code is then that of the first error.

Example:
    main.py video walk.mp4 holiday/ 'shots/*.jpg' --out out
"""

from __future__ import annotations

import glob
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from app.assemble import PeopleConfig, assemble, skeleton_of
from app.pipeline.meter import Reading
from app.pipeline.progress import ProgressDisplay
from app.sinks.sink import SINKS, open_sink
from app.sources.images import IMAGE_SUFFIXES, natural_key
from app.sources.source import Source, SourceOptions, open_source
from pose.errors import OutputError, PoseAppError, UsageError

_log = logging.getLogger(__name__)

# What is taken from a folder; a file that is named outright is tried whatever its name.
VIDEO_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .webm .wmv".split()
)


@dataclass(frozen=True, kw_only=True)
class Config(PeopleConfig):
    """What to read, and where to write.

    Attributes:
        inputs: Video files, pictures, folders of them, or patterns in quotes.
        out: Folder for the results, one set of files per input.
        formats: Which results to write.
        overwrite: Replace results that are there already.
        image_rate: Pictures of a folder or pattern per second of video.
        json: Print one JSON object instead of lines.
    """

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional]
    out: Path = Path("out")
    formats: tuple[str, ...] = tuple(suffix[1:] for suffix in SINKS)
    overwrite: bool = False
    image_rate: float = 25.0
    json: bool = False


def run(config: Config) -> int:
    """Work on every input; answers 0, or the exit code of the first error."""
    if not config.inputs:
        raise UsageError("expected a video, a picture, a folder or a pattern; see --help")
    if config.image_rate <= 0:
        raise UsageError(f"expected --image-rate above 0, got {config.image_rate}")
    unknown = [form for form in config.formats if f".{form}" not in SINKS]
    if unknown or not config.formats:
        known = " ".join(suffix[1:] for suffix in SINKS)
        raise UsageError(f"expected --formats of {known}, got {' '.join(unknown) or 'none'}")
    skeleton_of(config)  # what is wrong with a model is told once, not once for each input
    inputs = [each for text in config.inputs for each in expanded(text)]
    results: list[dict[str, object]] = []
    exit_code = 0
    for text, name in zip(inputs, result_names(inputs), strict=True):
        paths = [config.out / f"{name}.{form}" for form in config.formats]
        try:
            check_free(paths, inputs, config.overwrite)
            source = _recorded(text, config)
            reading = annotate(source, config, paths)
        except PoseAppError as error:
            _log.error("error: %s", error)
            exit_code = exit_code or error.exit_code
            results.append({"input": text, "error": str(error)})
            continue
        results.append({"input": text, **figures(reading), "files": [str(path) for path in paths]})
        if not config.json:
            sys.stdout.write(f"{text}: {in_words(reading)} -> {', '.join(map(str, paths))}\n")
            sys.stdout.flush()
    if config.json:
        sys.stdout.write(json.dumps({"results": results}) + "\n")
    return exit_code


def annotate(source: Source, config: PeopleConfig, paths: Sequence[Path]) -> Reading:
    """Find the people of one source, showing progress, and write the files.

    Raises:
        PoseAppError: The source, a network or an output cannot be used.
    """
    skeleton = skeleton_of(config)
    sinks = [open_sink(path, skeleton) for path in paths]
    drawn = any(path.suffix == ".mp4" for path in paths)
    pipeline = assemble(source, config, sinks, drawn=drawn)
    with ProgressDisplay(source.name, source.frame_count) as show:
        return pipeline.run(show)


def figures(reading: Reading) -> dict[str, object]:
    """A reading as plain numbers, for JSON."""
    return {
        "frames": reading.frames_out,
        "dropped": reading.dropped,
        "people": reading.people_ids,
        "people_most": reading.people_most,
        "fps": round(reading.fps, 2),
        "ms_per_stage": {
            stage: round(1000 * spent_s, 3) for stage, spent_s in reading.stage_s.items()
        },
    }


def in_words(reading: Reading) -> str:
    """A reading as one line for people."""
    people = "1 person" if reading.people_ids == 1 else f"{reading.people_ids} people"
    dropped = f" ({reading.dropped} dropped)" if reading.dropped else ""
    return f"{reading.frames_out} frames{dropped}, {people}, {reading.fps:.1f} fps"


# ---- inputs and names ------------------------------------------------------------------------


def expanded(text: str) -> list[str]:
    """What an argument stands for: videos one by one, pictures of a folder or pattern together.

    An argument that stands for nothing comes back as it is; opening it tells what is wrong.
    """
    path = Path(text)
    if path.is_dir():
        files = [each for each in path.iterdir() if each.is_file() and each.name[0] != "."]
        videos = [each for each in files if each.suffix.lower() in VIDEO_SUFFIXES]
    elif glob.has_magic(text) and not path.exists():
        files = [each for each in map(Path, glob.glob(text, recursive=True)) if each.is_file()]
        videos = [each for each in files if each.suffix.lower() not in IMAGE_SUFFIXES]
    else:
        return [text]
    pictures = any(each.suffix.lower() in IMAGE_SUFFIXES for each in files)
    found = [str(each) for each in sorted(videos, key=natural_key)]
    return [*found, text] if pictures or not found else found


def result_names(inputs: Sequence[str]) -> list[str]:
    """One name per input for its results, each different: `walk`, and `walk-avi` for `walk.avi`."""
    names: list[str] = []
    for text in inputs:
        path = Path(text)
        while glob.has_magic(path.name) and not path.exists():  # of a pattern: the folder's name
            path = path.parent
        folder = path.is_dir()
        stem = (path.resolve().name if folder else path.stem) or "pictures"
        tries = [stem, f"{stem}-{path.suffix[1:]}" if path.suffix and not folder else f"{stem}-2"]
        tries += [f"{stem}-{number}" for number in range(3, len(inputs) + 3)]
        names.append(next(name for name in tries if name not in names))
    return names


def check_free(paths: Iterable[Path], inputs: Iterable[str], overwrite: bool) -> None:
    """Refuse to write over what is there.

    Args:
        paths: Results to be.
        inputs: Files that are never written over.
        overwrite: Whether older results may be replaced.

    Raises:
        OutputError: A result is there already, or is one of the inputs.
    """
    precious = {Path(text).resolve() for text in inputs}
    for path in paths:
        if path.resolve() in precious:
            raise OutputError(f"{path} is an input and will not be replaced; give another --out")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} is there already; give another --out, or --overwrite")


def _recorded(text: str, config: Config) -> Source:
    source = open_source(text, SourceOptions(image_rate_hz=config.image_rate))
    if source.is_live:
        raise UsageError(f"{source.name} has no end; run: main.py live {source.name}")
    return source
