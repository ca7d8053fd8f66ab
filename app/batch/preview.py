"""What an input looks like before anybody works on it: a small picture and its length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.batch.annotate import open_recorded
from app.sources.decoding import Decoder
from app.sources.video_file import VideoFile
from pose.errors import InputError
from pose.types import ByteArray

_INTO_IT = 0.2  # of the length: films begin black


@dataclass(frozen=True, eq=False)
class Preview:
    """An input at a glance.

    Attributes:
        image: (h, w, 3) uint8 BGR, fitted into what was asked for.
        frames: How many, if it says so.
        seconds: How long, if it says so.
        size_wh: Of its pictures.
    """

    image: ByteArray
    frames: int | None
    seconds: float | None
    size_wh: tuple[int, int]


def preview(text: str, fit_wh: tuple[int, int]) -> Preview:
    """Look into an input.

    Args:
        text: A video, a picture, a folder or a pattern.
        fit_wh: The picture's largest size.

    Raises:
        PoseAppError: It cannot be used.
    """
    source = open_recorded(text)
    image = None
    if isinstance(source, VideoFile):
        image = _from_within(Path(text))
    if image is None:
        with source:
            image = next((frame.image for frame in source), None)
    if image is None:
        raise InputError(f"{text}: no picture can be decoded; check it with a player")
    seconds = source.frame_count / source.fps if source.frame_count and source.fps else None
    height, width = image.shape[:2]
    scale = min(fit_wh[0] / width, fit_wh[1] / height)
    small_wh = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return Preview(small, source.frame_count, seconds, source.size_wh)


def _from_within(path: Path) -> ByteArray | None:
    """A picture from some way into a video; None if the file cannot be sought."""
    with Decoder(path, threaded=False) as decoder:
        if not decoder.stated_s:
            return None
        after_s = (decoder.start_s or 0.0) + _INTO_IT * decoder.stated_s
        return next((image for _, image in decoder.after(after_s)), None)
