"""One pass over the pictures of a video file, packet by packet, stepping over damage.

One bad packet costs its own picture, not the rest of the film: a loop that ends at the first
error finds 2 of 119 pictures in an H.264 file with 300 damaged bytes. Knows nothing of frames
in order or of times that only go forward; that is `app.sources.video_file`'s. The GPU decodes
where it can.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from typing_extensions import Self

from app.sources.upright import Upright
from pose.errors import InputError
from pose.types import ByteArray

_log = logging.getLogger(__name__)

# What PyAV raises on bad bytes; UnicodeDecodeError (a ValueError) escapes `av.open` too.
DAMAGE = (av.FFmpegError, OSError, ValueError)

# Titles in no known encoding are no reason to refuse a film; PyAV 19 needs not be told.
ODD_NAMES: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)

# Reading is tried again after an error, but not for ever: a broken disk gives nothing but errors.
_MAX_READ_FAILURES = 100

# How much before a time to look for a key frame, as long as those found lie behind it.
_BACK_S = (0.0, 3.0, 15.0)
_LONG_AGO_S = -1e6

# A stated rate beyond this is the tick of a clock.
_MOST_FPS = 1000

# FFmpeg draws any text or bytes as a film of letters if the name ends in .txt or .bin.
_TEXT_ART = frozenset({"tty", "bin", "xbin", "adf", "idf"})

# Formats that state when they end, and not how long they are.
_END_FOR_LENGTH = frozenset({"matroska,webm", "flv"})


Picture = tuple[float | None, ByteArray]  # stored time in seconds, if there is one


class Decoder:
    """Opens a video file; iterate once over (stored time in seconds or None, picture).

    Args:
        path: A regular file.
        threaded: Decode on all cores; half the time, but libavcodec then loses the pictures that
            other threads hold when an error comes up at the very end.
        accelerator: The GPU that decodes; None for the CPU. Where it refuses, one line says so
            and the CPU does it.

    Attributes:
        fps: Average rate that the file states, or None.
        start_s: Stored time at which a player's clock reads zero, or None.
        stated_s: Length that the file states, or None.
        stated_frames: Number of pictures that the file states or that follows from it, or None.
        packets: Packets read so far that ought to give a picture.
        pictures: Pictures decoded so far.
        passed: Pictures decoded and left out so far, because they are too early.
        damaged: Packets and pictures left out so far because of errors.
        corrupt: Pictures so far that were decoded, but with errors in them.
        on_gpu: Whether the GPU decodes.

    Raises:
        InputError: Not a video, or nothing that FFmpeg knows how to decode.
    """

    def __init__(
        self, path: Path, threaded: bool = True, accelerator: HWAccel | None = None
    ) -> None:
        self.packets = self.pictures = self.passed = self.damaged = self.corrupt = 0
        self._container = _open_container(path, accelerator)
        try:
            self._stream = _video_stream(self._container, path)
        except InputError:
            self._container.close()
            raise
        self.on_gpu = self._stream.codec_context.is_hwaccel
        self._stream.thread_type = "AUTO" if threaded and not self.on_gpu else "NONE"
        self._upright = Upright()
        rate = self._stream.average_rate or self._stream.guessed_rate
        start = self._container.start_time
        self.fps = float(rate) if rate and rate <= _MOST_FPS else None
        self.start_s = None if start is None else start / av.time_base
        self.stated_s = _stated_seconds(self._container, self._stream)
        self.stated_frames = self._stream.frames or None
        if self.stated_frames is None and self.stated_s and self.fps:
            self.stated_frames = round(self.stated_s * self.fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Picture]:
        return self._converted(None)

    def after(self, time_s: float) -> Iterator[Picture]:
        """All from the first picture on that is later than a stored time; none without an index.

        Counts begin anew.

        Decoded from a key frame before. FFmpeg may land behind what was asked for: it searches by
        the time of decoding, and in formats without an index (MPEG-TS) by guessing. So only a
        picture that was passed over proves that none is missing.
        """
        before = ((time_s - back_s, False) for back_s in _BACK_S)
        # At last all there is: MPEG-TS finds its start from long before it, FLV only where it is.
        tries = [*before, (_LONG_AGO_S, True), (self.start_s or 0.0, True)]
        for place_s, is_last in tries:
            pictures = self._sought(place_s, time_s)
            first = next(pictures, None)
            if first is not None and (self.passed or is_last):
                yield first
                yield from pictures
                return
            if first is None and self.passed:  # nothing is later
                return

    def _sought(self, place_s: float, time_s: float) -> Iterator[Picture]:
        self.packets = self.pictures = self.passed = self.damaged = self.corrupt = 0
        if self._stream.time_base is None:
            return
        try:
            self._container.seek(round(place_s / self._stream.time_base), stream=self._stream)
        except DAMAGE:  # a format without a way to seek, or there
            return
        yield from self._converted(time_s)

    def _converted(self, after_s: float | None) -> Iterator[Picture]:
        time_base = self._stream.time_base
        for decoded in self._decoded():
            stamp_s = None
            if decoded.pts is not None and time_base is not None:
                stamp_s = float(decoded.pts * time_base)
            if after_s is not None and (stamp_s is None or stamp_s <= after_s):
                self.passed += 1
                continue
            after_s = None  # where a clock starts again nothing more is left out
            try:
                image = self._upright(decoded, self._stream.sample_aspect_ratio)
            except DAMAGE:
                self.damaged += 1
                continue
            self.pictures += 1
            self.corrupt += bool(decoded.is_corrupt)
            yield stamp_s, image

    def _decoded(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            self.packets += packet is not None and not packet.is_discard
            try:
                frames = self._stream.decode(packet)
            except EOFError:  # flushed before
                return
            except DAMAGE:
                self.damaged += 1
                continue
            yield from frames

    def _packets(self) -> Iterator[av.Packet[VideoStream] | None]:
        """The stream's packets, then None: give out what you hold."""
        failures = 0
        while failures < _MAX_READ_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size:
                        failures = 0
                        yield packet
                break
            except IndexError:  # PyAV, at the end, if damage looked like one more stream
                break
            except DAMAGE:
                failures += 1
                self.damaged += 1
        yield None


def _open_container(path: Path, accelerator: HWAccel | None) -> InputContainer:
    if accelerator is not None:
        try:
            return _opened(path, accelerator)
        except (*DAMAGE, RuntimeError, NotImplementedError) as error:
            container = _open_container(path, None)  # what is wrong with the file is told there
            _log.warning("%s: the GPU does not decode it (%s); the CPU does", path, _reason(error))
            return container
    try:
        return _opened(path, None)
    except DAMAGE as error:
        if _lacks_index(path):
            raise InputError(
                f"{path}: expected a finished mp4, got one without an index (moov): its recording "
                "was cut off; mend it with a tool such as untrunc, or record again"
            ) from error
        raise InputError(
            f"{path}: expected a video, got something that FFmpeg cannot read "
            f"({_reason(error)}); check the file with a player"
        ) from error


def _opened(path: Path, accelerator: HWAccel | None) -> InputContainer:
    # `file:` keeps names such as `a:b.mp4` from being read as protocols; the list keeps play lists
    # in disguise from opening anything that is not a file.
    container: InputContainer = av.open(
        f"file:{path}",
        options={"protocol_whitelist": "file"},
        hwaccel=accelerator,
        **ODD_NAMES,
    )
    return container


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError | av.FFmpegError) else str(error)
    return (text or type(error).__name__).lower()


def _lacks_index(path: Path) -> bool:
    """Whether this is an mp4 whose boxes, as far as they can be walked, hold no `moov`."""
    try:
        with path.open("rb") as file:
            kinds = list(_box_kinds(file))
    except OSError:
        return False
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def _box_kinds(file: BinaryIO) -> Iterator[bytes]:
    """Kinds of the outermost boxes of an mp4 (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while len(head := file.read(16)) >= 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        yield kind
        if size == 1:  # a 64-bit size follows
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: up to the end of the file; else damage
            return
        position += size
        file.seek(position)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if container.format.name in _TEXT_ART:
        raise InputError(f"{path}: expected a video, got text or bytes; give a video")
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic  # the cover of a song
    ]
    if not moving:
        got = "sound only" if container.streams.audio else "neither pictures nor sound"
        raise InputError(f"{path}: expected a video, got {got}; give a file that has pictures")
    best = container.streams.best("video")
    stream = next((each for each in moving if each is best), moving[0])
    if stream.codec_context is None:
        raise InputError(f"{path}: expected a video in a known format, got one that FFmpeg lacks")
    return stream


def _stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.audio:  # sound may go on after the pictures
        counts_from_zero = container.format.name in _END_FOR_LENGTH
        before = max(0, container.start_time or 0) if counts_from_zero else 0
        return (container.duration - before) / av.time_base
    return None
