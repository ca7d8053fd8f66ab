"""A decoded picture as a player shows it: turned upright, never squashed, in one size.

Knows pictures only, not where they come from.
"""

from __future__ import annotations

import math
from fractions import Fraction

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.reformatter import VideoReformatter

from pose.types import ByteArray

# A stored pixel shape beyond this is damage, not a lens; scaling by it would fill the memory.
_MAX_STRETCH = 8


class Upright:
    """Turns decoded frames into upright BGR pictures.

    One object for a whole stream: PyAV keeps one scaler per `VideoFrame` otherwise.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._matrix: bytes | None = None

    def __call__(self, decoded: av.VideoFrame, pixel_aspect: Fraction | None) -> ByteArray:
        """Convert one frame of any size, depth and colour layout.

        Args:
            decoded: The frame; its display matrix is applied.
            pixel_aspect: Width / height of one stored pixel; None for square.

        Returns:
            (H, W, 3) uint8, BGR, contiguous.

        Raises:
            av.FFmpegError, ValueError: FFmpeg cannot convert this frame.
        """
        width, height = display_size((decoded.width, decoded.height), pixel_aspect)
        scaled = self._reformatter.reformat(decoded, width=width, height=height, format="bgr24")
        image = np.asarray(scaled.to_ndarray(), np.uint8)
        matrix = self._display_matrix(decoded)
        return np.ascontiguousarray(image if matrix is None else oriented(image, matrix))

    def _display_matrix(self, decoded: av.VideoFrame) -> bytes | None:
        # Read only when it changes: asking for side data ties the frame into a cycle that keeps
        # its memory until the garbage collector comes by.
        rotation = decoded.rotation
        if self._rotation != rotation:
            try:
                matrix = decoded.side_data.get("DISPLAYMATRIX")
                self._matrix = bytes(matrix) if isinstance(matrix, SideData) else None
            except ValueError:  # beside it lies what this PyAV has no name for, such as EXIF
                self._matrix = rotated(rotation)
            self._rotation = rotation
        return self._matrix


def display_size(size_wh: tuple[int, int], pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Size in square pixels; the shorter side of a pixel grows, so no detail is lost (as in mpv).

    Args:
        size_wh: Stored size in pixels.
        pixel_aspect: Width / height of one stored pixel; None or nonsense counts as square.
    """
    width, height = size_wh
    if pixel_aspect is None or not Fraction(1, _MAX_STRETCH) <= pixel_aspect <= _MAX_STRETCH:
        return size_wh
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def rotated(degrees: int) -> bytes:
    """The display matrix of a picture that is only turned.

    Args:
        degrees: Counterclockwise, to show it, as `VideoFrame.rotation` has it.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    fixed = np.array([cos, -sin, 0, sin, cos, 0, 0, 0, 1 << 14]) * (1 << 16)
    return fixed.round().astype(np.int32).tobytes()


def oriented(image: ByteArray, display_matrix: bytes) -> ByteArray:
    """Apply a display matrix, rounded to the nearest of the eight right-angled orientations.

    `VideoFrame.rotation` is not enough: it calls a mirrored picture rotated by 180 degrees.

    Args:
        image: (H, W, 3) picture as stored.
        display_matrix: Nine int32, a b u c d v x y w of the track header of ISO/IEC 14496-12:
            x' = a x + c y, y' = b x + d y.
    """
    a, b, _, c, d = (int(value) for value in np.frombuffer(display_matrix, np.int32, count=5))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        image = np.asarray(cv2.transpose(image), np.uint8)
        across, down = c, b
    if across < 0:
        image = image[:, ::-1]
    if down < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def fitted(image: ByteArray, size_wh: tuple[int, int]) -> ByteArray:
    """Put a picture into a canvas of one size: scaled as a whole, centred, black beside it.

    Sources whose pictures change size on the way stay in one coordinate system by this.

    Args:
        image: (H, W, 3).
        size_wh: Wanted size; an image that has it is answered as it is.
    """
    width, height = size_wh
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner_w = max(1, round(image.shape[1] * scale))
    inner_h = max(1, round(image.shape[0] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner_h, left : left + inner_w] = cv2.resize(
        image, (inner_w, inner_h), interpolation=interpolation
    )
    return canvas
