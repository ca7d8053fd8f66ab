"""What every source offers, and the table of sources.

A source gives the frames of one input in order. It knows nothing of people; it starts no thread.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from typing_extensions import Self

from app.sources.camera import is_camera, open_camera
from app.sources.csi import is_csi, open_csi
from app.sources.images import IMAGE_SUFFIXES, Images, images_in_folder, images_matching
from app.sources.part import Excerpt, Part
from app.sources.realtime import Realtime
from app.sources.rtsp import is_network, open_network
from app.sources.screen import is_screen, open_screen
from app.sources.video_file import VideoFile
from pose.errors import InputError
from pose.types import Frame


class Source(Protocol):
    """Frames of one input. Enter it, iterate once, leave it.

    Live sources also have `stop()`, which ends a waiting iteration from another thread.
    """

    @property
    def name(self) -> str:
        """What to call it, on one line, without secrets."""
        ...

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of the first frame; of every frame, unless these are separate pictures."""
        ...

    @property
    def fps(self) -> float | None:
        """Nominal rate, if there is one; the truth is in the frames' times."""
        ...

    @property
    def frame_count(self) -> int | None:
        """How many frames to expect, if that can be told; for progress only."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether frames come at their own pace, so that who is slow must drop some."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class SourceOptions:
    """What a user may ask of a source.

    Attributes:
        image_rate_hz: Of a film whose frames a folder or pattern holds; 0 for photographs.
        part: Which frames of a recorded film.
        camera_size_wh: Picture size to ask a camera for.
        camera_fps: Rate to ask a camera for.
    """

    image_rate_hz: float = 0.0
    part: Part = field(default_factory=Part)
    camera_size_wh: tuple[int, int] | None = None
    camera_fps: float | None = None


class Kind(NamedTuple):
    """One row of `KINDS`."""

    called: str
    fits: Callable[[str], bool]
    open: Callable[[str, SourceOptions], Source]


def _open_camera(text: str, options: SourceOptions) -> Source:
    return open_camera(text, options.camera_size_wh, options.camera_fps)


def _open_csi(text: str, options: SourceOptions) -> Source:
    return open_csi(text, options.camera_size_wh, options.camera_fps)


def _open_film(text: str, options: SourceOptions) -> Source:
    film = VideoFile(Path(text), options.part.start_s)
    return film if options.part.is_whole else Excerpt(film, options.part)


def _open_folder(text: str, options: SourceOptions) -> Source:
    return Images(images_in_folder(Path(text)), text, options.image_rate_hz, options.part)


def _open_image(text: str, options: SourceOptions) -> Source:
    return Images([Path(text)], Path(text).name, options.image_rate_hz, options.part)


def _open_pattern(text: str, options: SourceOptions) -> Source:
    return Images(images_matching(text), text, options.image_rate_hz, options.part)


# The first row that fits opens the source; what is not there at all fits none.
KINDS: tuple[Kind, ...] = (
    Kind("a camera (0)", is_camera, _open_camera),
    Kind("a Jetson's camera (csi://0)", is_csi, _open_csi),
    Kind("a stream (rtsp://…)", is_network, lambda text, _: open_network(text)),
    Kind("a screen (screen://)", is_screen, lambda text, _: open_screen(text)),
    Kind("a folder of pictures", os.path.isdir, _open_folder),
    Kind(
        "a picture",
        lambda text: os.path.exists(text) and Path(text).suffix.lower() in IMAGE_SUFFIXES,
        _open_image,
    ),
    Kind("a video file", os.path.exists, _open_film),
    Kind("a pattern ('shots/*.jpg')", glob.has_magic, _open_pattern),
)


def open_source(
    text: str, options: SourceOptions | None = None, *, realtime: bool = False
) -> Source:
    """Find out what a text names and make a source of it; enter it before use.

    Files are looked into at once; cameras and streams are opened on entering.

    Args:
        text: A camera, an address, a folder, a file or a pattern, as in `KINDS`.
        options: What to ask of the source.
        realtime: Play recorded frames at their own speed, as if they were live.

    Raises:
        InputError: Nothing fits, or what is there cannot be used.
    """
    for kind in KINDS:
        if text.strip() and kind.fits(text):
            source = kind.open(text, options or SourceOptions())
            return Realtime(source) if realtime and not source.is_live else source
    refused = _refused(text)
    if refused:
        raise InputError(
            f"{text}: cannot be looked at: {refused}; check the path, and the rights of its folders"
        )
    known = ", ".join(kind.called for kind in KINDS)
    called = text if text.strip() else "an empty name"
    raise InputError(f"{called}: nothing is there; expected {known}; check the path")


def _refused(text: str) -> str:
    """Why the system does not even say whether a file is there; empty where it does."""
    try:
        os.stat(text)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""
