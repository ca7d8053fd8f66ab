"""Config -> pipeline: how stages share threads and cores.

The threads are one line, `GROUPS`; what each stage does is one function in `app.stages`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.cores import cores
from app.dials import Dials
from app.networks import person_detector, pose_estimator
from app.people import PeopleConfig, check
from app.pipeline.pipeline import Pipeline, SideBySide
from app.sinks.sink import Sink
from app.sources.source import Source
from app.stages import Stages
from app.steps.draw import DEFAULT_STYLE, DrawStyle
from engines.choose import choose
from engines.cuda_driver import probe
from model_zoo.zoo import model_path
from pose.errors import UsageError
from pose.skeleton import Skeleton

# One thread per group, from left to right; * means several threads side by side, each with
# networks of its own that share the cores. Small networks gain little from a second thread
# inside, and everything from a second frame beside: `main.py benchmark --groups` measures it.
GROUPS = "* detect estimate | track smooth | draw | write"
# Between detections boxes come back from the tracker: that loop stays inside one group.
FOLLOWING_GROUPS = "follow smooth | draw | write"

MAX_LANES = 4  # of *: more hold many copies of the networks for little
MAX_IN_FLIGHT = 2  # frames of a live source that are worked on at once
SHARED_BATCH = 4  # people in one run where several threads share them
STRIP_LENGTH = 2  # frames of a file that travel together: longer strips leave lanes waiting
STRIP_BYTES = 32 << 20  # fewer where frames are large: about ten strips are inside at once

_log = logging.getLogger(__name__)

_RUNS_NETWORKS = {"detect", "estimate", "follow"}
_REMEMBERS_NOTHING = {"detect", "estimate"}


def assemble(
    source: Source,
    config: PeopleConfig,
    sinks: Sequence[Sink] = (),
    *,
    drawn: bool = True,
    max_frames: int | None = None,
    groups: str = "",
    strip_length: int = 0,
    style: DrawStyle = DEFAULT_STYLE,
    dials: Callable[[], Dials] | None = None,
) -> Pipeline:
    """Put a pipeline together: source -> people -> sinks.

    Args:
        source: Live or recorded; decides whether frames may be dropped.
        config: How people are found.
        sinks: Get every finished scene, in order.
        drawn: Whether the sinks want pictures with skeletons.
        max_frames: Read no more than this many frames.
        groups: Stages by name, in the form of `GROUPS`; empty takes the usual ones.
        strip_length: Frames that travel together from a file; 0 chooses by their size.
        style: What is drawn, and how.
        dials: Asked for every strip, in place of `style` and of what the config says about the
            same; for who changes them while the pipeline runs.

    Raises:
        UsageError: The config or the groups cannot be.
        ModelFileError: A network cannot be used.
    """
    live = source.is_live
    most = MAX_IN_FLIGHT if live else MAX_LANES
    return Pipeline(
        source,
        make_groups(
            config, sinks, drawn=drawn, groups=groups, max_lanes=most, style=style, dials=dials
        ),
        live=live,
        strip_length=1 if live else strip_length or _strip_length(source),
        max_frames=max_frames,
        max_in_flight=MAX_IN_FLIGHT,
    )


def make_groups(
    config: PeopleConfig,
    sinks: Sequence[Sink] = (),
    *,
    drawn: bool = True,
    groups: str = "",
    max_lanes: int = MAX_LANES,
    style: DrawStyle = DEFAULT_STYLE,
    dials: Callable[[], Dials] | None = None,
    **engine: Any,
) -> list[SideBySide]:
    """Make every stage, sorted into groups and lanes; otherwise as `assemble`.

    Args:
        max_lanes: Most lanes where the config leaves the number open.
        engine: Options of both engines that come before the config's.
    """
    smooth = config.smooth or dials is not None
    left_out = {name for name, wanted in (("smooth", smooth), ("draw", drawn)) if not wanted}
    skeleton = skeleton_of(config)
    for name in (config.person, *config.poses):
        # Without a GPU there was nothing to choose, and doctor tells what is missing.
        level = logging.INFO if probe().present else logging.DEBUG
        _log.log(level, "%s runs on %s", name, choose(model_path(name), config.engine).reason)
    shares = shares_of(config, groups=groups, max_lanes=max_lanes)
    plan = _plan(_line(config, groups), shares.lanes, left_out)
    makers = Stages(
        config,
        skeleton,
        sinks,
        {"threads": shares.threads, "max_batch": shares.batch} | engine,
        (lambda: style) if dials is None else (lambda: dials().style),
        dials,
        drawn,
    ).makers()
    unknown = [name for names, _ in plan for name in names if name not in makers]
    if unknown:
        raise UsageError(f"expected stages of {', '.join(makers)}, got {', '.join(unknown)}")
    places = [list(makers).index(name) for names, _ in plan for name in names]
    if places != sorted(places):
        raise UsageError(f"expected stages in the order of {', '.join(makers)}, got {groups!r}")
    return [
        SideBySide([[makers[name]() for name in names] for _ in range(count)])
        for names, count in plan
    ]


@dataclass(frozen=True, slots=True)
class Shares:
    """How the cores are divided.

    Attributes:
        lanes: Frames side by side.
        threads: In each network.
        batch: Most people, or frames, in one run of a network.
    """

    lanes: int
    threads: int
    batch: int


def shares_of(config: PeopleConfig, *, groups: str = "", max_lanes: int = MAX_LANES) -> Shares:
    """What the config says, and where it leaves that open, what gives most frames a second.

    `docs/default-models.md` has the measurements.
    """
    lanes = config.lanes or min(cores(), max_lanes)
    plan = _plan(_line(config, groups), lanes, set())
    networks = sum(count for names, count in plan if _RUNS_NETWORKS & set(names))
    # At most half of the cores for one network: the other stages want some, and below a certain
    # size of network threads that wait for each other cost more than they give.
    threads = config.threads or max(1, cores() // max(2, networks))
    return Shares(lanes, threads, config.batch or (1 if threads == 1 else SHARED_BATCH))


def _line(config: PeopleConfig, groups: str) -> str:
    return groups or (GROUPS if config.detect_every == 1 else FOLLOWING_GROUPS)


def skeleton_of(config: PeopleConfig) -> Skeleton:
    """What the keypoints will be; errors as in `assemble`, so that they are told early."""
    check(config)
    person_detector(config, config.min_score, config.max_people)
    return pose_estimator(config).card.keypoints


def _plan(line: str, lanes: int, left_out: set[str]) -> list[tuple[list[str], int]]:
    """The stages of each group and its number of lanes."""
    plan = []
    for group in line.split("|"):
        side_by_side = group.strip().startswith("*")
        names = [name for name in group.replace("*", " ", 1).split() if name not in left_out]
        if side_by_side and not _REMEMBERS_NOTHING.issuperset(names):
            raise UsageError(f"only {', '.join(sorted(_REMEMBERS_NOTHING))} can follow *: {line!r}")
        if names:
            plan.append((names, lanes if side_by_side else 1))
    used = [name for names, _ in plan for name in names]
    if not used or len(set(used)) < len(used):
        raise UsageError(f"expected each stage once, got {line!r}")
    return plan


def _strip_length(source: Source) -> int:
    width, height = source.size_wh
    return max(1, min(STRIP_LENGTH, STRIP_BYTES // (3 * width * height)))
