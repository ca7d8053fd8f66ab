"""`main.py video`: what it writes, what it tells, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import main
from app.batch.manifest import NAME
from app.sinks.sink import known_suffixes
from app.sources.video_file import VideoFile
from tests.app import drawn

FILM = ["--image-rate", "25"]  # pictures that follow each other


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_clip_gives_a_video_and_its_keypoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 6), tmp_path / "out"
    flags = ["--out", str(out), *drawn.write_networks(tmp_path)]

    code = main.main(["video", str(clip), *flags])

    assert code == 0
    assert capsys.readouterr().out.startswith(f"{clip}: 6 frames, 1 person, ")
    names = [NAME, "walk.csv", "walk.json", "walk.jsonl", "walk.mp4"]
    assert sorted(path.name for path in out.iterdir()) == names
    lines = (out / "walk.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["people"]) for line in lines] == [1] * 6


def test_a_part_of_a_film_keeps_its_times_and_is_a_result_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 30)
    photographs = drawn.write_pictures(tmp_path / "shots", 3)
    out = ["--out", str(tmp_path / "out"), "--formats", "jsonl"]
    command = ["video", str(clip), str(photographs), *out, *drawn.write_networks(tmp_path)]
    part = ["--start", "0:00.3", "--end", "0.7", "--fps", "10"]

    assert main.main([*command, *part]) == 0
    frames = [
        [json.loads(line) for line in (tmp_path / "out" / name).read_text().splitlines()]
        for name in ("walk.jsonl", "shots.jsonl")
    ]
    again = main.main([*command, *part])
    other = main.main([*command, *part[:2]])

    assert [frame["index"] for frame in frames[0]] == [9, 12, 15, 18]
    assert [frame["time_s"] for frame in frames[0]] == pytest.approx([0.3, 0.4, 0.5, 0.6])
    assert len(frames[1]) == 3, "photographs have no parts"
    assert (again, other) == (0, 74)
    assert "done before" in capsys.readouterr().out


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
    flags = ["--out", str(tmp_path / "out"), "--formats", "jsonl", "csv", "--json", *FILM]

    code = main.main(
        ["video", "missing.mp4", str(bad), str(good), *flags, *drawn.write_networks(tmp_path)]
    )

    assert code == 65
    results = json.loads(capsys.readouterr().out)["results"]
    assert [each["input"] for each in results] == ["missing.mp4", str(bad), str(good)]
    assert ["error" in each for each in results] == [True, True, False]
    assert (results[2]["frames"], results[2]["people"]) == (2, 1)
    names = [NAME, "walk.csv", "walk.jsonl"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_a_network_that_fails_on_the_way_leaves_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = drawn.write_pictures(tmp_path / "walk", 9), tmp_path / "out"
    networks = drawn.write_networks(tmp_path, fails_on_call=2)

    code = main.main(["video", str(pictures), "--out", str(out), *networks])

    assert code == 69
    complete = [path.name for path in out.iterdir() if ".part." not in path.name]
    assert complete == []


def test_run_again_it_does_only_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [str(drawn.write_pictures(tmp_path / name, 2)) for name in ("a", "b")]
    out = tmp_path / "out"
    flags = ["--out", str(out), "--formats", "jsonl", *FILM, *drawn.write_networks(tmp_path)]
    assert main.main(["video", *inputs, *flags]) == 0
    kept = (out / "a.jsonl").stat().st_mtime_ns
    (out / "b.jsonl").unlink()
    capsys.readouterr()

    code = main.main(["video", *inputs, *flags])

    assert code == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{inputs[0]}: 2 frames, 1 person, ") and "(done before)" in first
    assert second.startswith(f"{inputs[1]}: 2 frames") and "(done before)" not in second
    assert (out / "a.jsonl").stat().st_mtime_ns == kept
    assert (out / "b.jsonl").exists()


@pytest.mark.slow
def test_several_at_a_time_give_the_same_results(tmp_path: Path) -> None:
    clips = [str(drawn.write_clip(tmp_path / f"{name}.mp4", 4)) for name in "abc"]
    flags = ["--formats", "csv", *drawn.write_networks(tmp_path)]

    assert main.main(["video", *clips, "--out", str(tmp_path / "one"), *flags]) == 0
    assert main.main(["video", *clips, "--out", str(tmp_path / "two"), "--jobs", "2", *flags]) == 0

    for name in "abc":
        one, two = (tmp_path / folder / f"{name}.csv" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "expected a video"),
        (["x.mp4", "--jobs", "0"], "expected --jobs"),
        (["x.mp4", "--formats", "gif"], "expected --formats of mp4"),
        (["x.mp4", "--image-rate", "-1"], "expected --image-rate"),
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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "rtsp://user:secret@localhost/door"

    code = main.main(["video", address, *drawn.write_networks(tmp_path)])

    assert code == 2
    said = capsys.readouterr().err
    assert "main.py live" in said and "secret" not in said and said.count("\n") == 1


def test_photographs_come_out_one_by_one_under_their_own_names(tmp_path: Path) -> None:
    folder, out = drawn.write_pictures(tmp_path / "walk", 3, people=2), tmp_path / "out"

    code = main.main(["video", str(folder), "--out", str(out), *drawn.write_networks(tmp_path)])

    assert code == 0
    names = [NAME, "walk.csv", "walk.json", "walk.jsonl", "walk.pictures"]
    assert sorted(path.name for path in out.iterdir()) == names
    drawn_names = sorted(path.stem for path in (out / "walk.pictures").iterdir())
    assert drawn_names == sorted(path.stem for path in folder.iterdir())
    records = [json.loads(line) for line in (out / "walk.jsonl").read_text().splitlines()]
    assert [record["file"] for record in records] == sorted(p.name for p in folder.iterdir())
    ids = [person["id"] for record in records for person in record["people"]]
    assert len(set(ids)) == len(ids) > 3  # nobody is the same person on two photographs


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["video", "--help"]) == 0
    said = re.findall(r"\w+", capsys.readouterr().out)
    assert [suffix for suffix in known_suffixes() if suffix.removeprefix(".") not in said] == []


def test_privacy_reaches_the_video_that_is_written(tmp_path: Path) -> None:
    """Skeletons on black: nothing of the picture's bright background is left."""
    folder, networks = drawn.write_pictures(tmp_path / "walk", 3), drawn.write_networks(tmp_path)
    means = {}
    for privacy in ("none", "black"):
        out = tmp_path / privacy
        flags = ["--formats", "mp4", "--out", str(out), "--privacy", privacy, *FILM]
        assert main.main(["video", str(folder), *flags, *networks]) == 0
        with VideoFile(next(out.glob("*.mp4"))) as video:
            means[privacy] = max(float(frame.image.mean()) for frame in video)

    assert means["black"] < 0.4 * means["none"]
