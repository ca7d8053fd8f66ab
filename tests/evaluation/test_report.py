"""The table and the JSON object say the same."""

from __future__ import annotations

import json

from evaluation.report import Report, as_json, as_text

NOTHING = Report("none", {}, {})
REPORT = Report(
    title="val.json, boxes: truth",
    figures={"AP": 0.6123456789, "PCK": 0.9},
    counts={"people": 88, "photographs": 28},
    milliseconds={"ms_per_person": 17.25},
    intervals={"AP": (0.5, 0.7)},
    differences={"AP": (0.0123456789, -0.01, 0.03)},
    by_keypoint={"nose": 1.0},
)


def test_a_report_without_figures_is_still_one_object() -> None:
    assert json.loads(as_json(NOTHING)) == {"intervals": {}}
    assert as_text(NOTHING).startswith("none\n")


def test_json_has_figures_and_counts_at_the_top_and_is_one_line() -> None:
    text = as_json(REPORT)

    assert "\n" not in text
    assert json.loads(text) == {
        "AP": 0.612346,
        "PCK": 0.9,
        "people": 88,
        "photographs": 28,
        "ms_per_person": 17.25,
        "intervals": {"AP": [0.5, 0.7]},
        "differences": {"AP": {"difference": 0.012346, "low": -0.01, "high": 0.03}},
        "PCK_by_keypoint": {"nose": 1.0},
    }


def test_the_table_shows_each_figure_with_its_interval_and_difference() -> None:
    lines = as_text(REPORT).splitlines()

    assert lines[0] == "val.json, boxes: truth"
    assert (
        "AP             0.612  95 % 0.500 to 0.700  difference +0.012, 95 % -0.010 to +0.030"
        in (lines)
    )
    assert "people         88" in lines
