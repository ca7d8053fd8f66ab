"""The watch over free space: how often it looks, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sinks.room import LEAST_BYTES, RoomKeeper, free_bytes
from app.sinks.sink import open_sink
from pose.errors import OutputError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene


def test_enough_room_is_no_news(tmp_path: Path) -> None:
    with RoomKeeper([tmp_path / "a.mp4"], free=lambda path: LEAST_BYTES) as keep:
        keep(scene(0))


def test_no_files_need_no_room() -> None:
    with RoomKeeper([], free=lambda path: 0) as keep:
        keep(scene(0))


def test_too_little_room_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "new" / "walk.mp4"

    with (
        pytest.raises(OutputError, match=r"only 50 MB are free at .*/new, 50 MB must stay"),
        RoomKeeper([path], free=lambda path: LEAST_BYTES - 1),
        open_sink(path, COCO_17),
    ):
        pass

    assert not path.parent.exists()


def test_room_that_goes_is_noticed_within_a_second_and_what_was_written_stays(
    tmp_path: Path,
) -> None:
    path, now_s, free, asked = tmp_path / "walk.jsonl", 0.0, 10 * LEAST_BYTES, 0

    def look(folder: Path) -> int:
        nonlocal asked
        asked += 1
        return free

    written = 0
    with (
        pytest.raises(OutputError, match="what is written is kept"),
        RoomKeeper([path, tmp_path / "walk.csv"], clock=lambda: now_s, free=look) as keep,
        open_sink(path, COCO_17) as write,
    ):
        for index in range(1000):
            now_s = index / 30
            if index == 40:
                free = 1_000_000
            keep(scene(index))
            write(scene(index))
            written += 1

    assert asked == 3  # at 0, 1 and 2 seconds; one folder
    assert written == 60
    assert len((tmp_path / "walk.part.jsonl").read_text().splitlines()) == 60


def test_free_space_of_a_folder_that_is_not_there_is_its_parents(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b" / "c.mp4") == pytest.approx(
        free_bytes(tmp_path), rel=0.1
    )
