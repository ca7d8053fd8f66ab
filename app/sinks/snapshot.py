"""Single pictures of what is shown, saved under names that do not repeat."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from app.sinks.part_file import part_path, write_whole
from pose.errors import OutputError, UsageError
from pose.types import ByteArray, Scene


def save_snapshot(
    scene: Scene, folder: Path, now: time.struct_time, clean_allowed: bool = True
) -> Path:
    """Save a scene as it is shown; answers the new file.

    Args:
        scene: Its drawing is saved, or its frame where nobody drew.
        folder: Where to; made where it is missing.
        now: Local time, for the name.
        clean_allowed: Whether a frame may be saved as the camera saw it.

    Raises:
        UsageError: There is no drawing, and privacy forbids the frame.
        OutputError: The place or the disc cannot be written.
    """
    if scene.drawing is None and not clean_allowed:
        raise UsageError("privacy is on, and this picture shows faces; it was not saved")
    path = folder / f"{unused_name(folder, now, lambda name: [folder / f'{name}.png'])}.png"
    write_png(path, scene.frame.image if scene.drawing is None else scene.drawing)
    return path


def unused_name(folder: Path, now: time.struct_time, paths: Callable[[str], list[Path]]) -> str:
    """A name by date and time, none of whose files is there yet: `people_2026-05-01_18-30-00`."""
    name = time.strftime("people_%Y-%m-%d_%H-%M-%S", now)
    tries = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    for each in tries:
        if not any(one.exists() for path in paths(each) for one in (path, part_path(path))):
            return each
    raise OutputError(f"{folder}: there are a thousand files called {name} already; tidy up")


def write_png(path: Path, image: ByteArray) -> None:
    """Save a picture (H, W, 3) uint8 BGR; it appears complete or not at all.

    Raises:
        OutputError: The place or the disc cannot be written.
    """
    write_whole(path, np.asarray(cv2.imencode(".png", image)[1]).tobytes())
