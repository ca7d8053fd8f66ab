"""Find the people in the clip that ships with the program, and say what was seen.

Needs no GPU, camera, screen or network.

Example:
    main.py demo
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from app.batch.annotate import annotate, figures
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.pipeline.progress import ProgressDisplay
from app.sinks.sink import SINKS
from app.sources.source import open_source

CLIP = Path(__file__).parents[1] / "assets" / "demo.mp4"


@dataclass(frozen=True, kw_only=True)
class Config(PeopleConfig):
    """Where to write.

    Attributes:
        out: Folder for the annotated video and the keypoints; older ones are replaced.
        json: Print one JSON object instead of lines.
    """

    out: Path = Path("out/demo")
    json: bool = False


def run(config: Config) -> None:
    """Run the main job on the clip and print people, frames, fps and ms per stage."""
    paths = [config.out / f"demo{suffix}" for suffix in SINKS]
    source = open_source(str(CLIP))
    with ProgressDisplay(source.name, source.frame_count) as show:
        reading = annotate(source, config, paths, show)
    if config.json:
        seen = {**figures(reading), "files": [str(path) for path in paths]}
        sys.stdout.write(json.dumps(seen) + "\n")
    else:
        sys.stdout.write(_text(reading, paths))


def _text(reading: Reading, paths: list[Path]) -> str:
    rows = [
        ("people", f"{reading.people_ids}, at most {reading.people_most} at once"),
        ("frames", f"{reading.frames_out}"),
        ("fps", f"{reading.fps:.1f}"),
        *((f"ms {stage}", f"{1000 * spent:.1f}") for stage, spent in reading.stage_s.items()),
        *(("written", str(path)) for path in paths),
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:{width}}  {value}\n" for name, value in rows)
