"""Every mistake of a user: one clear line on standard error, the right exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.batch.manifest import NAME
from app.sources.camera import cameras_present
from tests.app.sources.clips import moving_pictures, write_clip, write_sound

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a run of `main.py` left behind."""

    code: int
    out: str
    lines: list[str]


def run(*arguments: str, cwd: Path) -> Answer:
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr.splitlines())


# ---- inputs, each written as `input` plus a suffix into the test's folder ------------------------


def nothing(folder: Path) -> str:
    return "input.mp4"


def text_named_mp4(folder: Path) -> str:
    (folder / "input.mp4").write_text("this is not a video\n" * 40)
    return "input.mp4"


def zero_bytes(folder: Path) -> str:
    (folder / "input.mp4").touch()
    return "input.mp4"


def sound_only(folder: Path) -> str:
    return write_sound(folder / "input.mp4").name


def without_index(folder: Path) -> str:
    path = write_clip(folder / "input.mp4", moving_pictures(9, (160, 120)))
    stored = path.read_bytes()
    path.write_bytes(stored[: stored.index(b"moov") - 4])
    return path.name


def folder_without_pictures(folder: Path) -> str:
    (folder / "input").mkdir()
    (folder / "input" / "notes.txt").write_text("no picture")
    return "input"


def pattern_without_pictures(folder: Path) -> str:
    return "input/*.jpg"


def one_bad_picture_among_good_ones(folder: Path) -> str:
    (folder / "shots").mkdir()
    stored = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    (folder / "shots" / "1.png").write_bytes(stored)
    (folder / "shots" / "input2.png").write_text("this is not a picture")
    return "shots"


def pictures_of_which_none_is_one(folder: Path) -> str:
    (folder / "shots").mkdir()
    for name in ("1.png", "input2.png"):
        (folder / "shots" / name).write_text("this is not a picture")
    return "shots"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "input.mp4")
    return "input.mp4"


@pytest.mark.parametrize("make", [nothing, text_named_mp4, zero_bytes, sound_only])
def test_bad_input_is_one_line_and_65(tmp_path: Path, make: Callable[[Path], str]) -> None:
    answer = run("video", make(tmp_path), "--out", "out", cwd=tmp_path)

    assert answer.code == 65, answer
    assert len(answer.lines) == 1, answer
    assert "input" in answer.lines[0] and "expected" in answer.lines[0]
    assert answer.out == ""
    assert left_over(tmp_path / "out") == []


def test_each_bad_input_of_several_has_its_own_line(tmp_path: Path) -> None:
    """Also what is too long a list for one start of Python each."""
    makers = [
        without_index,
        folder_without_pictures,
        pattern_without_pictures,
        pictures_of_which_none_is_one,
        *([pipe] if os.name == "posix" else []),
    ]
    inputs = []
    for maker in makers:
        (tmp_path / maker.__name__).mkdir()
        inputs.append(f"{maker.__name__}/{maker(tmp_path / maker.__name__)}")

    answer = run("video", *inputs, "--out", "out", cwd=tmp_path)

    assert answer.code == 65, answer
    assert len(answer.lines) == len(inputs), answer
    for line, maker in zip(answer.lines, makers, strict=True):
        assert f"{maker.__name__}/" in line and "expected" in line
    assert left_over(tmp_path / "out") == []


def test_one_bad_picture_costs_itself_only(tmp_path: Path) -> None:
    """As damage costs a film no more than what is damaged: told, and the rest is done."""
    answer = run("video", one_bad_picture_among_good_ones(tmp_path), "--out", "out", cwd=tmp_path)

    assert answer.code == 0, answer
    (bad,) = answer.lines
    assert "shots/input2.png: expected a picture" in bad and "left out" in bad
    assert "1 frame" in answer.out
    assert left_over(tmp_path / "out") == [
        "1.jpg", "shots.csv", "shots.json", "shots.jsonl", "shots.pictures"
    ]  # fmt: skip


def left_over(folder: Path) -> list[str]:
    """What stands in the folder, but for the batch's memory of what is done."""
    found = folder.rglob("*") if folder.exists() else []
    return sorted(path.name for path in found if path.name != NAME)


# ---- the command line and the network files ----------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["vidio"], 2, "vidio"),
        (["video", "clip.mp4", "--nope"], 2, "--nope"),
        (["video", "clip.mp4", "--pose", "text.onnx"], 65, "text.onnx"),
        (["video", "clip.mp4", "--person", "empty.onnx"], 65, "empty.onnx"),
        (["video", "clip.mp4", "--pose", "absent.onnx"], 65, "absent.onnx"),
        (["live", "4242"], 69, "camera 4242"),
        (["live", "tcp://ali:sesame@127.0.0.1:1/"], 69, "tcp://***@127.0.0.1:1/"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_with_its_exit_code(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    write_clip(tmp_path / "clip.mp4", moving_pictures(2, (64, 64)))
    (tmp_path / "text.onnx").write_text("this is not a network\n" * 40)
    (tmp_path / "empty.onnx").touch()

    answer = run(*arguments, cwd=tmp_path)

    assert answer.code == code, answer
    assert len(answer.lines) == 1, answer
    assert said in answer.lines[0]
    assert "sesame" not in answer.lines[0]
    assert answer.out == ""


# ---- outputs -----------------------------------------------------------------------------------


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Path]:
    yield write_clip(tmp_path / "clip.mp4", moving_pictures(2, (64, 64)))


@pytest.mark.parametrize("out", ["clip.mp4/below", "/proc/below"])
def test_a_folder_that_cannot_be_written_is_one_line_and_74(film: Path, out: str) -> None:
    if out.startswith("/") and not Path(out).parent.exists():
        pytest.skip(f"there is no {Path(out).parent} here")
    before = film.read_bytes()

    answer = run("video", "clip.mp4", "--out", out, cwd=film.parent)

    assert answer.code == 74, answer
    assert len(answer.lines) == 1, answer
    assert out in answer.lines[0]
    assert film.read_bytes() == before
    assert left_over(film.parent) == ["clip.mp4"]


# ---- what can be used is used ------------------------------------------------------------------


def test_a_film_that_was_cut_off_gives_its_frames_and_a_warning(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "input.mp4",
        moving_pictures(60, (160, 120)),
        format_options={"movflags": "faststart"},
    )
    stored = path.read_bytes()
    path.write_bytes(stored[: len(stored) // 2])

    answer = run("video", "input.mp4", "--out", "out", "--formats", "jsonl", cwd=tmp_path)

    assert answer.code == 0, answer
    warnings = [line for line in answer.lines if "cut off" in line]
    assert len(warnings) == 1 and "input.mp4" in warnings[0], answer
    assert len(answer.lines) <= 2  # damage at the cut may be told too
    assert left_over(tmp_path / "out") == ["input.jsonl"]


def test_one_bad_film_does_not_keep_the_others_from_their_results(tmp_path: Path) -> None:
    text_named_mp4(tmp_path)
    write_clip(tmp_path / "good.mp4", moving_pictures(2, (64, 64)))

    answer = run(
        "video", "input.mp4", "good.mp4", "--out", "out", "--formats", "jsonl", cwd=tmp_path
    )

    assert answer.code == 65, answer
    assert len(answer.lines) == 1, answer
    assert left_over(tmp_path / "out") == ["good.jsonl"]
    assert "good.mp4" in answer.out


def test_no_camera_is_found_where_there_is_none() -> None:
    """Guards the table above: `live 4242` must not open a camera."""
    assert "/dev/video4242" not in cameras_present()
