"""Parts of films: the frames are those of the whole film, with its times and numbers."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.review.film import Film
from app.sources.part import Part, seconds
from app.sources.source import SourceOptions, open_source
from app.sources.timeline import Timeline
from app.sources.video_file import VideoFile
from pose.errors import InputError, UsageError
from pose.types import Frame
from tests.app.sources.clips import ClipMaker, moving_pictures


def _read(path: Path, part: Part, image_rate_hz: float = 0.0) -> list[Frame]:
    with open_source(str(path), SourceOptions(image_rate_hz=image_rate_hz, part=part)) as source:
        return list(source)


# ---- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [("0", 0), ("90", 90), ("12.5", 12.5), ("1:30", 90), ("0:01:30.5", 90.5), ("2:00:00", 7200)],
)
def test_a_time_is_read(text: str, expected_s: float) -> None:
    assert seconds(text) == expected_s


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1:75", "1:2:3:4", "1:-5", "nan", "inf", "1.5:20", "1_0", " 1"]
)
def test_what_is_no_time_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time such as"):
        seconds(text)


@pytest.mark.parametrize(
    ("start_s", "end_s", "rate_hz"),
    [(-1, None, 0), (math.inf, None, 0), (5, 5, 0), (5, 4, 0), (0, math.nan, 0), (0, None, -1),
     (0, None, math.inf), (math.nan, None, 0)],
)  # fmt: skip
def test_a_part_that_cannot_be_is_refused(
    start_s: float, end_s: float | None, rate_hz: float
) -> None:
    with pytest.raises(UsageError, match="expected --"):
        Part(start_s, end_s, rate_hz)


# ---- frames ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv", "a.avi"])
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part(), range(75)),
        (Part(1.0), range(30, 75)),  # on a key frame
        (Part(1.9667), range(59, 75)),  # right before one, where FFmpeg lands behind
        (Part(1.5, 1.7), range(45, 51)),
        (Part(end_s=0.1), range(3)),
        (Part(0.5, 2.0, 10.0), range(15, 60, 3)),
        (Part(rate_hz=15.0), range(0, 75, 2)),  # Matroska's clock ticks once in 1 ms
        (Part(rate_hz=30.0), range(75)),
        (Part(2.45), range(74, 75)),
    ],
)
def test_the_frames_are_those_of_the_whole_film(
    clip: ClipMaker, name: str, part: Part, expected: range
) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"  # AVI knows no frames out of order
    path = clip(name, moving_pictures(75), codec=codec)
    with VideoFile(path) as film:
        whole = list(film)

    found = _read(path, part)

    assert [frame.index for frame in found] == list(expected)
    for frame in found:
        assert frame.time_s == pytest.approx(whole[frame.index].time_s, abs=1e-6)
        np.testing.assert_array_equal(frame.image, whole[frame.index].image)


def test_a_file_that_cannot_be_searched_is_read_from_its_start(clip: ClipMaker) -> None:
    path = clip("a.h264", moving_pictures(75))

    found = _read(path, Part(1.5, 1.7))  # nothing says how fast it is: FFmpeg takes 25 a second

    assert [frame.index for frame in found] == list(range(38, 43))


def test_at_a_variable_rate_times_decide(clip: ClipMaker) -> None:
    times_ms = [0, 33, 133, 140, 500, 1000, 1033, 4033, 4036]
    path = clip("a.mkv", moving_pictures(len(times_ms)), times_ms=times_ms)

    found = _read(path, Part(0.1, 4.035, 5.0))

    assert [frame.time_s * 1000 for frame in found] == pytest.approx([133, 500, 1000, 4033], abs=1)


def test_no_more_frames_are_taken_than_there_are(clip: ClipMaker) -> None:
    assert len(_read(clip("a.mp4", moving_pictures(12)), Part(rate_hz=100.0))) == 12


@pytest.mark.parametrize(
    ("part", "fps", "count"),
    [(Part(1.0), 30.0, 45), (Part(0.5, 2.0, 10.0), 10.0, 15), (Part(2.0, 60.0, 90.0), 30.0, 15)],
)
def test_how_many_to_expect_is_told(clip: ClipMaker, part: Part, fps: float, count: int) -> None:
    path = clip("a.mp4", moving_pictures(75))

    source = open_source(str(path), SourceOptions(part=part))

    assert (source.fps, source.frame_count) == (fps, count)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_where_sound_begins_before_the_pictures_numbers_are_the_whole_films(
    clip: ClipMaker, name: str
) -> None:
    times_ms = [1000 + round(1000 * n / 30) for n in range(60)]
    path = clip(name, moving_pictures(60), times_ms=times_ms, sound_s=3.0)
    with VideoFile(path) as film:
        whole = [(frame.index, frame.time_s) for frame in film]

    found = [(frame.index, frame.time_s) for frame in _read(path, Part(1.5, 1.7))]

    assert whole[0][1] > 0.5
    assert len(found) == 6
    for index, time_s in found:
        assert time_s == pytest.approx(whole[index][1], abs=1e-6)
    assert _read(path, Part(2.5)), "it ends at 3 s, though it has 2 s of pictures"


def test_recordings_that_were_joined_are_read_on(clip: ClipMaker, tmp_path: Path) -> None:
    one = clip("one.ts", moving_pictures(60)).read_bytes()
    (tmp_path / "both.ts").write_bytes(one + one)

    assert len(_read(tmp_path / "both.ts", Part(1.0))) == 90


@pytest.mark.parametrize("part", [Part(1.0), Part(1.0, 2.0), Part(0.0, 2.0)])
def test_damage_is_told_also_of_a_part(
    clip: ClipMaker, caplog: pytest.LogCaptureFixture, part: Part
) -> None:
    path = clip("a.mp4", moving_pictures(90))
    broken = bytearray(path.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 600] = bytes(600)
    path.write_bytes(bytes(broken))

    frames = len(_read(path, part))

    assert f"of {frames} frames" in caplog.text or f"of {frames + 1} frames" in caplog.text


@pytest.mark.parametrize("part", [Part(2.01, 2.02), Part(2.49)])
def test_a_part_without_a_frame_is_one_line(clip: ClipMaker, part: Part) -> None:
    path = clip("a.mp4", moving_pictures(75))

    with pytest.raises(InputError, match=r"a\.mp4: expected frames from .* found none"):
        _read(path, part)


def test_pictures_that_do_not_belong_are_not_read(tmp_path: Path) -> None:
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "3.png").write_text("no picture")

    assert [frame.index for frame in _read(tmp_path, Part(0.0, 0.3), 10.0)] == [0, 1, 2]
    with pytest.raises(InputError, match="expected frames from 9 s to the end, found none"):
        _read(tmp_path, Part(9.0), 10.0)


def test_a_start_beyond_the_end_is_one_line(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(12))

    with pytest.raises(InputError, match=r"a\.mp4: expected to begin before its end at 0\.4 s"):
        open_source(str(path), SourceOptions(part=Part(3.0)))


def test_stamps_hours_into_a_film_are_its_times() -> None:
    timeline = Timeline(1.4, 0.04, begin_s=10_000.0)

    assert timeline(10_001.4) == pytest.approx(10_000.0)


@pytest.mark.parametrize(("rate_hz", "expected"), [(10.0, [2, 3]), (0.0, [0, 1, 2, 3, 4])])
def test_pictures_have_parts_where_they_are_a_film(
    tmp_path: Path, rate_hz: float, expected: list[int]
) -> None:
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))

    found = _read(tmp_path, Part(0.2, 0.4), rate_hz)

    assert [frame.index for frame in found] == expected


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_every_picture_of_a_film_is_found_whatever_was_shown_before(
    clip: ClipMaker, name: str
) -> None:
    path = clip(name, moving_pictures(75))
    with VideoFile(path) as film:
        whole = list(film)

    with Film(str(path)) as searched:
        for frame in (*whole[::-7], whole[60], whole[0], whole[30], whole[29]):
            picture = searched.picture(frame.index, frame.time_s)
            np.testing.assert_array_equal(picture, frame.image)
