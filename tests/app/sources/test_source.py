"""The table of sources: each text finds its own kind, and what cannot be read is refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.sources.images import Images
from app.sources.live import Live
from app.sources.realtime import Realtime
from app.sources.source import KINDS, Source, SourceOptions, open_source
from app.sources.video_file import VideoFile
from pose.errors import InputError
from tests.app.sources.clips import ClipMaker, moving_pictures


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.png").write_bytes(
            cv2.imencode(".png", np.full((8, 16, 3), number, np.uint8))[1].tobytes()
        )
    return folder


def test_each_text_finds_its_kind(clip: ClipMaker, shots: Path) -> None:
    video = clip("film.mp4", moving_pictures(3))
    expected: dict[str, type] = {
        "0": Live,
        "/dev/video7": Live,
        "rtsp://ali:sesame@cave/1": Live,
        str(video): VideoFile,
        str(shots): Images,
        str(shots / "1.png"): Images,
        str(shots / "?.png"): Images,
    }

    for text, kind in expected.items():
        source: Source = open_source(text)
        assert isinstance(source, kind), text
        assert source.is_live is (kind is Live)
        assert "sesame" not in source.name


def test_every_source_keeps_the_contract(clip: ClipMaker, shots: Path) -> None:
    """What holds for all: numbered from 0 without gaps, forward in time, sized as promised."""
    texts = [str(clip("film.mp4", moving_pictures(3))), str(shots), str(shots / "1.png")]

    for text in texts:
        for realtime in (False, True):
            with open_source(text, realtime=realtime) as source:
                frames = list(source)
            assert source.is_live is realtime
            assert [frame.index for frame in frames] == list(range(len(frames)))
            assert len(frames) == source.frame_count
            assert frames[0].size_wh == source.size_wh
            assert frames[0].time_s == 0.0
            assert np.all(np.diff([frame.time_s for frame in frames]) > 0)
            assert all(frame.image.flags.c_contiguous for frame in frames)


def test_a_recording_can_be_played_in_real_time(clip: ClipMaker) -> None:
    assert isinstance(open_source(str(clip("a.mp4", moving_pictures(2))), realtime=True), Realtime)
    assert isinstance(open_source("0", realtime=True), Live)  # live anyway


def test_the_rate_of_pictures_can_be_chosen(shots: Path) -> None:
    with open_source(str(shots), SourceOptions(image_rate_hz=2.0)) as source:
        assert [frame.time_s for frame in source] == [0.0, 0.5]


@pytest.mark.parametrize(
    "text", ["", " ", "no such file.mp4", "no/such/*.jpg", "a\0b", "x" * 5000, "ftp://a:b@c/d.mp4"]
)
def test_what_is_not_there_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        open_source(text)

    assert len(str(caught.value).splitlines()) == 1
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty name: nothing is there"),
        (" ", "an empty name: nothing is there"),
        ("walk.mp4", "walk.mp4: nothing is there"),
        ("z" * 300, "cannot be looked at: File name too long"),
    ],
)
def test_a_refusal_says_what_the_system_says(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(text)


def test_a_file_in_a_folder_that_may_not_be_looked_into_is_not_called_missing(
    shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's answer is made up: tests may run as root, whom no folder refuses."""

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)

    with pytest.raises(InputError, match=r"looked at: Permission denied; .* its folders"):
        open_source("locked/walk.mp4")


def test_a_file_named_like_a_pattern_is_that_file(shots: Path) -> None:
    (shots / "1.png").rename(shots / "[12].png")

    with open_source(str(shots / "[12].png")) as source:
        assert [int(frame.image[0, 0, 0]) for frame in source] == [1]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and devices in the file system")
@pytest.mark.parametrize("suffix", [".mp4", ".png"])
@pytest.mark.parametrize("make", [_pipe, _socket, _device])
def test_pipes_sockets_and_devices_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], suffix: str
) -> None:
    """Reading a pipe that nobody writes to would hang for ever."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = tmp_path / f"input{suffix}"
    make(path)

    with pytest.raises(InputError, match="expected a file, got something else"):
        open_source(str(path))


def test_the_refusal_names_every_kind() -> None:
    with pytest.raises(InputError) as caught:
        open_source("nowhere")

    assert all(kind.called in str(caught.value) for kind in KINDS)
