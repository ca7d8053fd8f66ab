"""`main.py live --send`: records for programs on standard output, and senders with nobody there."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import main
from app.pipeline.stuck import left_behind
from tests.app import drawn

ROOT = Path(main.__file__).parent


def test_standard_output_holds_records_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clip = drawn.write_clip(tmp_path / "walk.mp4", 30)
    flags = ["--realtime", "--max-frames", "4", "--send", "stdout"]

    code = main.main(["live", str(clip), *flags, *drawn.write_networks(tmp_path)])

    assert code == 0
    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert records and {each["source"] for each in records} == {"walk.mp4"}
    assert any("from capture to result" in each.message for each in caplog.records)


def test_nobody_there_is_no_hindrance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 30), tmp_path / "seen.jsonl"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    addresses = [f"{scheme}://127.0.0.1:{port}" for scheme in ("udp", "osc", "tcp")]
    flags = ["--realtime", "--max-frames", "4", "--out", str(out), "--json", "--send", *addresses]

    code = main.main(["live", str(clip), *flags, *drawn.write_networks(tmp_path)])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["frames"] == len(out.read_text().splitlines())
    assert left_behind() == []


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        (["--send", "stdout", "--json"], 2, "they share one output"),
        (["--send", "tcp://0.0.0.0:9001"], 2, "--expose"),
        (["--send", "pigeon://home"], 2, "expected an address such as"),
        (["--send", "tcp://192.0.2.1:9001", "--expose"], 69, "choose another port"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    code: int,
    complaint: str,
) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 2)

    got = main.main(["live", str(clip), "--realtime", *flags, *drawn.write_networks(tmp_path)])

    assert got == code
    assert complaint in capsys.readouterr().err


@pytest.mark.slow
def test_the_run_ends_when_its_reader_does(tmp_path: Path) -> None:
    """`main.py live … --send stdout | head -1`, without a complaint and without a hang."""
    clip = drawn.write_clip(tmp_path / "walk.mp4", 200)
    flags = ["--realtime", "--send", "stdout", *drawn.write_networks(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "main.py", "live", str(clip), *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        assert json.loads(process.stdout.readline())["type"] == "frame"
        process.stdout.close()
        code = process.wait(60)
    finally:
        process.kill()

    with process.stderr:
        said = process.stderr.read()
    assert code == 74
    assert b"Traceback" not in said and b"error" not in said
