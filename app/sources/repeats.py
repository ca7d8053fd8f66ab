"""Notices a device that gives its last picture for ever. Knows pictures and times only."""

from __future__ import annotations

import zlib

from pose.types import ByteArray

# A frozen driver repeats its picture at full rate; fewer repeats are a consumer that took long.
_FROZEN_PICTURES = 5


class Repeats:
    """Measures for how long a device has given one and the same picture.

    A sensor's noise makes every live picture different; a driver that lost its device may repeat
    the last one for ever (opencv#14044). A covered lens can give the same black each time, too:
    a picture that a freshly opened device shows again is therefore a real one.
    """

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._still: int | None = None
        self._since_s, self._count = 0.0, 0

    def seconds(self, image: ByteArray, now_s: float) -> float:
        """For how long there was nothing but this picture; 0 while it may be real."""
        checksum = _checksum(image)
        if checksum != self._checksum:
            self._checksum, self._since_s, self._count = checksum, now_s, 0
        if checksum != self._still:
            self._still = None
        self._count += 1
        trusted = self._still is not None or self._count < _FROZEN_PICTURES
        return 0.0 if trusted else now_s - self._since_s

    def reopened_with(self, image: ByteArray) -> None:
        """The first picture of a new link: if it is the frozen one again, it is real."""
        checksum = _checksum(image)
        self._still = checksum if checksum == self._checksum else None
        self._checksum = None


def _checksum(image: ByteArray) -> int:
    return zlib.crc32(image[::4].tobytes())  # a quarter of the rows will do: noise is everywhere
