"""The ablation tables as text and as JSON: published figures, ours, and how sure ours are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evaluation import bootstrap
from evaluation.ablation_rows import BASE, TABLES
from evaluation.scores import Scores

FIGURES = ("AP", "PCK")
DIGITS = 6
_MISSING = "not trained"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One row that was judged.

    Attributes:
        figures: AP and PCK, 0 to 1.
        gains: Each figure minus that of the base row, with its 95 % interval; empty without base.
        cpu_minutes: What its training took; 0 where it needed none of its own, NaN where the
            figure was lost.
    """

    figures: Mapping[str, float]
    gains: Mapping[str, tuple[float, float, float]]
    cpu_minutes: float


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Lines by the names of their networks; what was not trained is not there."""

    lines: Mapping[tuple[str, ...], Line]

    @classmethod
    def of(
        cls,
        scores: Callable[[tuple[str, ...]], Scores | None],
        cost: Mapping[str, Mapping[str, float]],
    ) -> Outcome:
        """Judge every row of every table.

        Args:
            scores: Figures of the mean of some networks' heatmaps; None if one is missing.
            cost: Of each finished training, by name, as far as it is known.
        """
        base, lines = scores((BASE,)), {}
        for members in dict.fromkeys(row.members for rows in TABLES.values() for row in rows):
            found = scores(members)
            if found is None:
                continue
            lost = {"cpu_minutes": math.nan}
            minutes = cost.get(members[0], lost)["cpu_minutes"] if len(members) == 1 else 0.0
            lines[members] = Line(found.figures, _gains(found, base), minutes)
        return cls(lines)


def as_text(outcome: Outcome, about: str) -> str:
    """Markdown: a table for each of the paper's, ending in a line break."""
    text = [about]
    for title, rows in TABLES.items():
        text += [
            "",
            f"### {title}",
            "",
            "| row | published AP | our AP | difference, 95 % | our PCK | difference, 95 % |",
            "|---|---|---|---|---|---|",
        ]
        for row in rows:
            line = outcome.lines.get(row.members)
            cells = [_MISSING, "", "", ""] if line is None else _cells(line, row.members)
            text.append(f"| {row.what} | {row.published} | {' | '.join(cells)} |")
    minutes = [line.cpu_minutes for line in outcome.lines.values()]
    known = sum(each for each in minutes if not math.isnan(each))
    lost = sum(map(math.isnan, minutes))
    but = f" (but for {lost} whose time was lost)" if lost else ""
    text += ["", f"All trainings together{but}: {known:.1f} minutes of CPU time."]
    return "\n".join(text) + "\n"


def as_json(outcome: Outcome) -> str:
    """One object: by the networks' names, joined with +."""
    return json.dumps(
        {
            "+".join(members): {
                **{name: round(line.figures[name], DIGITS) for name in _present(line)},
                "gains": {
                    name: [round(value, DIGITS) for value in gain]
                    for name, gain in line.gains.items()
                },
                "cpu_minutes": _known(round(line.cpu_minutes, 3)),
            }
            for members, line in outcome.lines.items()
        }
    )


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _gains(found: Scores, base: Scores | None) -> dict[str, tuple[float, float, float]]:
    if base is None:
        return {}
    return {
        name: (
            found.figures[name] - base.figures[name],
            *bootstrap.interval(found.draws[name] - base.draws[name]),
        )
        for name in FIGURES
        if name in found.draws and name in base.draws
    }


def _cells(line: Line, members: tuple[str, ...]) -> list[str]:
    cells = []
    for name in FIGURES:
        cells.append(f"{100 * line.figures[name]:.1f}" if name in line.figures else "–")
        gain = line.gains.get(name)
        if members == (BASE,) or gain is None:
            cells.append("–")
        else:
            cells.append("{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * end for end in gain)))
    return cells


def _present(line: Line) -> list[str]:
    return [name for name in FIGURES if name in line.figures]
