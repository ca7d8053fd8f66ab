"""Pose teachers: ONNX networks whose heatmaps are averaged over mirror images and moved views.

Why average: on 88 people of COCO, one PP-TinyPose pass has AP 0.594, two trainings of it with
mirror images 0.638 (facts on training). A student that learns the mean passes each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from pose import affine
from pose.errors import InputError
from pose.skeleton import COCO_17
from pose.types import ByteArray, FloatArray

MEAN_RGB = np.array([123.675, 116.28, 103.53], np.float32)
STD_RGB = np.array([58.395, 57.12, 57.375], np.float32)


class PoseTeacher:
    """Several networks of one shape: crop -> mean heatmaps.

    Args:
        files: ONNX files with one input (N, 3, H, W) RGB, ImageNet-normalised, and heatmaps out.
        views: How many further views (moved, scaled, turned) join the mean, each mirrored too.
        threads: Threads of ONNX Runtime.
    """

    def __init__(self, files: Sequence[Path], views: int = 1, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        missing = [str(file) for file in files if not file.is_file()]
        if missing or not files:
            raise InputError(f"expected the teachers' ONNX files, found none at {missing}")
        self._networks = [
            onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            for file in files
        ]
        self._views = views

    def heatmaps(self, crop: ByteArray, rng: np.random.Generator) -> FloatArray:
        """Mean heatmaps of one crop.

        Args:
            crop: (H, W, 3) uint8 BGR.
            rng: Draws the moved views.

        Returns:
            (K, H/4, W/4) float32.
        """
        total = self._both_ways(crop)
        height, width = crop.shape[:2]
        maps_wh = (total.shape[2], total.shape[1])
        to_crop = affine.heatmap_to_crop((width, height), maps_wh)
        for _ in range(self._views):
            zoom, turn_deg = rng.uniform(0.9, 1.1), rng.uniform(-10, 10)
            centre = ((width - 1) / 2, (height - 1) / 2)
            move = cv2.getRotationMatrix2D(centre, turn_deg, zoom).astype(np.float32)
            move[:, 2] += rng.uniform(-6, 6, 2)
            moved = np.asarray(cv2.warpAffine(crop, move, (width, height)), np.uint8)
            between = affine.compose(affine.inverse(to_crop), affine.compose(move, to_crop))
            # (K, h, w) -> (h, w, K): OpenCV warps all maps in one call.
            maps = self._both_ways(moved).transpose(1, 2, 0)
            back = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
            total = total + np.stack(
                [
                    cv2.warpAffine(maps[..., k], between, maps_wh, flags=back)
                    for k in range(maps.shape[2])
                ]
            )
        return np.asarray(total / (1 + self._views), np.float32)

    def once(self, crop: ByteArray) -> FloatArray:
        """(K, H/4, W/4) float32: what the first network alone says of the crop as it is."""
        picture = crop[None, ..., ::-1].astype(np.float32)
        batch = np.ascontiguousarray(((picture - MEAN_RGB) / STD_RGB).transpose(0, 3, 1, 2))
        network = self._networks[0]
        answer = network.run(None, {network.get_inputs()[0].name: batch})[0][0]
        return np.asarray(answer, np.float32)

    def _both_ways(self, crop: ByteArray) -> FloatArray:
        both = np.stack([crop, crop[:, ::-1]])[..., ::-1].astype(np.float32)
        batch = np.ascontiguousarray(((both - MEAN_RGB) / STD_RGB).transpose(0, 3, 1, 2))
        total: FloatArray | None = None
        for network in self._networks:
            name = network.get_inputs()[0].name
            # One crop a call: small Lite-HRNets run faster that way than in a batch.
            plain = network.run(None, {name: batch[:1]})[0][0]
            mirrored = network.run(None, {name: batch[1:]})[0][0]
            mean = (plain + unmirrored(mirrored)) / 2
            total = mean if total is None else total + mean
        assert total is not None
        return np.asarray(total / len(self._networks), np.float32)


def unmirrored(maps: FloatArray) -> FloatArray:
    """Heatmaps of a mirrored crop, turned back (or of a crop, mirrored): (..., K, h, w), the same.

    Heatmap pixel i lies on crop pixel 4i, so in a crop of 4w pixels the mirrored map's pixel i
    shows what lies at w - 1/4 - i: a shift by three quarters of a pixel after the reversal.
    """
    swapped = maps[..., COCO_17.flip, :, ::-1]
    beside = np.concatenate([swapped[..., :1], swapped[..., :-1]], axis=-1)
    return np.asarray(0.25 * swapped + 0.75 * beside, np.float32)
