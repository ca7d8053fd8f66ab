"""The work on one input: find its people, write its results. What every batch and demo runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.assemble import assemble, skeleton_of
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.sinks.room import RoomKeeper
from app.sinks.sink import any_shown, open_sink
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
    return assemble(source, config, sinks, drawn=any_shown(paths), style=style).run(on_tick)


def open_recorded(text: str, options: SourceOptions | None = None) -> Source:
    """A source with an end.

    Args:
        text: A video, a picture, a folder or a pattern.
        options: What to ask of it.

    Raises:
        UsageError: It has none.
        InputError: It cannot be used.
    """
    if os.path.exists(text):
        text = os.path.join(os.curdir, text) if text.isdecimal() else text  # 2024/ is no camera
    source = open_source(text, options)
    if source.is_live:
        raise UsageError(f"{text} has no end; run: main.py live {text}")
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
    frames = "1 frame" if seen["frames"] == 1 else f"{seen['frames']} frames"
    return f"{frames}{dropped}, {people}, {seen['fps']:.1f} fps"
