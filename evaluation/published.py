"""The slides' result tables, with our row beside the published ones.

Published figures were measured on other photographs than ours can be: COCO's challenge set is
judged by COCO's server only. So every row names its data, and rows of different data are not to
be compared digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLUMNS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
_ABSENT = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one set of photographs; figures from 0 to 1, in the order of `COLUMNS`."""

    method: str
    data: str
    figures: tuple[float, ...]


# Slides of the COCO 2017 keypoint challenge's winner, last table.
CHALLENGE = (
    Row(
        "Megvii, the entry",
        "COCO 2017 test-challenge",
        (0.726, 0.905, 0.791, 0.684, 0.788, 0.788, 0.943, 0.846, 0.746, 0.846),
    ),
    Row(
        "CMU-Pose",
        "COCO 2016 challenge",
        (0.605, 0.834, 0.664, 0.551, 0.681, 0.659, 0.864, 0.713, 0.594, 0.748),
    ),
    Row(
        "G-RMI",
        "COCO 2016 challenge",
        (0.598, 0.810, 0.651, 0.567, 0.667, 0.664, 0.865, 0.712, 0.618, 0.726),
    ),
)
# Slides, the hourglass table: stages -> PCKh@0.5 on MPII val, AP at OKS 0.75 on COCO val.
HOURGLASS = {1: (0.893, 0.663), 2: (0.921, 0.755), 3: (0.924, 0.754), 4: (0.924, 0.752)}


def as_slides(method: str, data: str, figures: Mapping[str, float]) -> str:
    """Both tables as Markdown, ending in a line break.

    Args:
        method: What was measured.
        data: On what, in words.
        figures: By name; what is absent gets a dash.
    """
    challenge = [[row.method, row.data, *map(_three, row.figures)] for row in CHALLENGE]
    ours = [_three(figures.get(name)) for name in COLUMNS]
    hourglass = [
        [f"hourglass, stages: {stages}", "MPII val, COCO val", *map(_three, published)]
        for stages, published in HOURGLASS.items()
    ]
    as_hourglass = [_three(figures.get(name)) for name in ("PCKh", "AP75")]
    return "\n".join(
        [
            *_table(("method", "data", *COLUMNS), [*challenge, [method, data, *ours]]),
            "",
            *_table(
                ("method", "data", "PCKh@0.5", "AP at OKS .75"),
                [*hourglass, [method, data, *as_hourglass]],
            ),
            "",
        ]
    )


def _three(figure: float | None) -> str:
    return _ABSENT if figure is None else f"{figure:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
