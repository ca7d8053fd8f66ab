"""`main.py video`: what its inputs stand for, what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import main
from app.commands.video import check_free, expanded, result_names
from pose.errors import OutputError
from tests.app import drawn


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


# ---- what an argument stands for -------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "text", "stands_for"),
    [
        ([], "nothing.mp4", ["nothing.mp4"]),
        ([], "*.mp4", ["*.mp4"]),
        (["d/notes.txt"], "d", ["d"]),
        (["a.mp4"], "a.mp4", ["a.mp4"]),
        (["d/10.mp4", "d/9.MOV", "d/notes.txt", "d/.hidden.mp4"], "d", ["d/9.MOV", "d/10.mp4"]),
        (["d/1.jpg", "d/2.jpg"], "d", ["d"]),
        (["d/a.mp4", "d/1.jpg"], "d", ["d/a.mp4", "d"]),
        (["a1.mp4", "a2.xyz"], "a*", ["a1.mp4", "a2.xyz"]),
        (["a1.png", "a2.png"], "*.png", ["*.png"]),
        (["a1.png", "a1.mp4"], "a1.*", ["a1.mp4", "a1.*"]),
        (["odd[1].mp4"], "odd[1].mp4", ["odd[1].mp4"]),
    ],
)
def test_an_argument_stands_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str],
    text: str,
    stands_for: list[str],
) -> None:
    monkeypatch.chdir(touched(tmp_path, *files))

    assert expanded(text) == stands_for


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ([], []),
        (["walk.mp4"], ["walk"]),
        (["walk.mp4", "other/walk.avi"], ["walk", "walk-avi"]),
        (["a/x.mp4", "b/x.mp4", "c/x.mp4"], ["x", "x-mp4", "x-3"]),
        (["shots", "more/shots"], ["shots", "shots-2"]),
        (["shots/*.jpg"], ["shots"]),
        (["*.jpg"], ["album"]),
        (["with space.mp4", "%03d.mp4", "ü😀.mp4"], ["with space", "%03d", "ü😀"]),
    ],
)
def test_every_input_gets_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(touched(tmp_path / "album", "shots/1.jpg", "more/shots/1.jpg"))

    assert result_names(inputs) == names


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    clip = touched(tmp_path, "clip.mp4") / "clip.mp4"

    with pytest.raises(OutputError, match="is an input"):
        check_free([clip], [str(tmp_path / "." / "clip.mp4")], overwrite=True)


# ---- the whole command -----------------------------------------------------------------------


def test_a_clip_gives_a_video_and_its_keypoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 6), tmp_path / "out"
    flags = ["--out", str(out), *drawn.write_networks(tmp_path)]

    code = main.main(["video", str(clip), *flags])

    assert code == 0
    assert capsys.readouterr().out.startswith(f"{clip}: 6 frames, 1 person, ")
    names = ["walk.csv", "walk.json", "walk.jsonl", "walk.mp4"]
    assert sorted(path.name for path in out.iterdir()) == names
    lines = (out / "walk.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["people"]) for line in lines] == [1] * 6


def test_results_are_not_written_over_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = drawn.write_pictures(tmp_path / "walk", 1)
    networks = drawn.write_networks(tmp_path)
    command = ["video", str(pictures), "--out", str(tmp_path), "--formats", "csv", *networks]
    old = touched(tmp_path, "walk.csv") / "walk.csv"

    assert main.main(command) == 74
    assert old.read_text() == ""
    assert main.main([*command, "--overwrite"]) == 0
    assert old.read_text() != ""


def test_a_bad_input_is_reported_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is text")
    good = drawn.write_pictures(tmp_path / "walk", 2)
    flags = ["--out", str(tmp_path / "out"), "--formats", "jsonl", "csv", "--json"]

    code = main.main(
        ["video", "missing.mp4", str(bad), str(good), *flags, *drawn.write_networks(tmp_path)]
    )

    assert code == 65
    results = json.loads(capsys.readouterr().out)["results"]
    assert [each["input"] for each in results] == ["missing.mp4", str(bad), str(good)]
    assert ["error" in each for each in results] == [True, True, False]
    assert (results[2]["frames"], results[2]["people"]) == (2, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["walk.csv", "walk.jsonl"]


def test_a_network_that_fails_on_the_way_leaves_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = drawn.write_pictures(tmp_path / "walk", 9), tmp_path / "out"
    networks = drawn.write_networks(tmp_path, fails_on_call=2)

    code = main.main(["video", str(pictures), "--out", str(out), *networks])

    assert code == 69
    complete = [path.name for path in out.iterdir() if ".part." not in path.name]
    assert complete == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "expected a video"),
        (["x.mp4", "--formats", "gif"], "expected --formats of mp4"),
        (["x.mp4", "--image-rate", "0"], "expected --image-rate"),
        (["x.mp4", "--detect-every", "0"], "expected --detect-every"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert main.main(["video", *arguments]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1


def test_a_stream_has_no_end_and_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = "rtsp://user:secret@localhost/door"

    code = main.main(["video", address, *drawn.write_networks(tmp_path)])

    assert code == 2
    assert "main.py live" in caplog.text and "secret" not in caplog.text
