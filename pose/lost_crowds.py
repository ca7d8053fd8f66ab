"""Crowds that an export of COCO made people of.

COCO labels at most thirteen or fourteen people of a photograph one by one and puts one box, marked
`iscrowd`, around all the others; it stands last. Exports to formats that know no such mark leave
the box and drop the mark, and then the largest "people" of a file are groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose.types import FloatArray

# COCO takes people apart up to here, and a person seldom stands before five others. By eye every
# one of 10 + 90 such boxes of the sample data is a crowd.
_AT_LEAST = 13
_OTHERS = 5


def lost_crowds(xyxy: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which of a photograph's boxes is a crowd's that lost its mark.

    Args:
        xyxy: (N, 4) all boxes of one photograph, in the order of the file.

    Returns:
        (N,) bool; at most the last one.
    """
    crowd = np.zeros(len(xyxy), np.bool_)
    if len(xyxy) >= _AT_LEAST:
        low, high = xyxy[-1, :2], xyxy[-1, 2:]
        middles = (xyxy[:-1, :2] + xyxy[:-1, 2:]) / 2
        inside = ((middles > low) & (middles < high)).all(axis=1)
        crowd[-1] = inside.sum() >= _OTHERS
    return crowd
