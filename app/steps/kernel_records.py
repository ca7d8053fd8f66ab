"""What the host tells the GPU's kernels: the twins of the structs in engines/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from app.steps.estimate import MIN_SCORE, first_plus_last
from pose.card import ModelCard
from pose.types import Boxes, Frame

# As pose_kernels.h has them, field by field.
DECODERS: Mapping[str, int] = {"heatmap_quarter": 0, "heatmap_cpn": 1, "heatmap_dark": 2}
CPN_KERNEL, DARK_KERNEL, THREADS = 21, 11, 128
NETWORK = np.dtype(
    [
        ("crop_wh", "<i4", 2), ("map_wh", "<i4", 2), ("keypoints", "<i4"), ("decoder", "<i4"),
        ("rgb", "<i4"), ("mirror_sum", "<i4"), ("mean", "<f4", 3), ("scale", "<f4", 3),
        ("peak", "<f4"), ("min_score", "<f4"),
        ("cpn_taps", "<f4", CPN_KERNEL), ("dark_taps", "<f4", DARK_KERNEL),
    ]
)  # fmt: skip
CROP = np.dtype(
    [
        ("frame", "<i8"), ("size_wh", "<i4", 2),
        ("to_frame", "<f4", (2, 3)), ("heatmap_to_frame", "<f4", (2, 3)),
    ]
)  # fmt: skip

Records = npt.NDArray[np.void]

_ALIGNED = 256  # bytes; where a frame starts


def starts(frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[int]:
    """Where each frame lies among the bytes of those that have people."""
    places, end = [], 0
    for frame, people in zip(frames, boxes, strict=True):
        places.append(end)
        if len(people):
            end += -(-frame.image.nbytes // _ALIGNED) * _ALIGNED
    return places


def network_record(card: ModelCard, map_wh: tuple[int, int]) -> Records:
    """What the kernels must know about a network: one `NETWORK`.

    Args:
        card: Of a pose network.
        map_wh: Width and height of its heatmaps.
    """
    record = np.zeros(1, NETWORK)
    record["crop_wh"], record["map_wh"] = card.input_size_wh, map_wh
    record["keypoints"], record["decoder"] = len(card.keypoints), DECODERS[card.decoder]
    record["rgb"] = card.channels == "rgb"
    record["mirror_sum"] = round(first_plus_last(card, map_wh))
    record["mean"], record["scale"] = card.mean, 1 / np.asarray(card.std, np.float32)
    record["peak"], record["min_score"] = card.heatmap_peak, MIN_SCORE
    record["cpn_taps"] = cv2.getGaussianKernel(CPN_KERNEL, 0, cv2.CV_32F).ravel()
    record["dark_taps"] = cv2.getGaussianKernel(DARK_KERNEL, 0, cv2.CV_32F).ravel()
    return record
