"""People cut out along their masks, who step between the camera and the person who is learned.

Copy-paste after Ghiasi et al., "Simple Copy-Paste", CVPR 2021: crowds are rare among photographs
with one sportsperson each. The hidden person's joints stay labelled, as COCO labels them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose.errors import InputError
from pose.types import ByteArray

MOST = 400
_TALLEST = 288  # pixels: as tall as a person on a canvas
_STAYS = 0.55  # of a person's sure joints that must stay in sight


def cut_out(masks: Path, photographs: Path, most: int = MOST) -> list[ByteArray]:
    """Cut people out.

    Args:
        masks: Folder of folders of one-bit pictures, white = the person.
        photographs: Folder with the photographs under the same names, as `.webp`.
        most: At most so many, spread evenly over the names.

    Returns:
        (h, w, 4) uint8 BGR and opacity each, at most 288 pixels tall. Empty without masks.
    """
    files = sorted(masks.glob("*/*.png"))
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)]
    people = []
    for file in chosen:
        mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        picture = photographs / file.parent.name / f"{file.stem}.webp"
        image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
        if mask is None or image is None or mask.shape != image.shape[:2]:
            raise InputError(f"expected a photograph {picture} as large as its mask {file}")
        if not mask.any():
            continue
        x, y, w, h = cv2.boundingRect(mask)
        whole = np.dstack([image, mask])[y : y + h, x : x + w]
        scale = min(1.0, _TALLEST / h)
        wh = max(1, round(w * scale)), max(1, round(h * scale))
        people.append(np.asarray(cv2.resize(whole, wh, interpolation=cv2.INTER_AREA), np.uint8))
    return people


def step_before(
    rng: np.random.Generator, canvas: ByteArray, joints_xy: np.ndarray, people: Sequence[ByteArray]
) -> ByteArray:
    """Paste somebody in front, beside most of the joints.

    Args:
        rng: Draws whom and where.
        canvas: (H, W, 3) uint8 BGR.
        joints_xy: (J, 2) canvas pixels of joints that are mostly to stay in sight.
        people: From `cut_out`.

    Returns:
        A new canvas, or the same where nobody fitted.
    """
    if not people:
        return canvas
    person = people[int(rng.integers(len(people)))]
    height, width = canvas.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.2)))) * 230 / person.shape[0]
    wh = max(8, round(person.shape[1] * scale)), max(8, round(person.shape[0] * scale))
    person = np.asarray(cv2.resize(person, wh, interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.5:
        person = person[:, ::-1]
    for _ in range(6):
        left = int(rng.integers(-wh[0] // 2, width - wh[0] // 2))
        top = int(rng.integers(0, height))
        x, y = max(left, 0), max(top, 0)
        part = person[y - top : height - top, x - left : width - left]
        opaque = np.zeros((height, width), np.float32)
        opaque[y : y + part.shape[0], x : x + part.shape[1]] = part[..., 3]
        column, row = joints_xy.round().astype(int).T.clip(0, [[width - 1], [height - 1]])
        if len(joints_xy) and (opaque[row, column] < 128).mean() < _STAYS:
            continue
        covered = canvas.copy()
        target = covered[y : y + part.shape[0], x : x + part.shape[1]]
        share = cv2.GaussianBlur(part[..., 3], (3, 3), 0)[..., None] / np.float32(255)
        target[...] = (target * (1 - share) + part[..., :3] * share).astype(np.uint8)
        return covered
    return canvas
