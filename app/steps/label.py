"""The little signs of a drawing: which id a person has, how a keypoint is called."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from app.steps.palette import RIM, Colour, id_colour, shades
from pose.types import ByteArray, FloatArray


def draw_label(
    canvas: ByteArray, xyxy: FloatArray, text: str, identity: int, person_size: float
) -> None:
    """Put a label in the id's colour above the box, or as near as the frame allows."""
    height, width = canvas.shape[:2]
    largest = max(12.0, 0.026 * min(height, width))
    label, opacity = _label(text, identity, round(float(np.clip(0.08 * person_size, 11, largest))))
    high, wide = label.shape[:2]
    if high > height or wide > width:
        return
    x = int(np.clip((xyxy[0] + xyxy[2]) / 2 - wide / 2, 0, width - wide))
    y = int(np.clip(xyxy[1] - high, 0, height - high))
    below = canvas[y : y + high, x : x + wide]
    below[:] = (label * opacity + below * (1 - opacity)).astype(np.uint8)


def draw_name(canvas: ByteArray, at: FloatArray, name: str, line_width: float) -> None:
    """Write a keypoint's name to the right of it, light on a dark rim."""
    scale = float(np.clip(0.11 * line_width, 0.34, 0.6))
    place = (round(float(at[0]) + 1.2 * line_width + 2), round(float(at[1]) + 4 * scale))
    words = name.replace("_", " ")
    for colour, thickness in ((RIM, 3), ((255, 255, 255), 1)):
        cv2.putText(
            canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA
        )


@lru_cache(maxsize=1024)
def _label(text: str, identity: int, text_height: int) -> tuple[FloatArray, FloatArray]:
    """Dark letters on an id's colour: (h, w, 3) float32 BGR and (h, w, 1) opacity, 0 to 1.

    Drawn once for each text at four times the size: text is the slowest thing to draw.
    """
    fine = 4
    font = cv2.FONT_HERSHEY_DUPLEX
    scale = text_height * fine / 30
    (wide, high), _ = cv2.getTextSize(text, font, scale, round(1.5 * scale))
    margin, rim = round(0.32 * high), fine
    height = high + 2 * margin + 2 * rim
    width = max(height, wide + 2 * margin + height // 3)
    image = np.full((height, width, 3), RIM, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    _pill(mask, 0, (255, 255, 255))
    _pill(image, rim, shades(id_colour(identity))[1])
    at = ((width - wide) // 2, (height + high) // 2)
    cv2.putText(image, text, at, font, scale, RIM, round(1.5 * scale), cv2.LINE_AA)
    small = (max(1, width // fine), max(1, height // fine))
    label = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    opacity = np.asarray(cv2.resize(mask, small, interpolation=cv2.INTER_AREA), np.float32)
    opacity = np.multiply(opacity[..., None], 1 / 255, dtype=np.float32)
    return np.asarray(label, np.float32), opacity


def _pill(canvas: ByteArray, inset: int, colour: Colour) -> None:
    """Fill the canvas with a lying capsule."""
    height, width = canvas.shape[:2]
    radius = (height - 1) // 2
    for x in (radius, width - 1 - radius):
        cv2.circle(canvas, (x, radius), radius - inset, colour, -1, cv2.LINE_AA)
    inner = ((radius, inset), (width - 1 - radius, 2 * radius - inset))
    cv2.rectangle(canvas, *inner, colour, -1)
