"""`main.py live`: files in real time, recordings, and the ways to end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import main
from app.commands.live import until
from app.pipeline.meter import Reading
from app.pipeline.pipeline import Pipeline
from app.sinks.room import LEAST_BYTES, RoomKeeper
from app.sinks.sink import known_suffixes
from app.sources.video_file import VideoFile
from tests.app import drawn


def test_a_file_plays_in_real_time_and_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 30), tmp_path / "seen.jsonl"
    flags = ["--realtime", "--max-frames", "4", "--out", str(out), "--json"]

    code = main.main(["live", str(clip), *flags, *drawn.write_networks(tmp_path)])

    assert code == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["frames"] + seen["dropped"] == 4
    assert len(out.read_text().splitlines()) == seen["frames"]


def test_it_ends_when_the_seconds_are_over() -> None:
    class Stoppable:
        stopped = 0

        def stop(self) -> None:
            self.stopped += 1

    now_s = 0.0
    shown: list[Reading] = []
    pipeline = Stoppable()
    tick = until(2.0, pipeline, shown.append, clock=lambda: now_s)  # type: ignore[arg-type]

    tick(Reading())  # the camera is still opening: the time has not begun
    now_s = 100.0
    tick(Reading(frames_in=1))
    now_s = 101.9
    tick(Reading(frames_in=2))
    assert pipeline.stopped == 0
    now_s = 102.0
    tick(Reading(frames_in=3))

    assert pipeline.stopped == 1
    assert len(shown) == 4


def test_without_a_limit_it_goes_on() -> None:
    tick = until(0.0, None, lambda reading: None, clock=lambda: 1e9)  # type: ignore[arg-type]

    tick(Reading(frames_in=1))


def test_a_disc_that_fills_up_ends_it_with_complete_files_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([10 * LEAST_BYTES, 10 * LEAST_BYTES])

    def keeper(paths: Iterable[Path]) -> RoomKeeper:
        return RoomKeeper(paths, every_s=0, free=lambda path: next(looks, 1_000_000))

    monkeypatch.setattr("app.commands.live.RoomKeeper", keeper)
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 150), tmp_path / "seen.jsonl"
    flags = ["--realtime", "--out", str(out), *drawn.write_networks(tmp_path)]

    code = main.main(["live", str(clip), *flags])

    assert code == 74
    said = capsys.readouterr().err
    assert "only 1 MB are free" in said and "Traceback" not in said
    assert out.exists() and not (tmp_path / "seen.part.jsonl").exists()
    assert len(out.read_text().splitlines()) < 150


def test_ctrl_c_ends_with_130_and_a_complete_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The interruption comes from the tick, as Python delivers signals to the main thread."""
    run = Pipeline.run

    def interrupted(self: Pipeline, on_tick: object = None, tick_s: float = 0.1) -> Reading:
        def press(reading: Reading) -> None:
            if reading.frames_out:
                raise KeyboardInterrupt

        return run(self, press, 0.005)

    monkeypatch.setattr(Pipeline, "run", interrupted)
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 90), tmp_path / "seen.csv"
    flags = ["--realtime", "--out", str(out), *drawn.write_networks(tmp_path)]

    code = main.main(["live", str(clip), *flags])

    assert code == 130
    assert out.is_file()
    said = capsys.readouterr()
    assert " from capture to result" in said.out and said.err == "interrupted\n"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "add --realtime"),
        (["--max-frames", "-1"], "expected --max-frames"),
        (["--out", "seen.xyz"], "ending in .mp4"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 1)

    code = main.main(["live", str(clip), *flags, *drawn.write_networks(tmp_path)])

    assert code == 2
    assert complaint in capsys.readouterr().err


def test_a_camera_that_is_not_there_is_unavailable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["live", "/dev/video93", *drawn.write_networks(tmp_path)]) == 69
    assert "/dev/video93" in capsys.readouterr().err


def test_privacy_reaches_the_recording_however_its_name_is_written(tmp_path: Path) -> None:
    """Skeletons on black: nothing of the picture's bright background is left."""
    clip, networks = drawn.write_clip(tmp_path / "walk.mp4", 6), drawn.write_networks(tmp_path)
    means = {}
    for privacy in ("none", "black"):
        out = tmp_path / f"{privacy}.MP4"
        flags = ["--realtime", "--out", str(out), "--privacy", privacy]
        assert main.main(["live", str(clip), *flags, *networks]) == 0
        with VideoFile(out) as video:
            means[privacy] = max(float(frame.image.mean()) for frame in video)

    assert means["black"] < 0.4 * means["none"]


@pytest.mark.parametrize("flags", [["--seconds", "nan"], ["--max-frames", str(10**20)]])
def test_an_end_that_never_comes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert main.main(["live", "0", *flags, *drawn.write_networks(tmp_path)]) == 2
    assert "--max-frames and --seconds" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_recorded(tmp_path: Path) -> None:
    folder = drawn.write_pictures(tmp_path / "walk", 1)
    (folder / "frame0.png").rename(folder / "q\udcff.png")
    out, networks = tmp_path / "seen.csv", drawn.write_networks(tmp_path)

    assert main.main(["live", str(folder), "--realtime", "--out", str(out), *networks]) == 0

    assert "q\\udcff.png" in out.read_text("utf-8")


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["live", "--help"]) == 0
    said = re.findall(r"\.\w+", capsys.readouterr().out)
    assert [suffix for suffix in known_suffixes() if suffix not in said] == []
