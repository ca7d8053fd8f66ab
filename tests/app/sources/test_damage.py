"""Damaged and cut-off files give every frame there is; files that are no video say so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from app.sources.video_file import VideoFile
from pose.errors import InputError
from tests.app.sources.clips import ClipMaker, moving_pictures, needs_new_pyav, write_sound

FASTSTART = {"movflags": "faststart"}


def count(path: Path) -> int:
    with VideoFile(path) as video:
        return sum(1 for _ in video)


def decodable(path: Path) -> int:
    """Frames that FFmpeg finds without threads, going on after every error."""
    found = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                found += len(packet.decode())
            except av.FFmpegError:
                continue
    return found


def up_to_the_first_error(path: Path) -> int:
    """Frames that the usual reading loop finds."""
    found = 0
    with av.open(str(path)) as container:
        try:
            for _ in container.decode(video=0):
                found += 1
        except av.FFmpegError:
            pass
    return found


def with_random_bytes(path: Path, how_many: int, seed: int) -> Path:
    """Overwrite bytes of the pictures (between the marks of their box), as a bad disk does."""
    rng = np.random.default_rng(seed)
    stored = bytearray(path.read_bytes())
    first, last = stored.index(b"mdat") + 8, stored.index(b"moov") - 4
    for place in rng.integers(first, last, how_many):
        stored[place] = rng.integers(256)
    damaged = path.with_name(f"damaged{seed}.mp4")
    damaged.write_bytes(stored)
    return damaged


def with_bad_packets(path: Path, numbers: list[int], how_many: int = 4) -> Path:
    """Overwrite the first bytes of some packets."""
    stored = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for number in numbers:
        place = packets[number].pos or 0
        stored[place : place + how_many] = b"\xff" * how_many
    path.write_bytes(stored)
    return path


# ---- damage ------------------------------------------------------------------------------------


def test_a_damaged_packet_costs_one_frame_and_not_the_rest(
    clip: ClipMaker, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_bad_packets(clip("a.mp4", moving_pictures(120)), [3], how_many=100)
    assert up_to_the_first_error(path) <= 4  # what makes this worth a test

    with VideoFile(path) as video, caplog.at_level(logging.WARNING):
        frames = list(video)

    assert len(frames) == 119
    assert [frame.index for frame in frames] == list(range(119))
    assert video.damaged == 1
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path} is damaged: 1 packets could not be decoded")


@pytest.mark.parametrize("seed", range(8))
def test_damage_costs_no_frame_that_can_be_decoded(clip: ClipMaker, seed: int) -> None:
    path = with_random_bytes(clip("a.mp4", moving_pictures(60)), 200, seed)

    assert count(path) == decodable(path)


@pytest.mark.parametrize("bad", [(1,), (2,), (1, 3), (1, 2, 3), (2, 4, 6)])
def test_damage_in_the_last_packets_costs_only_those(clip: ClipMaker, bad: tuple[int, ...]) -> None:
    """libavcodec's frame threads drop what they hold when the very end is damaged."""
    path = with_bad_packets(clip("a.mp4", moving_pictures(40)), [40 - each for each in bad])

    assert count(path) == decodable(path) == 40 - len(bad)


# ---- cut off -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.webm"])
def test_a_file_cut_off_anywhere_gives_the_frames_there_are(clip: ClipMaker, name: str) -> None:
    """Fewer bytes, never more frames; each cut file is read or refused in one line."""
    codec = "libvpx" if name.endswith("webm") else "libx264"
    options = FASTSTART if name.endswith("mp4") else {}
    path = clip(name, moving_pictures(45, (160, 120)), codec=codec, format_options=options)
    whole = path.read_bytes()

    counts = []
    for tenth in range(1, 11):
        path.write_bytes(whole[: len(whole) * tenth // 10])
        try:
            counts.append(count(path))
            assert counts[-1] >= decodable(path)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            counts.append(0)

    assert counts == sorted(counts)
    assert counts[-1] == 45
    assert counts[4] >= 10


def test_a_file_cut_off_says_so(clip: ClipMaker, caplog: pytest.LogCaptureFixture) -> None:
    path = clip("a.mp4", moving_pictures(60), format_options=FASTSTART)
    stored = path.read_bytes()
    path.write_bytes(stored[: len(stored) // 2])

    with caplog.at_level(logging.WARNING):
        found = count(path)

    assert 20 <= found <= 40
    assert "s of 2.0 s: it was cut off" in caplog.text


def test_a_whole_file_says_nothing(clip: ClipMaker, caplog: pytest.LogCaptureFixture) -> None:
    path = clip("a.mp4", moving_pictures(12), sound_s=2.0)

    with caplog.at_level(logging.INFO):
        count(path)

    assert caplog.text == ""


# ---- not a video -------------------------------------------------------------------------------


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("this is not a video\n" * 40)


def _nothing(path: Path) -> None:
    """There is no such file."""


def _folder(path: Path) -> None:
    path.mkdir()


def _sound(path: Path) -> None:
    write_sound(path)


def _play_list(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n")


def _subtitles(path: Path) -> None:
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_nothing, "expected a file, got nothing"),
        (_empty, "got an empty file"),
        (_folder, "expected a file, got something else"),
        (_text, "expected a video, got something that FFmpeg cannot read"),
        (_play_list, "expected a video, got something that FFmpeg cannot read"),
        (_subtitles, "expected a video, got neither pictures nor sound"),
        (_sound, "expected a video, got sound only"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "a.mp4"
    make(path)

    with pytest.raises(InputError, match=message) as caught:
        VideoFile(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_text_is_not_drawn_as_a_film(tmp_path: Path) -> None:
    """FFmpeg opens any .txt as ANSI art."""
    path = tmp_path / "notes.txt"
    _text(path)

    with pytest.raises(InputError, match="expected a video, got text"):
        VideoFile(path)


def test_an_mp4_without_its_index_is_explained(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(12))
    stored = path.read_bytes()
    path.write_bytes(stored[: stored.index(b"moov") - 4])

    with pytest.raises(InputError, match=r"without an index \(moov\).*untrunc"):
        VideoFile(path)


def test_a_video_without_one_good_picture_is_refused(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(6))
    stored = bytearray(path.read_bytes())
    first, last = stored.index(b"mdat") + 4, stored.index(b"moov") - 4
    stored[first:last] = b"\xff" * (last - first)
    path.write_bytes(stored)

    with pytest.raises(InputError, match="no picture can be decoded"):
        VideoFile(path)


@needs_new_pyav
def test_the_cover_of_a_song_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "bgr24")
        container.mux(cover.encode(frame))
        container.mux(cover.encode())

    with pytest.raises(InputError, match="expected a video"):
        VideoFile(path)
