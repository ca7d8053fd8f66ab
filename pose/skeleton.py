"""Skeletons: which keypoints there are, which are joined, and which swap in a mirror.

Orders are those of the data sets: COCO keypoints 2017 (17), MPII Human Pose 2014 (16) and
Leeds Sports Pose 2010 (14). COCO's sigmas are those of its evaluation code (cocodataset.org,
"keypoint evaluation"); the other two take COCO's value for the same joint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pose.errors import ModelFileError
from pose.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The keypoints of one data set.

    Attributes:
        name: Key in `SKELETONS`.
        keypoints: K names; left and right are the person's own.
        bones: Pairs of keypoint indices to draw a line between.
        sigmas: K falloffs for OKS: the spread of human labels over the square root of area, halved.
    """

    name: str
    keypoints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def flip(self) -> IntArray:
        """(K,) int64: index of the keypoint that each one becomes in a mirror."""
        return np.array(
            [self.keypoints.index(_mirrored(name)) for name in self.keypoints], np.int64
        )

    @cached_property
    def oks_sigmas(self) -> FloatArray:
        """(K,) float32 copy of `sigmas`."""
        return np.array(self.sigmas, np.float32)


def _mirrored(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name


COCO_17 = Skeleton(
    name="coco_17",
    keypoints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    bones=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (7, 9),
        (6, 8), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
    ),
    sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062,
        0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
    ),
)  # fmt: skip

MPII_16 = Skeleton(
    name="mpii_16",
    keypoints=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "pelvis", "thorax", "upper_neck", "head_top",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    ),
    bones=(
        (0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9),
        (10, 11), (11, 12), (12, 7), (7, 13), (13, 14), (14, 15),
    ),
    sigmas=(
        0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.107, 0.079, 0.079, 0.035,
        0.062, 0.072, 0.079, 0.079, 0.072, 0.062,
    ),
)  # fmt: skip

LSP_14 = Skeleton(
    name="lsp_14",
    keypoints=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
        "neck", "head_top",
    ),
    bones=(
        (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 12), (12, 9), (9, 10), (10, 11),
        (12, 13), (8, 2), (9, 3),
    ),
    sigmas=(
        0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079, 0.072, 0.062,
        0.079, 0.035,
    ),
)  # fmt: skip

SKELETONS = {skeleton.name: skeleton for skeleton in (COCO_17, MPII_16, LSP_14)}


def skeleton_named(name: str) -> Skeleton:
    """Look a skeleton up; ModelFileError names the known ones."""
    if name not in SKELETONS:
        raise ModelFileError(
            f"expected a skeleton of {sorted(SKELETONS)}, got {name!r}; mend the model's card"
        )
    return SKELETONS[name]
