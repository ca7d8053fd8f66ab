"""OKS against pycocotools, and suppression by it."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from pose.oks import oks, oks_nms
from pose.skeleton import COCO_17
from pose.types import FloatArray

SIGMAS = COCO_17.oks_sigmas


def _person(rng: np.random.Generator, count: int) -> FloatArray:
    return rng.uniform(0, 100, (count, 17, 2)).astype(np.float32)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 2), (2, 0)])
def test_nobody_is_like_nobody(rng: np.random.Generator, n: int, m: int) -> None:
    alike = oks(
        _person(rng, n), _person(rng, m), np.ones((m, 17), bool), np.ones(m, np.float32), SIGMAS
    )

    assert alike.shape == (n, m)
    assert alike.dtype == np.float32


def test_oks_is_that_of_pycocotools(rng: np.random.Generator) -> None:
    truth = _person(rng, 4)
    visibility = rng.integers(0, 3, (4, 17))
    visibility[0] = [0] * 16 + [1]
    area = np.array([9000, 500, 20000, 0.1], np.float32)
    found = np.repeat(truth, 2, axis=0) + rng.normal(0, 4, (8, 17, 2)).astype(np.float32)

    ours = oks(found, truth, visibility > 0, area, SIGMAS)

    reference = COCOeval(iouType="keypoints")
    reference._gts[1, 1] = [
        {
            "keypoints": np.c_[points, seen].ravel().tolist(),
            "area": float(size),
            "bbox": [0, 0, 100, 100],
        }
        for points, seen, size in zip(truth, visibility, area, strict=True)
    ]
    reference._dts[1, 1] = [
        {"keypoints": np.c_[points, np.ones(17)].ravel().tolist(), "score": 1.0} for points in found
    ]
    np.testing.assert_allclose(ours, reference.computeOks(1, 1), atol=1e-6)
    assert ours.max() > 0.5


def test_keypoints_that_were_not_found_count_as_far_away(rng: np.random.Generator) -> None:
    truth = _person(rng, 1)
    found = truth.copy()
    found[0, :9] = np.nan

    alike = oks(found, truth, np.ones((1, 17), bool), np.ones(1, np.float32), SIGMAS)

    assert alike[0, 0] == pytest.approx(8 / 17)


def test_unlabelled_keypoints_are_not_read(rng: np.random.Generator) -> None:
    found = _person(rng, 2)
    truth = found.copy()
    truth[0, 4:] = np.nan
    visible = np.zeros((2, 17), bool)
    visible[0, :4] = True

    alike = oks(found, truth, visible, np.full(2, 400, np.float32), SIGMAS)

    assert alike[0, 0] == 1
    assert (alike[:, 1] == 0).all()  # nothing labelled: like nobody


def test_pose_nms_keeps_the_best_of_each_person(rng: np.random.Generator) -> None:
    one, other = _person(rng, 2)
    people = np.stack([one, other, one + 0.5, other + 60])
    scores = np.array([0.5, 0.9, 0.8, 0.1], np.float32)

    kept = oks_nms(people, scores, np.full(4, 4000, np.float32), SIGMAS, threshold=0.8)

    assert kept.tolist() == [1, 2, 3]
    assert kept.dtype == np.int64


@pytest.mark.parametrize(
    ("scores", "expected"), [([], []), ([0.2], [0]), ([0.5, 0.5], [0]), ([0.4, 0.5], [1])]
)
def test_pose_nms_of_one_person_keeps_one(
    rng: np.random.Generator, scores: list[float], expected: list[int]
) -> None:
    people = np.repeat(_person(rng, 1), len(scores), axis=0)
    areas = np.full(len(scores), 4000, np.float32)

    kept = oks_nms(people, np.array(scores, np.float32), areas, SIGMAS, threshold=0.8)

    assert kept.tolist() == expected


def test_pose_nms_compares_what_both_people_have(rng: np.random.Generator) -> None:
    whole = _person(rng, 1)[0]
    upper, lower, nothing = whole.copy(), whole.copy(), np.full_like(whole, np.nan)
    upper[11:], lower[:11] = np.nan, np.nan

    kept = oks_nms(
        np.stack([whole, upper, nothing, nothing]),
        np.array([0.9, 0.8, 0.7, 0.6], np.float32),
        np.full(4, 4000, np.float32),
        SIGMAS,
        threshold=0.8,
    )
    halves = oks_nms(
        np.stack([upper, lower]), np.ones(2, np.float32), np.ones(2, np.float32), SIGMAS, 0.8
    )

    assert kept.tolist() == [0, 2, 3]
    assert halves.tolist() == [0, 1]
