"""What flows through the program: frames, boxes, crops, heatmaps, poses, tracks, scenes.

Frozen records over numpy arrays, their shapes checked when they are made. N people of one
frame, K keypoints. N = 0 is a normal case. A keypoint that was not found is NaN with score 0.
Coordinates follow the half-pixel rule of `pose.affine`: integers are pixel centres.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]


def _check(
    name: str, array: npt.NDArray[np.generic], shape: tuple[int | None, ...], kind: type[np.generic]
) -> None:
    fits = len(array.shape) == len(shape) and all(
        wanted is None or wanted == actual
        for wanted, actual in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != kind:
        wanted_shape = tuple("*" if side is None else side for side in shape)
        raise ValueError(
            f"{name} must be {np.dtype(kind)} {wanted_shape}, got {array.dtype} {array.shape}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        index: Position in the source, from 0; a gap means that frames were dropped.
        time_s: Presentation time in seconds, from the source's own clock.
        image: (H, W, 3) uint8, BGR, upright.
        file: Name of the picture file that it is; empty for a frame of a film.
        alone: A photograph of its own: nobody in it is known from the frames before.
    """

    index: int
    time_s: float
    image: ByteArray
    file: str = ""
    alone: bool = False

    def __post_init__(self) -> None:
        _check("Frame.image", self.image, (None, None, 3), np.uint8)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """People's boxes in one frame.

    Attributes:
        xyxy: (N, 4) float32, frame pixels; may lie partly outside the frame.
        scores: (N,) float32, 0 to 1.
    """

    xyxy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        _check("Boxes.xyxy", self.xyxy, (None, 4), np.float32)
        _check("Boxes.scores", self.scores, (len(self.xyxy),), np.float32)

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, chosen: slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Boxes:
        return Boxes(self.xyxy[chosen], self.scores[chosen])

    @classmethod
    def empty(cls) -> Boxes:
        """No people."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    @classmethod
    def joined(cls, parts: Iterable[Boxes]) -> Boxes:
        """The people of all parts, in their order; nobody if there are none."""
        every = [cls.empty(), *parts]
        return cls(
            np.concatenate([part.xyxy for part in every]),
            np.concatenate([part.scores for part in every]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """People cut out of one frame.

    Attributes:
        images: (N, H, W, 3) uint8, BGR.
        to_frame: (N, 2, 3) float32, crop pixel -> frame pixel.
        boxes: The N boxes they were cut from.
    """

    images: ByteArray
    to_frame: FloatArray
    boxes: Boxes

    def __post_init__(self) -> None:
        n = len(self.boxes)
        _check("Crops.images", self.images, (n, None, None, 3), np.uint8)
        _check("Crops.to_frame", self.to_frame, (n, 2, 3), np.float32)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Crops:
        return Crops(self.images[chosen], self.to_frame[chosen], self.boxes[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Heatmaps:
    """What the pose network says about N crops.

    Attributes:
        values: (N, K, h, w) float32, one map per keypoint.
        to_frame: (N, 2, 3) float32, heatmap pixel -> frame pixel.
        boxes: The N boxes.
    """

    values: FloatArray
    to_frame: FloatArray
    boxes: Boxes

    def __post_init__(self) -> None:
        n = len(self.boxes)
        _check("Heatmaps.values", self.values, (n, None, None, None), np.float32)
        _check("Heatmaps.to_frame", self.to_frame, (n, 2, 3), np.float32)

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The keypoints of N people in one frame.

    Attributes:
        keypoints: (N, K, 2) float32, frame pixels; NaN where not found.
        scores: (N, K) float32, 0 to 1; 0 where not found.
        boxes: The N boxes; `boxes.scores` are the detector's.
    """

    keypoints: FloatArray
    scores: FloatArray
    boxes: Boxes

    def __post_init__(self) -> None:
        _check("Poses.keypoints", self.keypoints, (len(self.boxes), None, 2), np.float32)
        _check("Poses.scores", self.scores, self.keypoints.shape[:2], np.float32)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Poses:
        return Poses(self.keypoints[chosen], self.scores[chosen], self.boxes[chosen])

    @classmethod
    def empty(cls, keypoint_count: int) -> Poses:
        """No people."""
        shape = (0, keypoint_count)
        return cls(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32), Boxes.empty())

    @classmethod
    def joined(cls, parts: Iterable[Poses], keypoint_count: int) -> Poses:
        """The people of all parts, in their order; nobody if there are none."""
        every = [cls.empty(keypoint_count), *parts]
        return cls(
            np.concatenate([part.keypoints for part in every]),
            np.concatenate([part.scores for part in every]),
            Boxes.joined(part.boxes for part in every),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Poses with names that last: an id is one person over time.

    Attributes:
        ids: (N,) int64, positive, never used twice in one run.
        poses: The N poses.
    """

    ids: IntArray
    poses: Poses

    def __post_init__(self) -> None:
        _check("Tracks.ids", self.ids, (len(self.poses),), np.int64)

    def __len__(self) -> int:
        return len(self.poses)

    @classmethod
    def empty(cls, keypoint_count: int) -> Tracks:
        """No people."""
        return cls(np.zeros(0, np.int64), Poses.empty(keypoint_count))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One finished frame: what sinks and the window get.

    Attributes:
        frame: The picture as it was captured.
        tracks: The people in it.
        drawing: (H, W, 3) uint8 BGR, the picture with skeletons; None if nobody asked for it.
        stage_s: Seconds that each stage spent on this frame, by stage name.
        arrived_s: When the frame came out of the source, on the pipeline's clock; 0 is unknown.
    """

    frame: Frame
    tracks: Tracks
    drawing: ByteArray | None = None
    stage_s: Mapping[str, float] = field(default_factory=dict)
    arrived_s: float = 0.0
