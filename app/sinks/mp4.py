"""Video files: H.264 in mp4 with every frame at its own time, playable even after a kill.

FFmpeg writes fragments of half a second and turns the file into an ordinary mp4 on a clean end
(`movflags=hybrid_fragmented`). What a killed process leaves behind lacks at most the last half
second and plays in anything that knows fragmented mp4.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from typing_extensions import Self

from app.sinks.mp4_boxes import end_of_whole_fragments
from app.sinks.part_file import discard, leave, publish, start, unwritable
from pose.errors import OutputError, UnavailableError
from pose.types import ByteArray, Scene

_log = logging.getLogger(__name__)

_MUXER = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "500000",  # microseconds: the most that a kill can cost
    "flush_packets": "1",
}
_BT601 = 6  # SMPTE 170M: the matrix that cv2 converts with; players must be told
_LIMITED_RANGE = 1
_WRITE_BYTES = 1 << 22  # more than a fragment: one write each, so that a kill hardly cuts one
_MOST_SIDE = 16384  # libx264's
_PIXELS_PER_THREAD = 2_000_000
_CLOCK_RESTART_S = 0.2
_LONGEST_GAP_S = 3600.0  # a camera lost overnight: an mp4 cannot hold a picture for five hours


@dataclass(frozen=True)
class Encoder:
    """A video encoder of FFmpeg.

    Attributes:
        name: FFmpeg's name for it.
        options: Its settings.
        ticks_per_s: The clock of its frame times.
    """

    name: str
    options: dict[str, str]
    ticks_per_s: int


# On two cores the networks need the time. At 1280x720, of real footage, one thread (ms a frame,
# kbit a frame, PSNR): ultrafast 3.4, 106, 48.2; superfast 6.9, 85, 47.4; veryfast 9.5, 65, 46.7.
# zerolatency holds no frame back: no delay to lose in a kill, no B-frame to shift times.
# 120,000 ticks hit every frame of 24, 25, 30, 50, 60 fps, of their NTSC kin and of milliseconds.
ENCODERS = (
    Encoder(
        "libx264",
        {"preset": "ultrafast", "tune": "zerolatency", "crf": "24", "g": "60"},
        ticks_per_s=120_000,
    ),
    # Builds of FFmpeg without the GPL parts; MPEG-4 part 2 allows no finer clock than 1/65535.
    Encoder(
        "mpeg4",
        {"flags": "+qscale", "global_quality": "472", "g": "60", "bf": "0"},
        ticks_per_s=60_000,
    ),
)


class Mp4Writer:
    """Writes each scene's drawing, or its frame where nobody drew, at the frame's own time.

    The video begins with its first frame: times are those of the source minus the first one.
    Sizes are padded to even numbers, which H.264 asks for; a source that changes its size goes on
    within the first size, scaled and with black bars.
    """

    def __init__(self, path: Path, encoders: Sequence[Encoder] = ENCODERS) -> None:
        """Nothing is opened yet.

        Args:
            path: The file to make.
            encoders: The first one that this FFmpeg has is taken.
        """
        self._path = path
        self._encoders = encoders
        self._container: OutputContainer | None = None
        self._last_tick = -1
        self._steps: deque[int] = deque(maxlen=2)  # ticks between the latest frames
        self._zero_s = 0.0

    def __enter__(self) -> Self:
        self._encoder = _first_available(self._encoders)
        self._disc = _Disc(start(self._path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is None:
            discard(self._path, self._disc.file)
            if kind is None:
                _log.warning("%s was not made: there was no frame", self._path)
            return
        try:
            self._finish()
        except OutputError:
            leave(self._path, self._disc.file)
            if kind is None:
                raise
            return
        if kind is None:
            publish(self._path, self._disc.file)
        else:
            leave(self._path, self._disc.file)

    def __call__(self, scene: Scene) -> None:
        """Add one frame; OutputError if it cannot be written."""
        image = scene.frame.image if scene.drawing is None else scene.drawing
        if self._container is None:
            self._open(image, scene.frame.time_s)
        planes = cv2.cvtColor(_fitted(image, self._size_wh), cv2.COLOR_BGR2YUV_I420)
        picture = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), "yuv420p")
        picture.pts = self._tick(scene.frame.time_s)
        picture.time_base = self._stream.codec_context.time_base
        self._encode(picture)

    def _tick(self, time_s: float) -> int:
        """The frame's time on the encoder's clock; it always goes forward."""
        longest = round(_LONGEST_GAP_S * self._encoder.ticks_per_s)
        tick: int = round((time_s - self._zero_s) * self._encoder.ticks_per_s)
        if tick - self._last_tick > longest and self._last_tick >= 0:
            self._zero_s += (tick - self._last_tick - longest) / self._encoder.ticks_per_s
            tick = self._last_tick + longest
        if tick <= self._last_tick:  # damaged files repeat a time or turn back their clock
            behind_s = (self._last_tick - tick) / self._encoder.ticks_per_s
            tick = self._last_tick + 1
            if behind_s > _CLOCK_RESTART_S:
                self._zero_s = time_s - tick / self._encoder.ticks_per_s
        if self._last_tick >= 0:
            self._steps.append(tick - self._last_tick)
        self._last_tick = tick
        return tick

    def _open(self, image: ByteArray, time_s: float) -> None:
        height, width = image.shape[:2]
        self._size_wh = (width + width % 2, height + height % 2)
        if max(self._size_wh) > _MOST_SIDE:
            raise OutputError(
                f"cannot write {self._path}: expected at most {_MOST_SIDE} pixels a side, as video "
                f"can have, got {width}x{height}; write .pictures or keypoints only"
            )
        self._zero_s = time_s
        with self._translated():
            container = av.open(
                self._disc, "w", format="mp4", options=_MUXER, buffer_size=_WRITE_BYTES
            )
            stream = container.add_stream(
                self._encoder.name, rate=30, options=self._encoder.options
            )
        assert isinstance(stream, VideoStream)
        codec = stream.codec_context
        codec.width, codec.height = self._size_wh
        codec.pix_fmt = "yuv420p"
        codec.time_base = Fraction(1, self._encoder.ticks_per_s)
        codec.thread_count = max(1, width * height // _PIXELS_PER_THREAD)
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT601
        codec.color_range = _LIMITED_RANGE
        self._container, self._stream = container, stream

    def _encode(self, picture: av.VideoFrame | None) -> None:
        assert self._container is not None
        with self._translated():
            for packet in self._stream.encode(picture):
                # How long the last of all is shown; the lesser step, as the other may be a pause.
                if self._steps and packet.time_base:
                    step = Fraction(min(self._steps), self._encoder.ticks_per_s)
                    packet.duration = round(step / packet.time_base)
                self._container.mux(packet)
        self._disc.check(self._path)

    def _finish(self) -> None:
        """Write what the encoder still holds and the index of an ordinary mp4."""
        assert self._container is not None
        try:
            self._encode(None)
        finally:
            with self._translated():
                self._container.close()
        self._disc.check(self._path)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"cannot write {self._path}: {self._encoder.name} refused: {error}"
            ) from error


class _Disc:
    """The file that FFmpeg writes to; the first error freezes it.

    FFmpeg would go on after a full disc and write its closing index over what can still be
    played. So after an error nothing reaches the file, and FFmpeg is told that all is well.
    """

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self._position = 0
        self._error: OSError | None = None

    def check(self, path: Path) -> None:
        """Raise OutputError if any write failed so far."""
        if self._error is not None:
            raise unwritable(path, self._error) from self._error

    def write(self, content: bytes) -> int:
        view = memoryview(content)
        try:
            while view and self._error is None:
                view = view[self.file.write(view) :]
        except OSError as error:
            self._error = error
            with contextlib.suppress(OSError):  # a cut picture stops some players before the end
                self.file.truncate(end_of_whole_fragments(self.file))
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._error is None:
            self._position = self.file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position


def _first_available(encoders: Sequence[Encoder]) -> Encoder:
    for encoder in encoders:
        if encoder.name in av.codecs_available:
            if encoder is not encoders[0]:
                _log.warning("this FFmpeg has no %s; using %s", encoders[0].name, encoder.name)
            return encoder
    names = ", ".join(encoder.name for encoder in encoders)
    raise UnavailableError(f"this FFmpeg has none of {names}; run: pip install av")


def _fitted(image: ByteArray, size_wh: tuple[int, int]) -> ByteArray:
    """The picture on a canvas of this size; what is missing to even is its own edge."""
    height, width = image.shape[:2]
    if (width + width % 2, height + height % 2) != size_wh:
        scale = min(size_wh[0] / width, size_wh[1] / height)
        width, height = max(1, int(width * scale)), max(1, int(height * scale))
        image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
        right, below = size_wh[0] - width, size_wh[1] - height
        border, around = cv2.BORDER_CONSTANT, (below // 2, below - below // 2, right // 2)
        image = np.asarray(cv2.copyMakeBorder(image, *around, right - right // 2, border), np.uint8)
    elif (width, height) != size_wh:
        right, below = size_wh[0] - width, size_wh[1] - height
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8
        )
    return image
