"""Make faces unrecognisable: every head that a pose shows is replaced by a few grey-brown patches.

Only people whom the networks see can be hidden; who must be sure shows skeletons on black. The
patches are means over a fifth of a head, so nothing can be computed back.
"""

from __future__ import annotations

import cv2
import numpy as np

from pose.skeleton import Skeleton
from pose.types import ByteArray, FloatArray, Poses

_ON_HEAD = ("nose", "eye", "ear", "head_top", "neck")
_GUESSED = 0.05  # score from which a point of the head counts: better one patch too many
HIDING_SCORE = 0.2  # of a box, from which somebody is hidden: better one patch too many
_MOST = 0.35  # of the box's longer side: a face before a webcam
_PATCHES = 5  # across a head


def hide_faces(canvas: ByteArray, poses: Poses, skeleton: Skeleton) -> None:
    """Hide every head, in place.

    Args:
        canvas: (H, W, 3) uint8, altered.
        poses: N people.
        skeleton: What the K keypoints are.
    """
    for centre, radii in zip(*heads(poses, skeleton), strict=True):
        _hide(canvas, centre, radii)


def heads(poses: Poses, skeleton: Skeleton) -> tuple[FloatArray, FloatArray]:
    """Where each person's head is, drawn rather too large than too small.

    Args:
        poses: N people.
        skeleton: What the K keypoints are.

    Returns:
        (N, 2) centres and (N, 2) radii of ellipses, float32, frame pixels. Around the points of the
        head that may be there; for a person without any, the upper end of the box.
    """
    xyxy = np.nan_to_num(poses.boxes.xyxy)
    low, size = xyxy[:, :2], np.maximum(xyxy[:, 2:] - xyxy[:, :2], 1)
    side = np.sqrt(size.prod(axis=1))  # (N,)
    on_head = [k for k, name in enumerate(skeleton.keypoints) if name.endswith(_ON_HEAD)]
    points, scores = poses.keypoints[:, on_head], poses.scores[:, on_head]
    seen = (scores >= _GUESSED) & np.isfinite(points).all(axis=2)  # (N, h)
    count = seen.sum(axis=1)
    points = np.where(seen[..., None], points, 0)
    middle = points.sum(axis=1) / np.maximum(count, 1)[:, None]
    away = np.where(seen, np.hypot(*np.moveaxis(points - middle[:, None], 2, 0)), 0)
    spread = away.max(axis=1) if on_head else np.zeros(len(poses))
    shoulders = _shoulder_width(poses, skeleton)
    radius = np.maximum.reduce([1.9 * spread, 0.5 * shoulders, 0.09 * side])
    radius = np.minimum(radius, _MOST * size.max(axis=1))  # points that were guessed lie anywhere
    found = (count > 0)[:, None]
    centres = np.where(found, middle, low + size * [0.5, 0.1])
    radii = np.where(found, radius[:, None] * [1.0, 1.25], size * [0.35, 0.15])
    return centres.astype(np.float32), radii.astype(np.float32)


def _shoulder_width(poses: Poses, skeleton: Skeleton) -> FloatArray:
    """(N,) pixels; 0 where a shoulder is not seen."""
    ends = [k for k, name in enumerate(skeleton.keypoints) if name.endswith("_shoulder")]
    if len(ends) != 2:
        return np.zeros(len(poses), np.float32)
    across = poses.keypoints[:, ends[0]] - poses.keypoints[:, ends[1]]
    seen = (poses.scores[:, ends] >= _GUESSED).all(axis=1)
    return np.where(seen, np.nan_to_num(np.hypot(across[:, 0], across[:, 1])), 0).astype(np.float32)


def _hide(canvas: ByteArray, centre: FloatArray, radii: FloatArray) -> None:
    height, width = canvas.shape[:2]
    reach = np.array([width, height])
    if not np.isfinite([centre, radii]).all():
        return
    low = np.clip(np.floor(centre - radii), 0, reach).astype(int)
    high = np.clip(np.ceil(centre + radii) + 1, 0, reach).astype(int)
    (x1, y1), (x2, y2) = low.tolist(), high.tolist()
    if x1 >= x2 or y1 >= y2:
        return
    region = canvas[y1:y2, x1:x2]
    patches = cv2.resize(region, (_PATCHES, _PATCHES + 1), interpolation=cv2.INTER_AREA)
    hidden = cv2.resize(patches, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    ys, xs = np.mgrid[y1:y2, x1:x2]
    inside = ((xs - centre[0]) / radii[0]) ** 2 + ((ys - centre[1]) / radii[1]) ** 2 <= 1
    region[inside] = np.asarray(hidden)[inside]
