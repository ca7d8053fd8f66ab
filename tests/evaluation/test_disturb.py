"""Disturbances: labels stay on what they name, and each spoils what it says."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from evaluation.disturb import DISTURBANCES, KINDS, Disturbance, Labelled, cut_off, smaller, tilted
from pose.types import ByteArray

SIZE_WH = (320, 240)
JOINTS = np.array([[60, 40], [100, 50], [80, 120], [70, 170], [95, 175]], np.float64)


def labelled() -> Labelled:
    """White dots on grey where the joints are; a crowd row and a row without joints beside."""
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
    for x, y in JOINTS.astype(int).tolist():
        cv2.circle(image, (x, y), 4, (255, 255, 255), -1)
    keypoints = np.zeros((17, 3))
    keypoints[:5] = np.column_stack([JOINTS, np.full(5, 2)])
    person = {
        "id": 1, "bbox": [50.0, 30.0, 60.0, 155.0], "area": 5000.0, "iscrowd": 0,
        "keypoints": keypoints.ravel().tolist(), "num_keypoints": 5,
    }  # fmt: skip
    crowd = {"id": 2, "bbox": [200.0, 100.0, 100.0, 50.0], "area": 100.0, "iscrowd": 1}
    return Labelled(image, (person, crowd))


def joints(row: Any) -> Any:
    return np.array(row["keypoints"]).reshape(-1, 3)


@pytest.mark.parametrize("each", DISTURBANCES, ids=lambda each: each.name)
def test_every_one_gives_pictures_with_labels_inside(
    each: Disturbance, rng: np.random.Generator
) -> None:
    before = labelled()
    copy = before.image.copy()

    for changed in each.apply(before, rng):
        height, width = changed.image.shape[:2]
        assert changed.image.dtype == np.uint8 and changed.image.shape[2] == 3
        for row in changed.rows:
            x, y, wide, high = row["bbox"]
            assert x >= 0 and y >= 0 and x + wide <= width + 1e-6 and y + high <= height + 1e-6
            points = joints(row) if "keypoints" in row else np.zeros((0, 3))
            seen = points[points[:, 2] > 0]
            assert ((seen[:, :2] > -1) & (seen[:, :2] < [width, height])).all()
            assert not points[points[:, 2] == 0].any()

    np.testing.assert_array_equal(before.image, copy)


@pytest.mark.parametrize("each", DISTURBANCES, ids=lambda each: each.name)
def test_nobody_labelled_is_no_error(each: Disturbance, rng: np.random.Generator) -> None:
    for changed in each.apply(Labelled(labelled().image, ()), rng):
        assert changed.rows == ()


@pytest.mark.parametrize("each", DISTURBANCES, ids=lambda each: each.name)
def test_the_same_seed_spoils_the_same_way(each: Disturbance) -> None:
    first, second = (each.apply(labelled(), np.random.default_rng(7)) for _ in range(2))

    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def brightness_at(image: ByteArray, points: Any) -> Any:
    places = np.rint(points).astype(int)
    return image[places[:, 1], places[:, 0], 0]


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, -30])
def test_joints_turn_with_the_picture(degrees: float) -> None:
    changed = tilted(labelled(), degrees)
    person = changed.rows[0]

    assert (brightness_at(changed.image, joints(person)[:5, :2]) > 200).all()
    x, y, wide, high = person["bbox"]
    inside = (joints(person)[:5, :2] >= [x - 8, y - 8]) & (
        joints(person)[:5, :2] <= [x + wide + 8, y + high + 8]
    )
    assert inside.all()
    if degrees == 0:
        np.testing.assert_allclose(person["bbox"], labelled().rows[0]["bbox"])
        np.testing.assert_array_equal(changed.image, labelled().image)
    if degrees == 90:
        np.testing.assert_allclose([wide, high], [155, 60], atol=1e-6)


def test_joints_shrink_with_the_picture() -> None:
    changed = smaller(labelled(), 1 / 2)

    assert changed.image.shape == (120, 160, 3)
    assert (brightness_at(changed.image, joints(changed.rows[0])[:5, :2]) > 200).all()
    assert changed.rows[0]["area"] == pytest.approx(5000 / 4)


def test_a_person_who_is_cut_off_has_a_picture_of_their_own() -> None:
    (changed,) = cut_off(labelled(), below=0.5)

    assert [row["id"] for row in changed.rows] == [1]
    person = changed.rows[0]
    assert person["num_keypoints"] == 2  # the two above the middle
    assert person["bbox"][1] + person["bbox"][3] == changed.image.shape[0]
    assert (brightness_at(changed.image, joints(person)[:2, :2]) > 200).all()
    assert cut_off(Labelled(labelled().image, labelled().rows[1:]), below=0.5) == []


def test_stronger_ones_change_more(rng: np.random.Generator) -> None:
    """Of the kinds that leave the picture its size, the second row is the stronger one."""
    noise = rng.integers(0, 255, (240, 320, 3)).astype(np.uint8)
    picture = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)
    changes: dict[str, list[float]] = {}
    for each in DISTURBANCES:
        (changed, *_) = each.apply(Labelled(picture, ()), rng) or [Labelled(picture[:1], ())]
        if changed.image.shape == picture.shape:
            difference = np.abs(changed.image.astype(float) - picture).mean()
            changes.setdefault(each.kind, []).append(float(difference))

    assert set(changes) == {"blur", "noise", "light", "jpeg"} <= set(KINDS)
    assert all(0 < weak < strong for weak, strong in changes.values())
