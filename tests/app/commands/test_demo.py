"""`main.py demo`: the clip is there, and what was seen is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import main
from app.commands import demo
from tests.app import drawn


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demo on a drawn clip with fake networks."""
    monkeypatch.setattr(demo, "CLIP", drawn.write_clip(tmp_path / "clip.mp4", 5, people=2))
    return ["demo", "--out", str(tmp_path / "out"), *drawn.write_networks(tmp_path)]


def test_the_clip_ships_with_the_program_and_is_small() -> None:
    assert demo.CLIP.is_file()
    assert demo.CLIP.stat().st_size < 3_000_000


def test_it_tells_people_frames_rate_and_times(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(command) == 0
    capsys.readouterr()
    assert main.main(command) == 0, "the demo replaces its own older results"

    rows = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    told = {name: value for name, value in rows if name not in ("ms", "written")}
    assert told["people"] == "2, at most 2 at once"
    assert told["frames"] == "5"
    assert float(told["fps"]) > 0
    stages = [value.split()[0] for name, value in rows if name == "ms"]
    assert stages == ["read", "detect", "estimate", "track", "smooth", "draw", "write"]
    written = [Path(value) for name, value in rows if name == "written"]
    assert len(written) == 4 and all(path.is_file() for path in written)


def test_json_is_one_object_and_nothing_else(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*command, "--json"]) == 0

    seen = json.loads(capsys.readouterr().out)
    assert (seen["frames"], seen["people"], seen["dropped"]) == (5, 2, 0)
