"""MoveNet (Google, 2021) as a pose step: one person in a square, no heatmaps, a TFLite file.

ONNX Runtime reads no TFLite; OpenVINO does. Its milliseconds are therefore OpenVINO's on the same
threads, and the table says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
from typing_extensions import Self

from pose.skeleton import COCO_17
from pose.types import Boxes, FloatArray, Frame, Poses

_SIDE = 192
_PADDING = 1.25  # of the box's longer side: as MoveNet's own tracking crops a body


class MoveNet:
    """Finds 17 keypoints in each box; enter it before use.

    Args:
        path: The TFLite file.
        threads: Of OpenVINO.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path, self._threads = path, threads
        self._run: Any = None

    def __enter__(self) -> Self:
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": self._threads, "PERFORMANCE_HINT": "LATENCY"}
        self._run = core.compile_model(core.read_model(self._path), "CPU", settings)
        return self

    def __exit__(self, *exc: object) -> None:
        self._run = None

    def infer(self, picture: np.ndarray[Any, np.dtype[np.uint8]]) -> FloatArray:
        """One picture (192, 192, 3) uint8 RGB -> (17, 3) y, x as shares of it, and score."""
        answer = next(iter(self._run(picture[None]).values()))
        return np.asarray(answer, np.float32).reshape(len(COCO_17), 3)

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[Poses]:
        """As `CropEstimator`: per frame the poses of its boxes."""
        return [self._poses(frame, people) for frame, people in zip(frames, boxes, strict=True)]

    def _poses(self, frame: Frame, people: Boxes) -> Poses:
        found = np.zeros((len(people), len(COCO_17), 3), np.float32)
        for n, (x1, y1, x2, y2) in enumerate(people.xyxy.tolist()):
            side = max(x2 - x1, y2 - y1, 1.0) * _PADDING
            left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
            scale = side / _SIDE  # pixel centres: x + 0.5 = left + scale (u + 0.5)
            to_frame = np.array(
                [[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]]
            )
            crop = cv2.warpAffine(
                frame.image,
                to_frame,
                (_SIDE, _SIDE),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )
            answer = self.infer(np.ascontiguousarray(crop[..., ::-1]))
            found[n, :, 0] = left + answer[:, 1] * side - 0.5
            found[n, :, 1] = top + answer[:, 0] * side - 0.5
            found[n, :, 2] = np.clip(answer[:, 2], 0, 1)
        return Poses(found[..., :2].copy(), found[..., 2].copy(), people)
