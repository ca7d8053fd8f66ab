"""Pictures as frames: one file, a folder, or a pattern, in the order a person would count them.

They are photographs, each of its own, unless somebody says that they are a film at some rate.

Each picture keeps its own size. EXIF orientation is applied, so that people stand upright. One that
cannot be read is left out and named: it costs itself, not the others.
"""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from typing_extensions import Self

from app.sources.part import Choice, Part, no_frames
from app.sources.quiet import quiet_opencv
from app.sources.video_file import check_readable
from pose.errors import InputError
from pose.types import ByteArray, Frame

_log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    ".bmp .jfif .jp2 .jpe .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split()
) | ({".avif"} if cv2.haveImageWriter("a.avif") else set())


class Images:
    """Picture files as a source.

    Args:
        paths: At least one picture, in order.
        name: What to call them together.
        rate_hz: Of a film whose frames these are; 0 for photographs, which pass one a second.
        part: Which frames of that film; the others are not read.

    Attributes:
        name: As given.
        size_wh: Size of the first picture that can be read; the others may differ.
        fps: As `rate_hz`, 1 for photographs; the part's rate where that is less.
        frame_count: Number of pictures, also of those that will be left out.
        is_live: False.

    Raises:
        InputError: No picture can be read, and why the first cannot; or the part holds none.
    """

    is_live = False

    def __init__(
        self, paths: Sequence[Path], name: str, rate_hz: float = 0.0, part: Part | None = None
    ) -> None:
        self.name = name
        self._step_s = 1.0 / (rate_hz or 1.0)
        self._alone = not rate_hz
        self._chosen = list(enumerate(paths))
        self.fps: float | None = rate_hz or 1.0
        if part is not None and rate_hz:
            belongs = Choice(part)
            self._chosen = [each for each in self._chosen if belongs(each[0] * self._step_s)]
            self.fps = min(rate_hz, part.rate_hz or rate_hz)
        if not self._chosen:
            raise no_frames(name, part or Part())
        self.frame_count: int | None = len(self._chosen)
        self._names = _told_apart(paths)
        height, width = self._first().shape[:2]
        self.size_wh = (width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing stays open between two pictures."""

    def __iter__(self) -> Iterator[Frame]:
        for index, path in self._chosen:
            try:
                image = read_image(path)
            except InputError as error:
                _log.warning("%s; it was left out", error)
                continue
            yield Frame(index, index * self._step_s, image, self._names[index], self._alone)

    def _first(self) -> ByteArray:
        """The first picture that can be read."""
        refused: InputError | None = None
        for _, path in self._chosen:
            try:
                return read_image(path)
            except InputError as error:
                refused = refused or error
        assert refused is not None
        raise refused


def read_image(path: Path) -> ByteArray:
    """Read one picture.

    Returns:
        (H, W, 3) uint8, BGR, turned as its EXIF orientation says; 16 bits become 8, gray becomes
        colour, transparency is left out.

    Raises:
        InputError: It is not there, or not a picture that OpenCV can read.
    """
    check_readable(path)
    try:
        stored = np.frombuffer(path.read_bytes(), np.uint8)
        with quiet_opencv():
            image = cv2.imdecode(stored, cv2.IMREAD_COLOR)  # unlike imread, it takes any file name
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the disk") from error
    except cv2.error as error:  # for one: more pixels than OpenCV allows
        raise InputError(f"{path}: expected a picture, OpenCV says: {error.err}") from error
    if image is None:
        raise InputError(
            f"{path}: expected a picture, got something that OpenCV cannot read; "
            "check it with a viewer or take it out"
        )
    return np.asarray(image, np.uint8)


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """Their names; where some are called the same, all with what their folders differ in."""
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return names
    whole = [os.path.abspath(path) for path in paths]
    shared = os.path.commonpath([os.path.dirname(each) for each in whole])
    return [Path(os.path.relpath(each, shared)).as_posix() for each in whole]


def images_in_folder(folder: Path) -> list[Path]:
    """The pictures directly in a folder, in natural order; InputError if there are none."""
    try:
        found = [path for path in folder.iterdir() if _is_image(path)]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror}") from error
    if not found:
        raise InputError(
            f"{folder}: expected a folder with pictures ({_suffix_list()}), found none in it; "
            "give another folder, or the files themselves"
        )
    return sorted(found, key=natural_key)


def images_matching(pattern: str) -> list[Path]:
    """The pictures that a shell pattern stands for, in natural order; InputError if none."""
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]
    found = [path for path in matches if _is_image(path)]
    if not found:
        raise InputError(
            f"{pattern}: expected a pattern for pictures ({_suffix_list()}), it fits "
            f"{len(matches)} files and no picture; check the path"
        )
    return sorted(found, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sort key that counts: `shot2` before `shot10`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _is_image(path: Path) -> bool:
    hidden = path.name.startswith(".")  # such as `._shot1.jpg`, which macOS leaves on shared disks
    return path.suffix.lower() in IMAGE_SUFFIXES and not hidden and not path.is_dir()


def _suffix_list() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES))
