"""What every writer of one file keeps to; a newcomer to the tables is picked up here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.sinks.part_file import part_path
from app.sinks.sink import MORE_SINKS, SINKS, open_sink
from pose.errors import OutputError, UsageError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

every_sink = pytest.mark.parametrize("suffix", [*SINKS, *MORE_SINKS])


class StopError(Exception):
    """What some other step raises."""


@every_sink
def test_a_clean_end_gives_the_file_its_name_and_nothing_else(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"

    with open_sink(path, COCO_17) as write:
        for index, count in enumerate((0, 2, 1)):
            write(scene(index, count=count))
        assert not path.exists()

    assert os.listdir(tmp_path) == [path.name]
    assert path.stat().st_size > 0


@every_sink
def test_an_error_elsewhere_leaves_the_part_file_and_no_complete_one(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"walk{suffix}"

    with pytest.raises(StopError), open_sink(path, COCO_17) as write:
        write(scene(0, count=1))
        raise StopError

    assert os.listdir(tmp_path) == [f"walk.part{suffix}"]


@every_sink
def test_an_error_before_the_first_frame_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(StopError), open_sink(tmp_path / f"walk{suffix}", COCO_17):
        raise StopError

    assert os.listdir(tmp_path) == []


@every_sink
def test_an_older_result_stays_until_the_new_one_is_complete(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"
    path.write_bytes(b"older")

    with open_sink(path, COCO_17) as write:
        write(scene(0, count=1))
        assert path.read_bytes() == b"older"

    assert path.read_bytes() != b"older"


@every_sink
@pytest.mark.parametrize(
    "name",
    ["two words", "frame_%03d", "a:b", "line\nbreak", "läufer 🏃", "-", "x.part", "a.b"],
)
def test_odd_names_are_names(suffix: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / f"{name}{suffix}"

    with open_sink(path, COCO_17) as write:
        write(scene(0, count=1))

    assert os.listdir(path.parent) == [path.name]


@every_sink
def test_a_folder_or_a_file_in_the_way_is_an_output_error(suffix: str, tmp_path: Path) -> None:
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    file = tmp_path / "file"
    file.touch()

    for path in (folder, file / f"walk{suffix}"):
        with pytest.raises(OutputError, match="cannot write") as caught, open_sink(path, COCO_17):
            pass
        assert str(path) in str(caught.value)
        assert caught.value.exit_code == 74


@every_sink
def test_a_full_disc_names_the_path_and_keeps_what_was_written(suffix: str, tmp_path: Path) -> None:
    """A limit on the file's size stands for the full disc: the same OSError without being root."""
    path = tmp_path / f"walk{suffix}"
    limited = f"""
import resource
from pathlib import Path
from app.sinks.sink import open_sink
from pose.errors import OutputError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
try:
    with open_sink(Path({str(path)!r}), COCO_17) as write:
        for index in range(100_000):
            write(scene(index, count=3))
except OutputError as error:
    raise SystemExit(f"{{error.exit_code}} {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, timeout=60
    )

    assert done.stderr.splitlines()[-1].startswith(f"74 cannot write {path}: File too large")
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == [part_path(path).name]
    assert 10_000 < part_path(path).stat().st_size <= 30_000


@pytest.mark.parametrize("name", ["", "walk", "walk.avi", "walk.mp4.part"])
def test_an_unknown_suffix_names_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.mp4, \.jsonl, \.csv, \.json"):
        open_sink(Path(name), COCO_17)


def test_the_suffix_may_shout(tmp_path: Path) -> None:
    with open_sink(tmp_path / "WALK.CSV", COCO_17) as write:
        write(scene(0, count=1))

    assert os.listdir(tmp_path) == ["WALK.CSV"]
