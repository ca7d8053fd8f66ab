"""The work on one input: find its people, write its results. What every batch and demo runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.assemble import assemble, skeleton_of
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.sinks.room import RoomKeeper
from app.sinks.sink import open_sink
from app.sources.source import Source, SourceOptions, open_source
from app.steps.draw import DEFAULT_STYLE, DrawStyle
from pose.errors import UsageError


def annotate(
    source: Source,
    config: PeopleConfig,
    paths: Sequence[Path],
    on_tick: Callable[[Reading], None] | None = None,
    style: DrawStyle = DEFAULT_STYLE,
) -> Reading:
    """Find the people of one source and write the files.

    Args:
        source: Recorded, not entered.
        config: How people are found.
        paths: The files to make, by suffix.
        on_tick: Gets the meter's readings meanwhile, in this thread; what it raises ends the work.
        style: What is drawn, and how.

    Raises:
        PoseAppError: The source, a network or an output cannot be used, or the disc is nearly full.
    """
    skeleton = skeleton_of(config)
    sinks = [RoomKeeper(paths), *(open_sink(path, skeleton) for path in paths)]
    drawn = any(path.suffix == ".mp4" for path in paths)
    return assemble(source, config, sinks, drawn=drawn, style=style).run(on_tick)


def open_recorded(text: str, image_rate_hz: float) -> Source:
    """A source with an end.

    Raises:
        UsageError: It has none.
        InputError: It cannot be used.
    """
    source = open_source(text, SourceOptions(image_rate_hz=image_rate_hz))
    if source.is_live:
        raise UsageError(f"{source.name} has no end; run: main.py live {source.name}")
    return source


def figures(reading: Reading) -> dict[str, Any]:
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


def in_words(seen: Mapping[str, Any]) -> str:
    """Figures as one line for people."""
    people = "1 person" if seen["people"] == 1 else f"{seen['people']} people"
    dropped = f" ({seen['dropped']} dropped)" if seen["dropped"] else ""
    return f"{seen['frames']} frames{dropped}, {people}, {seen['fps']:.1f} fps"
