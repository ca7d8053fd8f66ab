"""Video files, read back with PyAV: frames, times, sizes, colours, and what a kill leaves."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.sinks.mp4 import ENCODERS, Encoder, Mp4Writer
from app.sinks.part_file import part_path
from pose.errors import OutputError, UnavailableError
from pose.types import ByteArray
from tests.app.sinks.scenes import picture, scene

MISSING = Encoder("no_such_encoder", {}, ticks_per_s=30)


def written(path: Path) -> list[tuple[float, ByteArray]]:
    """Every frame's time and BGR picture; any damage raises."""
    with av.open(str(path)) as container:
        return [
            (
                float(frame.pts * frame.time_base),
                np.asarray(frame.to_ndarray(format="bgr24"), np.uint8),
            )
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


@pytest.mark.parametrize(
    "times_s",
    [
        pytest.param([0.0], id="one frame"),
        pytest.param([n / 30 for n in range(40)], id="30 fps"),
        pytest.param([n * 1001 / 24000 for n in range(40)], id="23.976 fps"),
        pytest.param([n * 1001 / 60000 for n in range(40)], id="59.94 fps"),
        pytest.param([0.0, 0.033, 0.133, 0.166, 2.5, 2.501, 9.75], id="variable"),
    ],
)
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.name)
def test_every_frame_keeps_its_time(encoder: Encoder, times_s: list[float], tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"

    with Mp4Writer(path, [encoder]) as write:
        for index, time_s in enumerate(times_s):
            write(scene(index, time_s))

    found = [time_s for time_s, _ in written(path)]
    np.testing.assert_allclose(found, times_s, atol=0.6 / encoder.ticks_per_s)


@pytest.mark.parametrize(
    ("times_s", "length_s"),
    [
        ([0.0], 1 / 30),
        ([0.0, 1.0, 2.0], 3.0),
        ([0.0, 0.1, 0.2, 0.3], 0.4),
        ([n * 1001 / 60000 for n in range(40)], 40 * 1001 / 60000),
        ([0.0, 0.1, 0.2, 900.0], 900.1),  # the camera was gone until just before the end
    ],
)
def test_the_last_frame_is_shown_as_long_as_those_before(
    times_s: list[float], length_s: float, tmp_path: Path
) -> None:
    """Else a slow film would be too short, and players would show a rate that it has not."""
    path = tmp_path / "walk.mp4"
    with Mp4Writer(path) as write:
        for index, time_s in enumerate(times_s):
            write(scene(index, time_s))

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None and stream.time_base is not None
        assert stream.average_rate is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(length_s, abs=1e-4)
        assert float(stream.average_rate) == pytest.approx(len(times_s) / length_s, rel=1e-3)


def test_a_picture_that_no_video_can_hold_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"at most 16384 pixels a side.* got 20000x4"),
        Mp4Writer(tmp_path / "wide.mp4") as write,
    ):
        write(scene(0, size_wh=(20000, 4)))

    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_starts_late_is_set_to_zero(tmp_path: Path) -> None:
    path = tmp_path / "camera.mp4"

    with Mp4Writer(path) as write:
        for index in range(3):
            write(scene(index, 86_400 + index / 10))

    assert [time_s for time_s, _ in written(path)] == pytest.approx([0, 0.1, 0.2], abs=1e-5)


def test_a_clock_that_turns_back_loses_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp4"
    times_s = [0.0, 0.1, 0.1, 0.2, 1.0, 0.3, 0.4, 0.5]

    with Mp4Writer(path) as write:
        for index, time_s in enumerate(times_s):
            write(scene(index, time_s))

    found = [time_s for time_s, _ in written(path)]
    assert found == pytest.approx([0, 0.1, 0.1, 0.2, 1.0, 1.0, 1.1, 1.2], abs=1e-4)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("size_wh", [(160, 120), (161, 121), (17, 1), (1, 1)])
def test_odd_sizes_are_padded_with_their_own_edge(size_wh: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    width, height = size_wh

    with Mp4Writer(path) as write:
        write(scene(0, size_wh=size_wh))

    ((_, found),) = written(path)
    assert found.shape == (height + height % 2, width + width % 2, 3)
    difference = found[:height, :width].astype(int) - picture(0, size_wh)
    assert np.abs(difference).mean() < 4
    np.testing.assert_allclose(found[-1], found[height - 1], atol=8)


def test_a_source_that_changes_its_size_stays_in_the_first_one(tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"

    with Mp4Writer(path) as write:
        write(scene(0, size_wh=(160, 120)))
        write(scene(1, size_wh=(60, 120)))

    (_, first), (_, second) = written(path)
    assert first.shape == second.shape == (120, 160, 3)
    assert second[:, :48].max() < 10
    assert second[:, 52:108].min() > 10
    assert second[:, 112:].max() < 10


def test_the_drawing_is_written_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "drawn.mp4"
    drawing = np.full((120, 160, 3), (30, 90, 200), np.uint8)

    with Mp4Writer(path) as write:
        write(replace(scene(0), drawing=drawing))

    ((_, found),) = written(path)
    np.testing.assert_allclose(found[60, 80], [30, 90, 200], atol=3)


def test_colours_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "colours.mp4"
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255), (200, 150, 40), (0, 0, 0)]
    bars = np.repeat(np.array(colours, np.uint8)[None], 64, axis=0).repeat(32, axis=1)

    with Mp4Writer(path) as write:
        write(replace(scene(0, size_wh=(192, 64)), drawing=np.ascontiguousarray(bars)))

    ((_, found),) = written(path)
    np.testing.assert_allclose(found[32, 16::32], colours, atol=4)
    capture = cv2.VideoCapture(str(path))
    np.testing.assert_allclose(capture.read()[1][32, 16::32], colours, atol=4)
    capture.release()


def test_a_clean_end_leaves_an_ordinary_mp4_with_an_index(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"

    with Mp4Writer(path) as write:
        for index in range(45):
            write(scene(index))

    content = path.read_bytes()
    assert content[4:8] == b"ftyp"
    assert b"moof" not in top_level_boxes(content)
    assert top_level_boxes(content)[-1] == b"moov"
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 45
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.duration == pytest.approx(1.5e6, abs=1000)


def top_level_boxes(content: bytes) -> list[bytes]:
    """Names of an mp4's outermost boxes, 32-bit sizes only."""
    names, start = [], 0
    while start < len(content):
        names.append(content[start + 4 : start + 8])
        start += int.from_bytes(content[start : start + 4], "big")
    return names


def test_no_frames_make_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Mp4Writer(tmp_path / "empty.mp4"):
        pass

    assert os.listdir(tmp_path) == []
    assert "no frame" in caplog.text


def test_the_next_encoder_is_taken_where_the_first_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "walk.mp4"

    with caplog.at_level(logging.WARNING), Mp4Writer(path, [MISSING, ENCODERS[-1]]) as write:
        write(scene(0))

    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert "no_such_encoder" in caplog.text


def test_no_encoder_at_all_is_told_before_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no_such_encoder"), Mp4Writer(tmp_path, [MISSING]):
        pass


def test_an_error_elsewhere_leaves_a_whole_video_under_the_part_name(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"

    with pytest.raises(KeyboardInterrupt), Mp4Writer(path) as write:
        for index in range(20):
            write(scene(index))
        raise KeyboardInterrupt

    assert len(written(part_path(path))) == 20


def test_a_full_disc_leaves_every_whole_fragment_readable(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    limited = f"""
import resource, sys
from pathlib import Path
from app.sinks.mp4 import Mp4Writer
from tests.app.sinks.scenes import scene

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
with Mp4Writer(Path({str(path)!r})) as write:
    for index in range(10_000):
        write(scene(index))
        sys.stdout.write(f"{{index + 1}}\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, timeout=60
    )

    frames = int(done.stdout.split()[-1])
    assert "OutputError: cannot write" in done.stderr
    assert frames - 31 <= len(written(part_path(path))) <= frames
    assert frames > 31


@pytest.mark.parametrize("stop_after", [23, 40, 71])
def test_a_killed_recording_plays_and_lacks_half_a_second_at_most(
    stop_after: int, tmp_path: Path
) -> None:
    path = tmp_path / "walk.mp4"
    recorder = f"""
import sys
from pathlib import Path
from app.sinks.mp4 import Mp4Writer
from tests.app.sinks.scenes import scene

with Mp4Writer(Path({str(path)!r})) as write:
    for index in range(1_000_000):
        write(scene(index))
        sys.stdout.write(f"{{index + 1}}\\n")
        sys.stdout.flush()
        sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", recorder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while int(process.stdout.readline()) < stop_after:
            process.stdin.write("\n")
        process.kill()

    assert not path.exists()
    assert stop_after - 16 <= len(written(part_path(path))) <= stop_after


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.name)
def test_after_a_night_without_a_picture_the_film_goes_on(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "yard.mp4"
    night_s = 9 * 3600.0

    with Mp4Writer(path, [encoder]) as write:
        for index, time_s in enumerate((0.0, 0.1, night_s, night_s + 0.1, night_s + 0.2)):
            write(scene(index, time_s))

    found = [time_s for time_s, _ in written(path)]
    np.testing.assert_allclose(found, [0, 0.1, 3600.1, 3600.2, 3600.3], atol=1e-3)
