"""Finding the end of what can be played, in files made of a few bytes."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

import pytest

from app.sinks.mp4_boxes import end_of_whole_fragments


def box(kind: bytes, content: int) -> bytes:
    return (8 + content).to_bytes(4, "big") + kind + bytes(content)


def wide_box(kind: bytes, content: int) -> bytes:
    return (1).to_bytes(4, "big") + kind + (16 + content).to_bytes(8, "big") + bytes(content)


HEAD = box(b"ftyp", 4) + box(b"moov", 20)  # 40 bytes
FRAGMENT = box(b"moof", 10) + box(b"mdat", 30)  # 56 bytes


@pytest.mark.parametrize(
    ("content", "end"),
    [
        pytest.param(b"", 0, id="empty"),
        pytest.param(HEAD, 0, id="no picture yet"),
        pytest.param(HEAD + FRAGMENT, 96, id="one fragment"),
        pytest.param(HEAD + FRAGMENT * 2, 152, id="two"),
        pytest.param(HEAD + FRAGMENT + FRAGMENT[:-1], 96, id="the second cut in its pictures"),
        pytest.param(HEAD + FRAGMENT + FRAGMENT[:18], 96, id="the second without pictures"),
        pytest.param(HEAD + FRAGMENT + FRAGMENT[:3], 96, id="the second cut in its size"),
        pytest.param(HEAD + FRAGMENT + bytes(40), 96, id="zeros after it"),
        pytest.param(HEAD + wide_box(b"mdat", 9) + FRAGMENT, 121, id="64 bits of size"),
    ],
)
def test_the_end_is_that_of_the_last_whole_pictures(
    content: bytes, end: int, tmp_path: Path
) -> None:
    (tmp_path / "half.mp4").write_bytes(content)

    with FileIO(tmp_path / "half.mp4", "r") as file:
        assert end_of_whole_fragments(file) == end
