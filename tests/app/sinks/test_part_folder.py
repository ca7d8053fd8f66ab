"""What every writer of a folder keeps to; a newcomer to FOLDER_SINKS is picked up here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.sinks.part_folder import PartFolder
from app.sinks.sink import FOLDER_SINKS, open_sink
from pose.errors import OutputError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

every_sink = pytest.mark.parametrize("suffix", FOLDER_SINKS)


class StopError(Exception):
    """What some other step raises."""


@every_sink
def test_a_clean_end_gives_the_folder_its_name_and_nothing_else(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / "new" / f"walk{suffix}"

    with open_sink(path, COCO_17) as write:
        for index, count in enumerate((0, 2, 1)):
            write(scene(index, count=count))
        assert not path.exists()

    assert os.listdir(path.parent) == [path.name]
    assert os.listdir(path) != []


@every_sink
def test_an_error_elsewhere_leaves_the_part_folder_and_no_complete_one(
    suffix: str, tmp_path: Path
) -> None:
    with pytest.raises(StopError), open_sink(tmp_path / f"walk{suffix}", COCO_17) as write:
        write(scene(0, count=1))
        raise StopError

    assert os.listdir(tmp_path) == [f"walk.part{suffix}"]
    assert os.listdir(tmp_path / f"walk.part{suffix}") != []


@every_sink
def test_an_error_before_the_first_frame_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(StopError), open_sink(tmp_path / f"walk{suffix}", COCO_17):
        raise StopError

    assert os.listdir(tmp_path) == []


@every_sink
def test_an_older_result_stays_until_the_new_one_is_complete(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"
    part = tmp_path / f"walk.part{suffix}"
    for folder in (path, part):
        folder.mkdir()
        (folder / "older").touch()

    with open_sink(path, COCO_17) as write:
        write(scene(0, count=1))
        assert os.listdir(path) == ["older"]

    assert os.listdir(tmp_path) == [path.name]
    assert "older" not in os.listdir(path)


@every_sink
def test_a_file_in_the_way_is_an_output_error(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"walk{suffix}"
    file.touch()

    for path in (file, file / f"walk{suffix}"):
        with pytest.raises(OutputError, match="cannot write") as caught, open_sink(path, COCO_17):
            pass
        assert str(path) in str(caught.value)


def test_a_run_that_was_killed_while_it_took_its_name_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / ".walk.older").mkdir()
    (tmp_path / "walk").mkdir()

    with PartFolder(tmp_path / "walk") as folder:
        folder.write("a", b"1")

    assert os.listdir(tmp_path) == ["walk"]


def test_a_file_that_does_not_fit_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.open("wb").close()
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(OutputError, match="No space left"),
        PartFolder(tmp_path / "walk.x") as folder,
    ):
        folder.write("a", b"1")
        monkeypatch.setattr(Path, "write_bytes", full)
        folder.write("b", b"2")

    assert os.listdir(tmp_path / "walk.part.x") == ["a"]
