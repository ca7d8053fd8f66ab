"""The result of an evaluation, as a table for people and as one JSON object for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One network of an ensemble, alone.

    Attributes:
        figures: By name, 0 to 1.
        differences: The ensemble's figure minus this, with its 95 % interval.
    """

    figures: Mapping[str, float]
    differences: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What one run of `evaluate` has to say.

    Attributes:
        title: What was measured on what, one line.
        figures: By name, 0 to 1; what does not apply is absent.
        counts: Integers by name: people, photographs.
        milliseconds: Times by name.
        intervals: 95 % interval of some figures.
        differences: Figure minus that of another results file, with its 95 % interval.
        by_keypoint: PCK of each keypoint.
        members: The networks of an ensemble, by name.
    """

    title: str
    figures: Mapping[str, float]
    counts: Mapping[str, int]
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    differences: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    by_keypoint: Mapping[str, float] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)


def as_json(report: Report) -> str:
    """One object on one line: figures, counts and times at the top, the rest below names."""
    content: dict[str, object] = {
        **{name: round(figure, DIGITS) for name, figure in report.figures.items()},
        **report.counts,
        **{name: round(time, 3) for name, time in report.milliseconds.items()},
        "intervals": {
            name: [round(end, DIGITS) for end in ends] for name, ends in report.intervals.items()
        },
    }
    if report.differences:
        content["differences"] = _rounded(report.differences)
    if report.members:
        content["members"] = {
            name: {
                **{figure: round(value, DIGITS) for figure, value in member.figures.items()},
                "differences": _rounded(member.differences),
            }
            for name, member in report.members.items()
        }
    if report.by_keypoint:
        content["PCK_by_keypoint"] = {
            name: round(share, DIGITS) for name, share in report.by_keypoint.items()
        }
    return json.dumps(content)


def as_text(report: Report) -> str:
    """A table of a few lines, ending in a line break."""
    width = max(map(len, (*report.figures, *report.counts, *report.milliseconds)), default=0)
    lines = [report.title, ""]
    for name, figure in report.figures.items():
        line = f"{name:<{width}}  {figure:.3f}"
        if name in report.intervals:
            line += "  95 % {:.3f} to {:.3f}".format(*report.intervals[name])
        if name in report.differences:
            line += _difference(report.differences[name])
        lines.append(line)
    for name, member in report.members.items():
        lines += ["", f"{name} alone, and what all together gain over it"]
        lines += [
            f"{figure:<{width}}  {member.figures[figure]:.3f}" + _difference(gain)
            for figure, gain in member.differences.items()
        ]
    if report.by_keypoint:
        lines += ["", "PCK of each keypoint"]
        lines += [f"{name:<{width}}  {share:.3f}" for name, share in report.by_keypoint.items()]
    lines.append("")
    lines += [f"{name:<{width}}  {count}" for name, count in report.counts.items()]
    lines += [f"{name:<{width}}  {time:.1f}" for name, time in report.milliseconds.items()]
    return "\n".join(lines) + "\n"


def _difference(gain: tuple[float, float, float]) -> str:
    return "  difference {:+.3f}, 95 % {:+.3f} to {:+.3f}".format(*gain)


def _rounded(
    differences: Mapping[str, tuple[float, float, float]],
) -> dict[str, dict[str, float]]:
    return {
        name: {
            "difference": round(difference, DIGITS),
            "low": round(low, DIGITS),
            "high": round(high, DIGITS),
        }
        for name, (difference, low, high) in differences.items()
    }
