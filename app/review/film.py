"""Pictures of a video or a folder at any time, for whoever scrubs through it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from typing_extensions import Self

from app.batch.manifest import read_manifest
from app.sources.decoding import Decoder
from app.sources.images import IMAGE_SUFFIXES, images_in_folder, images_matching, read_image
from pose.errors import InputError, PoseAppError
from pose.types import ByteArray

_READ_ON_S = 2.0  # forward jumps up to here are read through; longer ones are sought
_EARLY_S = 0.002  # stamps are rounded


class Film:
    """A video file, a picture, or a folder or pattern of pictures. One thread at a time.

    Args:
        text: What the results were made from, as `main.py video` takes it.

    Raises:
        InputError: It cannot be used.
    """

    def __init__(self, text: str) -> None:
        self._decoder: Decoder | None = None
        self._paths: list[Path] = []
        self._last: tuple[float, ByteArray] | None = None  # seconds from the start, picture
        self._coming: Iterator[tuple[float | None, ByteArray]] = iter(())
        path = Path(text)
        if path.is_dir():
            self._paths = images_in_folder(path)
        elif not path.exists():
            self._paths = images_matching(text)
        else:
            self._decoder = _decoder_of(path)
            if self._decoder is None:
                self._paths = [path]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._decoder is not None:
            self._decoder.__exit__()
            self._decoder = None

    @property
    def fps(self) -> float | None:
        """Frames per second that a video states."""
        return None if self._decoder is None else self._decoder.fps

    @property
    def length_s(self) -> float | None:
        """Length that a video states."""
        return None if self._decoder is None else self._decoder.stated_s

    def picture(self, index: int, time_s: float, file: str = "") -> ByteArray:
        """(H, W, 3) uint8 BGR of one frame.

        Args:
            index: Its position; counts for pictures whose name is not known.
            file: Name of the photograph, where the result knows it.
            time_s: Its time from the start; counts for videos: the first frame that is not
                earlier is shown, and the last one beyond the end.

        Raises:
            InputError: There is no such picture, or none can be decoded.
        """
        if self._decoder is None:
            if file:
                return read_image(self._path_of(index, file))
            if not 0 <= index < len(self._paths):
                raise InputError(f"expected a frame below {len(self._paths)}, got {index}")
            return read_image(self._paths[index])
        last_s = self._last[0] if self._last is not None else None
        if last_s is None or not last_s - _EARLY_S <= time_s <= last_s + _READ_ON_S:
            start_s = self._decoder.start_s or 0.0
            self._coming = self._decoder.after(start_s + time_s - _EARLY_S)
            self._last = None
        return self._read_on(time_s)

    def _path_of(self, index: int, file: str) -> Path:
        """The photograph at its place, or where others were added or taken away, by its name."""
        end = PurePath(file).parts  # `b/1.jpg` where several are called 1.jpg
        here = self._paths[index : index + 1]
        every = (*here, *self._paths)
        found = next((path for path in every if path.absolute().parts[-len(end) :] == end), None)
        if found is None:
            raise InputError(f"expected a photograph called {file}, found none; was it moved?")
        return found

    def _read_on(self, time_s: float) -> ByteArray:
        assert self._decoder is not None
        start_s = self._decoder.start_s or 0.0
        while self._last is None or self._last[0] < time_s - _EARLY_S:
            stamp_s, image = next(self._coming, (None, None))
            if image is None:
                break
            if stamp_s is not None:
                self._last = (stamp_s - start_s, image)
        if self._last is None:
            raise InputError(f"no picture can be decoded at {time_s:.2f} s; check the video")
        return self._last[1]


@dataclass(frozen=True, slots=True)
class FilmPlace:
    """Where the pictures of a result are.

    Attributes:
        text: What `Film` takes.
        annotated: Skeletons are drawn on it already.
        begins_s: Result time at which the film is at 0.
    """

    text: str
    annotated: bool
    begins_s: float = 0.0


def film_beside(result: Path, first_s: float) -> FilmPlace | None:
    """Find the pictures of a result file.

    What a batch made it from, by the manifest; else the clean or the annotated video beside it.

    Args:
        result: As `read_results` takes it.
        first_s: Time of its first frame; videos that we write begin there.
    """
    name = result.stem.removesuffix(".part")
    try:
        entries = read_manifest(result.parent)
    except PoseAppError:
        entries = []
    for entry in entries:
        if entry.name == name and (os.path.exists(entry.place) or glob.has_magic(entry.place)):
            return FilmPlace(entry.place, annotated=False)
    for video, annotated in ((f"{name}_clean", False), (name, True)):
        for suffix in (".mp4", ".part.mp4"):
            path = result.parent / f"{video}{suffix}"
            if path.exists():
                return FilmPlace(str(path), annotated, first_s)
    return None


def _decoder_of(path: Path) -> Decoder | None:
    """A decoder; None for a single picture, which is read in another way."""
    return None if path.suffix.lower() in IMAGE_SUFFIXES else Decoder(path)
