"""Scene cuts: whether a frame shows another scene than the frame before.

Whoever stands after a cut where somebody stood before it is not the same person.
"""

from __future__ import annotations

import numpy as np

from pose.types import ByteArray, FloatArray

_SAMPLES = 64  # pixels looked at along each side of a frame
_CELLS = 16  # along each side of the picture they are averaged to
_SAME_SCENE = 0.3  # correlation; a moving camera keeps above, unrelated pictures lie around 0
_FLAT = 2.0  # grey levels of deviation; a black or white frame resembles nothing


class CutDetector:
    """Compares each frame with the one before by the correlation of small grey pictures.

    Correlation does not mind light that is switched on or fades. A flat frame (black, covered
    lens) is no cut by itself: the frame after it is compared with the last one that shows
    something.
    """

    def __init__(self) -> None:
        self._before: FloatArray | None = None

    def __call__(self, image: ByteArray) -> bool:
        """Say whether a cut lies right before this frame.

        Args:
            image: (H, W, 3) uint8 BGR.
        """
        thumb = _thumb(image)
        deviation = thumb.std()
        if deviation < _FLAT:
            return False
        thumb = (thumb - thumb.mean()) / deviation
        before, self._before = self._before, thumb
        return before is not None and float((thumb * before).mean()) < _SAME_SCENE


def _thumb(image: ByteArray) -> FloatArray:
    """(16, 16) float32 grey levels from a few thousand pixels, however large the frame is."""
    places = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    rows = (places * image.shape[0]).astype(np.int64)
    columns = (places * image.shape[1]).astype(np.int64)
    samples = image[rows[:, None], columns]  # (64, 64, 3)
    side = _SAMPLES // _CELLS
    thumb: FloatArray = samples.reshape(_CELLS, side, _CELLS, side, 3).mean(
        axis=(1, 3, 4), dtype=np.float32
    )
    return thumb
