"""CPN's four crops against the authors' order of operations, each done by OpenCV on its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from pose import affine
from training.cpn_crops import (
    MIRRORED,
    SCALED,
    TURNED,
    WAYS,
    extended,
    plain_affine,
    training_affine,
)
from training.cpn_options import CpnOptions

SIZE_WH = (192, 256)
OPTIONS = CpnOptions()


class Drawn:
    """A generator whose draws are known: scale, then angle."""

    def __init__(self, *values: float) -> None:
        self._values = list(values)

    def uniform(self, low: float, high: float) -> float:
        value = self._values.pop(0)
        assert low <= value <= high
        return value


def photograph(rng: np.random.Generator, width: int = 200, height: int = 150) -> np.ndarray:
    """Smooth, so that resampling twice and once look alike."""
    coarse = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def step_by_step(
    image: np.ndarray, xyxy: np.ndarray, way: str, scale: float, angle: float
) -> np.ndarray:
    """Pad, cut, resize; cut the middle, resize; turn or mirror: as tf-cpn goes about it."""
    height, width = image.shape[:2]
    add = max(height, width)
    padded = cv2.copyMakeBorder(image, add, add, add, add, cv2.BORDER_CONSTANT, value=(9, 9, 9))
    centre = (xyxy[:2] + xyxy[2:]) / 2 + add
    wide, high = (xyxy[2:] - xyxy[:2]) * [1.2, 1.3] * 1.25
    high = max(high, wide * 256 / 192)
    # Integers are pixel centres here (pose.affine), pixel edges where an array is sliced.
    x, y = centre - [high * 0.375, high / 2] + 0.5
    # Eight times finer, so that rounding corners to pixels does not count.
    fine = cv2.resize(padded, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR)
    rows, columns = (
        slice(round(8 * y), round(8 * (y + high))),
        slice(round(8 * x), round(8 * (x + high * 0.75))),
    )
    crop = cv2.resize(fine[rows, columns], (4 * 192, 4 * 256), interpolation=cv2.INTER_AREA)
    part = min(1.0, scale / 1.25)
    half_w, half_h = round(2 * 192 * part), round(2 * 256 * part)
    inner = crop[2 * 256 - half_h : 2 * 256 + half_h, 2 * 192 - half_w : 2 * 192 + half_w]
    crop = cv2.resize(inner, SIZE_WH, interpolation=cv2.INTER_AREA)
    if way == MIRRORED:
        return np.asarray(cv2.flip(crop, 1))
    if way == TURNED:
        turn = cv2.getRotationMatrix2D((95.5, 127.5), angle, 1)
        return np.asarray(cv2.warpAffine(crop, turn, SIZE_WH, borderValue=(9, 9, 9)))
    return np.asarray(crop)


@pytest.mark.parametrize(
    ("way", "scale", "angle"),
    [
        (SCALED, 1.25, 0.0),
        (SCALED, 0.7, 0.0),
        (SCALED, 1.35, 0.0),
        (MIRRORED, 1.0, 0.0),
        (TURNED, 0.9, 30.0),
        (TURNED, 0.75, -45.0),
    ],
)
def test_one_map_does_what_the_authors_do_in_steps(
    rng: np.random.Generator, way: str, scale: float, angle: float
) -> None:
    image, box = photograph(rng), np.array([60, 40, 120, 110], np.float32)

    to_crop = training_affine(
        Drawn(scale, angle) if way == TURNED else Drawn(scale),  # type: ignore[arg-type]
        box, (200, 150), SIZE_WH, way, OPTIONS,
    )  # fmt: skip
    ours = cv2.warpAffine(image, to_crop, SIZE_WH, borderValue=(9, 9, 9))

    theirs = step_by_step(image, box, way, scale, angle)
    # Turning shows the corners of what was cut: theirs are empty, ours show more photograph.
    turn = cv2.getRotationMatrix2D((95.5, 127.5), angle, 1)
    inside = cv2.warpAffine(np.full((256, 192), 255, np.uint8), turn, SIZE_WH) == 255
    inside = cv2.erode(inside.astype(np.uint8), np.ones((7, 7))) > 0
    assert np.abs(ours.astype(float) - theirs)[inside].mean() < 1.0


def test_points_move_with_the_picture(rng: np.random.Generator) -> None:
    """A white dot lies where its point was sent, in all four ways."""
    for index, way in enumerate(WAYS):
        image = np.zeros((150, 200, 3), np.uint8)
        cv2.circle(image, (90, 70), 3, (255, 255, 255), -1)
        to_crop = training_affine(
            np.random.default_rng(index), np.array([60, 40, 120, 110], np.float32), (200, 150),
            SIZE_WH, way, OPTIONS,
        )  # fmt: skip
        crop = cv2.warpAffine(image, to_crop, SIZE_WH)[..., 0].astype(float)

        rows, columns = np.mgrid[:256, :192]
        middle = [(columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()]
        point = affine.apply(to_crop, np.array([[[90, 70]]], np.float32))[0, 0]
        np.testing.assert_allclose(middle, point, atol=0.3)
        assert (np.linalg.det(to_crop[:, :2]) < 0) == (way == MIRRORED)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((50, 50, 90, 130), (78.0, 104.0)),  # tall: height decides, 80 * 1.3
        ((40, 50, 120, 90), (96.0, 128.0)),  # wide: width decides, 80 * 1.2
    ],
)
def test_a_box_grows_to_the_aspect_as_the_entry_grows_it(
    box: tuple[float, ...], size: tuple[float, float]
) -> None:
    grown = extended(np.array(box, np.float32), (200, 200), 0.75, OPTIONS)

    np.testing.assert_allclose(grown[2:] - grown[:2], size, rtol=1e-5)
    np.testing.assert_allclose((grown[:2] + grown[2:]) / 2, (np.array(box[:2]) + box[2:]) / 2)


def test_a_crop_stays_inside_the_padded_photograph() -> None:
    edge = np.array([0, 0, 600, 800], np.float32)

    grown = extended(edge, (600, 800), 0.75, replace(OPTIONS, extend=(2.0, 2.0)), 1.25)

    assert grown[0] >= -800 and grown[1] >= -800 and grown[2] <= 1400 and grown[3] <= 1600
    assert (grown[2] - grown[0]) / (grown[3] - grown[1]) == pytest.approx(0.75)


@pytest.mark.parametrize(("limit", "largest"), [(True, 1.25), (False, 1.35)])
def test_the_authors_range_ends_at_the_loosened_crop(limit: bool, largest: float) -> None:
    """15 % of draws lie above 1.25, where tf-cpn clips them."""
    box = np.array([60, 40, 120, 110], np.float32)
    options = replace(OPTIONS, scale_limit=limit)
    plain = plain_affine(box, (200, 150), SIZE_WH, options)[0, 0]
    rng = np.random.default_rng(0)

    scales = np.array(
        [
            plain / training_affine(rng, box, (200, 150), SIZE_WH, SCALED, options)[0, 0]
            for _ in range(500)
        ]
    )

    assert scales.min() == pytest.approx(0.7, abs=0.01)
    assert scales.max() == pytest.approx(largest, abs=0.01)
    at_the_limit = float((scales > 1.2499).mean())
    assert at_the_limit == pytest.approx(0.1 / 0.65, abs=0.05)


def test_turns_reach_45_degrees_either_way() -> None:
    box = np.array([60, 40, 120, 110], np.float32)
    rng = np.random.default_rng(0)

    def angle(way: str) -> float:
        linear = training_affine(rng, box, (200, 150), SIZE_WH, way, OPTIONS)
        return float(np.degrees(np.arctan2(linear[0, 1], linear[0, 0])))

    turned = np.array([angle(TURNED) for _ in range(300)])
    assert -45 <= turned.min() < -43 and 43 < turned.max() <= 45
    assert abs(angle(SCALED)) < 1e-4


def test_four_samples_are_scaled_mirrored_and_twice_turned() -> None:
    assert WAYS == (SCALED, MIRRORED, TURNED, TURNED)


def test_defaults_are_the_entrys() -> None:
    """The values of the facts, so that nobody changes one unseen."""
    paper: dict[str, Any] = {
        "samples": 4, "scale": (0.7, 1.35), "rotation_deg": 45.0, "loosen": 1.25,
        "extend": (0.1, 0.15), "hardest": 8, "optimiser": "adam", "weight_decay": 1e-5,
        "halve_every": 3_600_000, "crops": 21_000_000, "global_weight": 0.5, "hidden": "empty",
        "mask_weight": 0.0, "ema": 0.0, "clip_norm": 0.0, "accumulate": 1,
    }  # fmt: skip
    assert {name: getattr(OPTIONS, name) for name in paper} == paper
