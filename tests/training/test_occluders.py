"""People who step in front hide some joints, and never most of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.errors import InputError
from training.occluders import cut_out, step_before

PERSON = np.full((80, 40, 4), (10, 20, 250, 255), np.uint8)


def test_without_masks_there_is_nobody_and_nothing_changes(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    canvas = np.zeros((320, 320, 3), np.uint8)

    assert cut_out(tmp_path, tmp_path) == []
    assert step_before(rng, canvas, np.zeros((0, 2)), []) is canvas


def test_a_person_is_cut_out_along_the_mask(tmp_path: Path) -> None:
    photograph = np.full((400, 300, 3), 90, np.uint8)
    mask = np.zeros((400, 300), np.uint8)
    mask[40:380, 100:200] = 255
    for folder, picture, name in (("masks/a", mask, "1.png"), ("a", photograph, "1.webp")):
        (tmp_path / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / name), picture)

    (person,) = cut_out(tmp_path / "masks", tmp_path)

    assert person.shape == (288, round(100 * 288 / 340), 4)
    assert (person[..., 3] == 255).all()
    cv2.imwrite(str(tmp_path / "a" / "1.webp"), photograph[:50])
    with pytest.raises(InputError, match="as large as its mask"):
        cut_out(tmp_path / "masks", tmp_path)


@pytest.mark.parametrize("seed", range(10))
def test_most_joints_stay_in_sight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    canvas = np.zeros((320, 320, 3), np.uint8)
    joints = rng.uniform(100, 220, (12, 2))

    covered = step_before(rng, canvas, joints, [PERSON])

    column, row = joints.round().astype(int).T
    assert (covered[row, column] == 0).all(-1).mean() >= 0.5
    assert not canvas.any(), "the canvas that was given stays as it is"
