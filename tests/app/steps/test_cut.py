"""Scene cuts: told from light, flat frames and moving cameras."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.steps.cut import CutDetector
from pose.types import ByteArray


def scene(seed: int, size_wh: tuple[int, int] = (320, 180)) -> ByteArray:
    """Soft random shapes, as unlike for two seeds as two rooms."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def cuts(*images: ByteArray) -> list[bool]:
    detector = CutDetector()
    return [detector(image) for image in images]


BLACK = np.zeros((180, 320, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        ([scene(1)], [False]),
        ([scene(1), scene(1)], [False, False]),
        ([scene(1), scene(2)], [False, True]),
        ([scene(1), scene(2), scene(2), scene(1)], [False, True, False, True]),
        ([scene(1), (scene(1) * 0.3).astype(np.uint8)], [False, False]),
        ([scene(1), BLACK, scene(1)], [False, False, False]),
        ([scene(1), BLACK, scene(2)], [False, False, True]),
        ([BLACK, BLACK], [False, False]),
        ([scene(1), scene(1, (640, 360))], [False, False]),
        ([scene(1), np.roll(scene(1), 12, axis=1)], [False, False]),
        ([np.zeros((2, 3, 3), np.uint8), scene(1)], [False, False]),
    ],
)
def test_only_another_scene_is_a_cut(images: list[ByteArray], wanted: list[bool]) -> None:
    assert cuts(*images) == wanted


def test_unrelated_scenes_are_told_apart() -> None:
    found = cuts(*(scene(seed) for seed in range(60)))

    assert sum(found) >= 55


def test_a_video_without_cuts_has_none_and_another_one_is_one(shared: Path) -> None:
    av = pytest.importorskip("av")
    detector = CutDetector()
    found: list[int] = []
    for name in ("pose_squats", "two_people_cam02"):
        with av.open(str(shared / "data" / "videos" / f"{name}.mp4")) as file:
            for i, picture in enumerate(itertools.islice(file.decode(video=0), 12)):
                if detector(picture.to_ndarray(format="bgr24")):
                    found.append(i)

    assert found == [0]
