"""What the inputs of a batch stand for, what their results are called, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.batch.inputs import are_pictures, check_free, expanded, fingerprint, place, result_names
from app.sources.source import open_source
from pose.errors import InputError, OutputError, UsageError


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


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
        (["walk.part.mp4", "walk.mp4"], ["walk-part", "walk"]),
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


def test_names_that_others_have_are_left_to_them() -> None:
    assert result_names(["b/x.mp4", "y.mp4"], ["x", "x-mp4"]) == ["x-3", "y"]


def test_a_fingerprint_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a")
    folder, pattern = str(tmp_path), str(tmp_path / "*.png")
    before = fingerprint(folder), fingerprint(pattern), fingerprint(f"{folder}/a.png")

    assert before == (fingerprint(folder), fingerprint(pattern), fingerprint(f"{folder}/a.png"))
    os.utime(tmp_path / "a.png", ns=(1, 1))
    after = fingerprint(folder), fingerprint(pattern), fingerprint(f"{folder}/a.png")

    assert not set(before) & set(after)
    assert fingerprint(str(tmp_path / "missing.mp4")) == ""


def test_a_place_does_not_depend_on_the_folder_and_an_address_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert place("a/../b.mp4") == str(tmp_path / "b.mp4")
    assert place("rtsp://host/door") == "rtsp://host/door"


def test_brackets_in_the_name_of_the_folder_are_no_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(touched(tmp_path, "trip [2024]/shots/1.jpg") / "trip [2024]")

    assert fingerprint(place("shots/*.jpg")) == fingerprint("shots/*.jpg") != ""


def test_what_a_result_grows_as_may_be_no_input_either(tmp_path: Path) -> None:
    survivor = touched(tmp_path, "visit.part.mp4") / "visit.part.mp4"

    with pytest.raises(OutputError, match=r"visit\.part\.mp4 is an input"):
        check_free([tmp_path / "visit.mp4"], [str(survivor)], overwrite=True)


def test_two_results_may_not_be_one_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"once, got .*a\.csv twice"):
        check_free([tmp_path / "a.csv", tmp_path / "." / "a.csv"], [], overwrite=True)


@pytest.mark.parametrize(
    ("text", "pictures"),
    [("a.mp4", False), ("a.JPG", True), ("d", True), ("*.png", True),
     ("odd[1].mp4", False), ("odd[2].png", True), ("missing", False)],
)  # fmt: skip
def test_pictures_are_known_by_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, pictures: bool
) -> None:
    monkeypatch.chdir(touched(tmp_path, "d/1.jpg", "odd[1].mp4", "odd[2].png"))

    assert are_pictures(text) is pictures


def test_a_name_leaves_room_for_what_is_put_to_it(tmp_path: Path) -> None:
    """Discs take 255 bytes a name; letters beyond ASCII need several."""
    inputs = [f"{'x' * 251}.mp4", f"{'x' * 250}.mp4", f"{'ü' * 120}.mp4"]

    names = result_names(inputs)

    assert len(set(names)) == 3
    for name in names:
        (tmp_path / f"{name}.part.jsonl").touch()


def test_a_place_that_no_disc_takes_is_no_crash() -> None:
    check_free([Path("x" * 300)], [], overwrite=False)


def test_what_a_result_grows_as_may_be_no_other_result(tmp_path: Path) -> None:
    for paths in (["a.jsonl", "a.part.jsonl"], ["a.part.jsonl", "a.jsonl"]):
        with pytest.raises(UsageError, match="or as it grows"):
            check_free([tmp_path / each for each in paths], [], overwrite=True)


@pytest.mark.parametrize("text", ["", " ", f"{'z' * 300}.mp4", f"{'z' * 300}/*.mp4"])
def test_what_cannot_be_there_comes_back_as_it_is(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset variable of a shell is no wish for everything that lies around."""
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)

    assert expanded(text) == [text]
    assert len(result_names([text])) == 1
    are_pictures(text)


def test_a_folder_that_may_not_be_read_is_told_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert expanded(str(tmp_path)) == [str(tmp_path)]
    with pytest.raises(InputError, match="cannot be listed: Permission denied"):
        open_source(str(tmp_path))
