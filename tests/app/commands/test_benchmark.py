"""`main.py benchmark`: both ways do the same work, and the figures fit together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import main
from tests.app import drawn


def test_both_ways_are_measured_on_the_same_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", 4, people=2))
    flags = ["--frames", "3", "--rounds", "2", *drawn.write_networks(tmp_path)]

    assert main.main(["benchmark", clip, *flags, "--json"]) == 0

    result = json.loads(capsys.readouterr().out)
    assert {"machine", "pipeline_fps", "loop_fps", "ratio"} <= set(result)
    assert result["ratio"] > 0
    for runs in result["runs"].values():
        assert len(runs) == 2
        assert all(each["people"] == 2 for each in runs), "both did the same work"
        stages = ["read", "detect", "estimate", "track", "smooth", "draw", "write"]
        assert all(list(each["ms_per_stage"]) == stages for each in runs)


def test_people_read_both_rates_and_the_ratio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", 2))
    flags = ["--rounds", "1", "--groups", "detect | estimate track smooth | draw write"]

    assert main.main(["benchmark", clip, *flags, *drawn.write_networks(tmp_path)]) == 0

    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if line[0].isalpha()] == [
        "walk.mp4,",
        "pipeline",
        "loop",
        "ratio",
    ]


@pytest.mark.parametrize("flags", [["--frames", "0"], ["--rounds", "0"], ["--groups", "dance"]])
def test_what_cannot_be_measured_is_refused(tmp_path: Path, flags: list[str]) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", 2))

    assert main.main(["benchmark", clip, *flags, *drawn.write_networks(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--strip-length", "-4"], "--strip-length of 0 or more"),
        (["--groups", "detect"], "expected every stage"),
    ],
)
def test_what_would_compare_unlike_things_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 2)

    assert main.main(["benchmark", str(clip), *flags, *drawn.write_networks(tmp_path)]) == 2
    assert complaint in capsys.readouterr().err
