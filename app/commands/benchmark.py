"""Measure the pipeline against the same models run one after another in a plain loop.

Both do the same work on the same frames: decode, detect, estimate, track, smooth, draw, encode.
The loop runs frame by frame, its networks as ONNX Runtime sets them up by itself. Rounds take
turns, so that what else the machine does hits both.

Example:
    main.py benchmark --json
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from app.assemble import GROUPS, assemble, make_groups, skeleton_of
from app.commands.demo import CLIP
from app.machine import machine_name
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from app.pipeline.plain import run_plainly
from app.sinks.sink import open_sink
from app.sources.source import open_source
from model_zoo.zoo import model_path
from pose.errors import InputError, UsageError


@dataclass(frozen=True, kw_only=True)
class Config(PeopleConfig):
    """What to measure.

    Attributes:
        input: A video file; empty takes the clip that ships with the program.
        frames: Frames of it in each run.
        rounds: Runs of the pipeline, and as many of the loop; one more of each warms up.
        groups: Which stages share a thread, such as `detect | estimate track smooth | draw write`.
        strip_length: Frames that travel together; 0 takes what `video` would take.
        json: Print one JSON object instead of a table.
    """

    input: Annotated[str, tyro.conf.Positional] = ""
    frames: int = 120
    rounds: int = 3
    groups: str = ""
    strip_length: int = 0
    json: bool = False


@dataclass(frozen=True)
class Run:
    """One run of one of the two.

    Attributes:
        frames: Frames that came out.
        fps: Frames per second, from the first frame in to the last frame out.
        cpu_ms: Processor time per frame, of all threads, loading included.
        people: Different people that were found.
        ms_per_stage: Time each stage spent per frame.
    """

    frames: int
    fps: float
    cpu_ms: float
    people: int
    ms_per_stage: dict[str, float]


def run(config: Config) -> None:
    """Measure and print both rates and their ratio."""
    if config.frames < 1 or config.rounds < 1:
        raise UsageError("expected --frames and --rounds of 1 or more")
    if config.strip_length < 0:
        raise UsageError(f"expected --strip-length of 0 or more, got {config.strip_length}")
    if config.groups and not {"track", "draw", "write"} <= {*config.groups.split()}:
        raise UsageError(
            f"--groups: expected every stage, or the loop does more work, got {config.groups!r}; "
            f"such as: {GROUPS}"
        )
    text = config.input or str(CLIP)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.mp4"
        ways = {
            "pipeline": lambda: _pipelined(text, config, path),
            "loop": lambda: _plainly(text, config, path),
        }
        runs: dict[str, list[Run]] = {name: [] for name in ways}
        for number in range(config.rounds + 1):
            order = list(ways) if number % 2 else list(reversed(ways))
            for name in order:
                measured = _measured(ways[name])
                if number:  # the first round warms the disk, the clock and the allocator
                    runs[name].append(measured)
    _print(runs, text, config)


def _pipelined(text: str, config: Config, path: Path) -> Reading:
    return assemble(
        open_source(text),
        config,
        [open_sink(path, skeleton_of(config))],
        max_frames=config.frames,
        groups=config.groups,
        strip_length=config.strip_length,
    ).run()


def _plainly(text: str, config: Config, path: Path) -> Reading:
    engine: dict[str, Any] = {"threads": 0}
    if {model_path(name).suffix for name in (config.person, *config.poses)} == {".onnx"}:
        engine["spin"] = True  # ONNX Runtime's own default, and the fastest for a network alone
    sinks = [open_sink(path, skeleton_of(config))]
    groups = make_groups(replace(config, lanes=1), sinks, **engine)
    stages = [stage for group in groups for stage in group.lanes[0]]
    return run_plainly(open_source(text), stages, config.frames)


def _measured(once: Callable[[], Reading]) -> Run:
    cpu_s = time.process_time()
    reading = once()
    cpu_s = time.process_time() - cpu_s
    if not reading.frames_out:
        raise InputError("expected a video with frames, got none; give another input")
    ms_per_stage = {stage: 1000 * spent_s for stage, spent_s in reading.stage_s.items()}
    cpu_ms = 1000 * cpu_s / reading.frames_out
    return Run(reading.frames_out, reading.fps, cpu_ms, reading.people_ids, ms_per_stage)


def _print(runs: dict[str, list[Run]], text: str, config: Config) -> None:
    fps = {name: statistics.median(each.fps for each in several) for name, several in runs.items()}
    pairs = zip(runs["pipeline"], runs["loop"], strict=True)
    ratio = statistics.median(one.fps / other.fps for one, other in pairs)
    frames = runs["pipeline"][-1].frames  # a short clip has fewer than were asked for
    if config.json:
        result = {
            "machine": machine_name(),
            "input": text,
            "frames": frames,
            "pipeline_fps": round(fps["pipeline"], 2),
            "loop_fps": round(fps["loop"], 2),
            "ratio": round(ratio, 3),
            "runs": {name: [asdict(each) for each in several] for name, several in runs.items()},
        }
        sys.stdout.write(json.dumps(result) + "\n")
        return
    lines = [f"{Path(text).name}, {frames} frames, on {machine_name()}"]
    for name, several in runs.items():
        all_fps = " ".join(f"{each.fps:.1f}" for each in several)
        cpu_ms = statistics.median(each.cpu_ms for each in several)
        lines.append(f"{name:9} {fps[name]:6.1f} fps  ({all_fps})  {cpu_ms:.1f} ms of CPU a frame")
        stages = several[-1].ms_per_stage.items()
        lines.append("          " + ", ".join(f"{stage} {ms:.1f}" for stage, ms in stages) + " ms")
    lines.append(f"ratio     {ratio:6.2f}")
    sys.stdout.write("\n".join(lines) + "\n")
