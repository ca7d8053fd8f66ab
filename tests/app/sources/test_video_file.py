"""Video files: true times, upright pictures, odd formats, memory."""

from __future__ import annotations

import os
from collections import deque
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest

from app.sources.video_file import VideoFile
from pose.types import ByteArray, Frame
from tests.app.sources.clips import (
    ClipMaker,
    moving_pictures,
    needs_new_pyav,
    with_exif_orientation,
    write_jpegs,
)


def frames_of(path: Path) -> list[Frame]:
    with VideoFile(path) as video:
        return list(video)


def with_bright_corner(width: int = 96, height: int = 64) -> ByteArray:
    """Dark, its upper left quarter bright, its upper right gray."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 255
    image[: height // 2, width // 2 :] = 128
    return image


def quarters(image: ByteArray) -> list[list[int]]:
    """Brightness at the middle of the four quarters."""
    height, width = image.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [[round(int(image[y, x, 1]) / 128) for x in columns] for y in rows]


# ---- time --------------------------------------------------------------------------------------


def test_frames_are_numbered_and_timed(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(12))

    with VideoFile(path) as video:
        frames = list(video)

    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 30 for n in range(12)])
    assert {frame.size_wh for frame in frames} == {video.size_wh} == {(320, 240)}
    assert (video.name, video.fps, video.frame_count, video.is_live) == ("a.mp4", 30.0, 12, False)
    assert (video.damaged, video.corrupt) == (0, 0)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_a_variable_frame_rate_keeps_its_times(clip: ClipMaker, name: str) -> None:
    times_ms = [0, 33, 133, 140, 500, 1000, 1033, 4033, 4036]
    path = clip(name, moving_pictures(len(times_ms)), times_ms=times_ms)

    found_ms = [frame.time_s * 1000 for frame in frames_of(path)]

    assert found_ms == pytest.approx(times_ms, abs=1.0)


def test_time_begins_where_the_file_begins(clip: ClipMaker) -> None:
    """MPEG-TS starts its clock anywhere, here at 1.4 s."""
    path = clip("a.ts", moving_pictures(3), format_options={"output_ts_offset": "1.4"})

    with av.open(str(path)) as container:
        assert container.start_time and container.start_time > av.time_base
    assert [frame.time_s for frame in frames_of(path)] == pytest.approx([0, 1 / 30, 2 / 30])


def test_sound_that_begins_first_does_not_shift_the_pictures(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(3), times_ms=[500, 600, 700], sound_s=0.8)

    times_s = [frame.time_s for frame in frames_of(path)]

    assert times_s == pytest.approx([0.5, 0.6, 0.7], abs=0.001)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.mp4", "a.ts"])
def test_a_film_whose_clock_begins_late_is_not_called_cut_off(
    clip: ClipMaker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Recorders cut a recording into files and leave its clock on; Matroska states the end."""
    times_ms = [2000 + 40 * number for number in range(10)]
    path = clip(name, moving_pictures(10), times_ms=times_ms)

    found_ms = [1000 * frame.time_s for frame in frames_of(path)]

    assert found_ms == pytest.approx([40 * number for number in range(10)], abs=1.0)
    assert caplog.text == ""


def test_a_film_can_be_read_again(clip: ClipMaker) -> None:
    video = VideoFile(clip("a.mp4", moving_pictures(5)))

    for _ in range(2):
        with video:
            assert len(list(video)) == 5


# ---- upright and unsquashed --------------------------------------------------------------------


@needs_new_pyav
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize(
    ("orientation", "size_wh", "expected"),
    [
        ((0, False, False), (96, 64), [[2, 1], [0, 0]]),
        ((90, False, False), (64, 96), [[1, 0], [2, 0]]),
        ((180, False, False), (96, 64), [[0, 0], [1, 2]]),
        ((270, False, False), (64, 96), [[0, 2], [0, 1]]),
        ((0, True, False), (96, 64), [[1, 2], [0, 0]]),
        ((0, False, True), (96, 64), [[0, 0], [2, 1]]),
    ],
)
def test_pictures_stand_upright(
    clip: ClipMaker,
    name: str,
    orientation: tuple[int, bool, bool],
    size_wh: tuple[int, int],
    expected: list[list[int]],
) -> None:
    path = clip(name, [with_bright_corner()] * 2, orientation=orientation)

    with VideoFile(path) as video:
        frames = list(video)

    assert video.size_wh == frames[0].size_wh == size_wh
    assert quarters(frames[1].image) == expected


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("name", ["a.avi", "a.mov"])
def test_frames_with_exif_are_all_there_and_upright(
    tmp_path: Path, name: str, orientation: int
) -> None:
    """Beside the display matrix lies EXIF, for which PyAV has no name; OpenCV knows it."""
    stored = cv2.imencode(".jpg", with_bright_corner())[1].tobytes()
    jpeg = with_exif_orientation(stored, orientation)
    upright = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None

    frames = frames_of(write_jpegs(tmp_path / name, [jpeg] * 3, (96, 64)))

    assert [quarters(frame.image) for frame in frames] == [quarters(np.asarray(upright))] * 3


@needs_new_pyav
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pictures_are_those_that_opencv_reads(clip: ClipMaker, degrees: int) -> None:
    """OpenCV's reader applies the orientation by itself; nobody here wrote it."""
    path = clip("a.mp4", moving_pictures(4), orientation=(degrees, False, False))
    reader = cv2.VideoCapture(str(path))
    reader.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)

    for frame in frames_of(path):
        success, expected = reader.read()
        assert success
        assert expected.shape == frame.image.shape
        assert np.abs(frame.image.astype(int) - expected).mean() < 2.0
    reader.release()


@pytest.mark.parametrize(
    ("pixel_aspect", "size_wh"),
    [(Fraction(1), (160, 120)), (Fraction(2), (320, 120)), (Fraction(8, 9), (160, 135))],
)
def test_a_circle_stays_a_circle(
    clip: ClipMaker, pixel_aspect: Fraction, size_wh: tuple[int, int]
) -> None:
    canvas = np.zeros((240, 320, 3), np.uint8)
    scale_x, scale_y = 160 / size_wh[0], 120 / size_wh[1]
    axes = (round(40 * scale_x), round(40 * scale_y))
    cv2.ellipse(canvas, (160, 120), (2 * axes[0], 2 * axes[1]), 0, 0, 360, (255, 255, 255), -1)
    stored = np.asarray(cv2.resize(canvas, (160, 120), interpolation=cv2.INTER_AREA), np.uint8)

    frame = frames_of(clip("a.mp4", [stored], pixel_aspect=pixel_aspect))[0]

    assert frame.size_wh == size_wh
    rows, columns = np.nonzero(frame.image[..., 1] > 128)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=2)
    assert columns.mean() == pytest.approx((size_wh[0] - 1) / 2, abs=1)


def test_a_size_that_changes_on_the_way_is_fitted_into_the_first(
    clip: ClipMaker, tmp_path: Path
) -> None:
    """Two recordings joined byte by byte: the clock starts again, the size changes."""
    first = clip("a.ts", moving_pictures(20, (320, 240)))
    second = clip("b.ts", [with_bright_corner(120, 160)] * 20)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())

    frames = frames_of(joined)

    times_s = [frame.time_s for frame in frames]
    assert len(frames) == 40
    assert {frame.size_wh for frame in frames} == {(320, 240)}
    assert np.diff(times_s) == pytest.approx(np.full(39, 1 / 30), abs=0.011)
    last = frames[-1].image
    assert last[:, :68].max() < 20 and last[:, 252:].max() < 20  # bars beside 180 x 240
    assert quarters(np.ascontiguousarray(last[:, 70:250])) == [[2, 1], [0, 0]]


# ---- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("odd.mkv", "ffv1", "yuv420p"),
        ("odd.mp4", "libx264", "yuv444p"),
        ("even.mp4", "libx265", "yuv420p10le"),
        ("even.mkv", "ffv1", "gray"),
        ("even.mkv", "ffv1", "gray10le"),
        ("even.mkv", "ffv1", "bgra"),
        ("even.avi", "mpeg4", "yuv420p"),
        ("even.avi", "mjpeg", "yuvj420p"),
        ("even.webm", "libvpx", "yuv420p"),
        ("even.gif", "gif", "rgb8"),
    ],
)
def test_every_format_gives_the_same_picture(
    clip: ClipMaker, name: str, codec: str, pix_fmt: str
) -> None:
    size_wh = (161, 121) if name.startswith("odd") else (160, 120)
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    stored = with_bright_corner(*size_wh)
    path = clip(name, [stored] * 3, codec=codec, pix_fmt=pix_fmt, codec_options=quiet)

    frames = frames_of(path)

    assert len(frames) == 3
    assert frames[0].size_wh == size_wh
    difference = np.abs(frames[2].image.astype(int) - stored)
    assert np.median(difference) <= 4 and difference.mean() < 8  # GIF dithers


def test_any_file_name_will_do(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(2))

    for name in ("b:c.mp4", "d%03d.mp4", "-e\n.mp4", "🙂 Grüße.mp4", "no suffix"):
        renamed = path.rename(path.with_name(name))
        assert len(frames_of(renamed)) == 2
        path = renamed


# ---- memory and files --------------------------------------------------------------------------


def test_frames_in_use_are_all_that_takes_memory(clip: ClipMaker) -> None:
    """A scaler for each frame, as `VideoFrame.to_ndarray` keeps it, would take 5 MB more here."""
    process = psutil.Process()
    path = clip("a.mp4", moving_pictures(40, (640, 360)) * 5)

    with VideoFile(path) as video:
        held: deque[Frame] = deque(maxlen=16)
        for frame in video:
            held.append(frame)
            if frame.index == 40:
                before = process.memory_info().rss
        grown = process.memory_info().rss - before

    assert len(held) == 16
    assert grown < 4 * 2**20


def test_nothing_stays_open(clip: ClipMaker) -> None:
    path = clip("a.mp4", moving_pictures(2))
    open_files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None

    for _ in range(8):
        frames_of(path)
        with VideoFile(path) as video:
            next(iter(video))  # left in the middle

    if open_files is not None:
        assert len(os.listdir("/proc/self/fd")) <= open_files + 1
