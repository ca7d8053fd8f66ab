"""Small clips, made on the spot with PyAV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from pose.types import ByteArray

ClipMaker = Callable[..., Path]

needs_new_pyav = pytest.mark.skipif(
    not hasattr(VideoStream, "set_display_rotation"),
    reason="this PyAV cannot write orientations and covers; newer ones can",
)


def moving_pictures(count: int, size_wh: tuple[int, int] = (320, 240)) -> list[ByteArray]:
    """Blocks that slide to the left; hard enough to compress that damage finds something."""
    width, height = size_wh
    blocks = np.random.default_rng(0).integers(0, 255, (height // 16 + 1, width // 16 + 1, 3))
    ground = blocks.astype(np.uint8).repeat(16, 0).repeat(16, 1)[:height, :width]
    return [np.roll(ground, -3 * number, axis=1) for number in range(count)]


def write_clip(
    path: Path,
    pictures: Sequence[ByteArray],
    *,
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    codec_options: dict[str, str] | None = None,
    format_options: dict[str, str] | None = None,
    pixel_aspect: Fraction | None = None,
    orientation: tuple[int, bool, bool] | None = None,
    sound_s: float = 0.0,
) -> Path:
    """Write BGR pictures at 30 frames per second, or at the given times.

    Args:
        orientation: Counter-clockwise degrees, then horizontal and vertical mirror.
        sound_s: Seconds of silence to add.
    """
    options = {"preset": "ultrafast"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=format_options or {}) as container:
        stream = container.add_stream(codec, rate=30, options=options | (codec_options or {}))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.gop_size = 30
        if times_ms is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if orientation is not None:
            degrees, mirror_x, mirror_y = orientation
            stream.set_display_rotation(degrees, hflip=mirror_x, vflip=mirror_y)
        voice = container.add_stream("aac", rate=8000, layout="mono") if sound_s else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "bgr24")
            frame.pts = number if times_ms is None else times_ms[number]
            frame.time_base = stream.codec_context.time_base or Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            silence = np.zeros((1, round(8000 * sound_s)), np.float32)
            sound = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            sound.sample_rate = 8000
            container.mux(voice.encode(sound))
            container.mux(voice.encode())
    return path


def with_exif_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Put an EXIF block with one entry, the orientation, behind the start of a JPEG."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    exif = b"Exif\0\0MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def write_jpegs(path: Path, jpegs: Sequence[bytes], size_wh: tuple[int, int]) -> Path:
    """A film of JPEGs as they are, ten a second, as `ffmpeg -i %03d.jpg -c copy` makes it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuvj420p"
        stream.time_base = Fraction(1, 10)
        for number, jpeg in enumerate(jpegs):
            packet = av.Packet(jpeg)
            packet.stream = stream
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 10)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Half a second of silence, no pictures."""
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 4000), np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 8000
        container.mux(voice.encode(sound))
        container.mux(voice.encode())
    return path
