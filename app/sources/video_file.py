"""Frames of a video file: true times, upright, one size, and as many as can be decoded.

Knows files only; streams that are still being made are `app.sources.rtsp`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from typing_extensions import Self

from app.sources.decoding import Decoder, Picture
from app.sources.gpu_decoding import accelerator
from app.sources.timeline import Timeline
from app.sources.upright import fitted
from pose.errors import InputError
from pose.types import Frame

_log = logging.getLogger(__name__)

_USUAL_FPS = 25.0
# A file that stops this much before its stated end was cut off.
_CUT_OFF_S = 0.5
# Pictures that begin later than this after the file's clock have a damaged stamp.
_LATEST_S = 3600.0


class VideoFile:
    """One video file as a source.

    It is looked into at once, so that a wrong file is named before anything else starts. Pictures
    whose size changes on the way are fitted into the first one's. Damage is stepped over, counted,
    and told in one warning at the end.

    Args:
        path: The file.
        begin_s: Frames before this time may be left out; those that are cost next to nothing. The
            number of the first frame then follows from its time and the stated rate.

    Attributes:
        name: The file's name.
        size_wh: Size of every frame, upright, in square pixels.
        fps: Average rate that the file states; None where it states none. Nominal: times come
            from the file's timestamps.
        frame_count: Number of frames that the file states; files lie, so for progress only.
        is_live: False.
        damaged: Packets left out so far because they could not be decoded.
        corrupt: Frames given so far that were decoded, but with errors in the picture.

    Raises:
        InputError: The file is missing, unreadable, not a video, has no picture that can be
            decoded, or ends before it shall begin.
    """

    is_live = False

    def __init__(self, path: Path, begin_s: float = 0.0) -> None:
        check_readable(path)
        self.name = path.name
        self.damaged = self.corrupt = 0
        self._path, self._begin_s = path, begin_s
        self._decoder: Decoder | None = None
        with Decoder(path) as decoder:
            self.fps = decoder.fps
            self.frame_count = decoder.stated_frames
            stamp_s, image = next(iter(decoder), (None, None))
            late_s = (stamp_s or 0.0) - (decoder.start_s or 0.0)
            self._late_s = late_s if 0 <= late_s <= _LATEST_S else 0.0  # sound begins before
            length_s = decoder.stated_s
        if image is None:
            raise InputError(
                f"{path}: expected a video, got one in which no picture can be decoded; "
                "check the file with a player"
            )
        if begin_s and length_s and begin_s >= self._late_s + length_s:
            raise InputError(
                f"{path}: expected to begin before its end at {self._late_s + length_s:.1f} s, "
                f"got {begin_s:g} s"
            )
        self.size_wh = (image.shape[1], image.shape[0])

    def __enter__(self) -> Self:
        self.damaged = self.corrupt = 0
        self._decoder = Decoder(self._path, accelerator=accelerator())
        return self

    def __exit__(self, *exc: object) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.__exit__()

    def __iter__(self) -> Iterator[Frame]:
        if self._decoder is None:
            raise RuntimeError("a VideoFile is read inside its `with` block")
        step_s = 1.0 / (self.fps or _USUAL_FPS)
        given, begin_s = self._begun(self._decoder, step_s)
        decoder = self._decoder
        start_s = decoder.start_s or 0.0 if begin_s else decoder.start_s
        timeline = Timeline(start_s, step_s, begin_s)
        index, time_s, count = -1, 0.0, 0
        try:
            for stamp_s, image in self._pictures(decoder, given):
                time_s = timeline(stamp_s)
                first = begin_s and not count
                index = round((time_s - self._late_s) / step_s) if first else index + 1
                count += 1
                self.damaged, self.corrupt = decoder.damaged, decoder.corrupt
                yield Frame(index, time_s, fitted(image, self.size_wh))
        finally:  # also where nobody wants the rest
            self.damaged = decoder.damaged
            self._tell_damage(count, timeline.mended)
        if decoder.stated_s and decoder.stated_s - time_s - step_s > _CUT_OFF_S:
            _log.warning(
                "%s ends after %.1f s of %.1f s: it was cut off; its %d frames were used",
                *(self._path, time_s + step_s, decoder.stated_s, count),
            )

    def _begun(self, decoder: Decoder, step_s: float) -> tuple[Iterator[Picture], float]:
        """The pictures from where to begin, and that time; all, and 0, of a file without an index.

        Nothing but a key frame can be jumped to; what lies between it and the time is not given.
        """
        if self._begin_s:
            given = decoder.after((decoder.start_s or 0.0) + self._begin_s - step_s / 2)
            first = next(given, None)
            if first is not None:
                return chain([first], given), self._begin_s
            decoder.__exit__()
            self._decoder = decoder = Decoder(self._path)
        return iter(decoder), 0.0

    def _pictures(self, decoder: Decoder, given: Iterator[Picture]) -> Iterator[Picture]:
        """What is given; the last ones from a second decoder if the first one lost them."""
        last_s = None
        for last_s, image in given:
            yield last_s, image
        if decoder.on_gpu and not decoder.pictures:
            _log.warning("%s: the GPU decodes no picture of it; the CPU does", self._path)
            with Decoder(self._path) as other:
                yield from other
        elif last_s is not None and decoder.pictures + decoder.passed < decoder.packets:
            with Decoder(self._path, threaded=False) as again:
                yield from again.after(last_s)

    def _tell_damage(self, frames: int, mended: int) -> None:
        if self.damaged or self.corrupt:
            _log.warning(
                "%s is damaged: %d packets could not be decoded, %d of %d frames show errors",
                *(self._path, self.damaged, self.corrupt, frames),
            )
        if mended:
            _log.warning(
                "%s: %d timestamps were missing, went backwards or far ahead, and were mended",
                *(self._path, mended),
            )


def check_readable(path: Path) -> None:
    """Refuse what is not a regular file with something in it.

    Raises:
        InputError: Nothing is there, it is a pipe, socket or device, it is empty, or it may not
            be read.
    """
    try:
        if not path.is_file():
            got = "something else (a pipe, a socket or a device)" if path.exists() else "nothing"
            raise InputError(f"{path}: expected a file, got {got}; check the path")
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path}: expected a video or picture, got an empty file")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check its rights") from error
    except ValueError as error:  # a null character in the name
        raise InputError(f"{path!r}: expected a path, got {error}") from error
