"""Hand labels are believed as far as a teacher who looked at the same person bears them out."""

from __future__ import annotations

import numpy as np
import pytest

from pose import heatmap
from pose.skeleton import COCO_17
from training.hand_labels import believed

FLIP = np.array(COCO_17.flip)


@pytest.fixture
def truth(rng: np.random.Generator) -> np.ndarray:
    """(1, 17, 2) heatmap pixels, left far from right."""
    points = rng.uniform(8, 20, (1, 17, 2)).astype(np.float32)
    points[0, 1::2, 0] += 20
    return points


def _maps(points: np.ndarray) -> np.ndarray:
    return np.asarray(heatmap.encode(points, (48, 64), 2.0))


def test_of_nobody_nothing_is_believed() -> None:
    nobody = np.zeros((0, 17, 2), np.float32)

    assert believed(nobody, np.zeros((0, 17, 64, 48), np.float32), [], 5).shape == (0, 17, 2)


@pytest.mark.parametrize(
    ("source", "moved_stays"), [("lsp_train", True), ("parse", True), ("lspet", False)]
)
def test_one_joint_far_away_counts_only_where_labels_are_exact(
    truth: np.ndarray, source: str, moved_stays: bool
) -> None:
    labels = truth.copy()
    labels[0, 9, 1] += 30

    kept = believed(labels, _maps(truth), [source], 5)

    assert np.isfinite(kept[0, 9]).all() == moved_stays
    np.testing.assert_array_equal(np.delete(kept[0], 9, 0), np.delete(labels[0], 9, 0))


@pytest.mark.parametrize(
    ("source", "mended"), [("lspet", True), ("parse", True), ("lsp_train", False)]
)
def test_swapped_sides_are_mended_unless_the_source_is_exact(
    truth: np.ndarray, source: str, mended: bool
) -> None:
    swapped = truth[:, FLIP]

    kept = believed(swapped, _maps(truth), [source], 5)

    np.testing.assert_array_equal(kept, truth if mended else swapped)


def test_whoever_is_mostly_wrong_is_left_out(truth: np.ndarray) -> None:
    wrong = truth + 25
    wrong[:, :6] = truth[:, :6]

    assert np.isnan(believed(wrong, _maps(truth), ["lspet"], 5)).all()


def test_what_nobody_labelled_stays_unlabelled(truth: np.ndarray) -> None:
    labels = truth.copy()
    labels[0, :5] = np.nan

    kept = believed(labels, _maps(truth), ["lspet"], 5)

    assert np.isnan(kept[0, :5]).all() and np.isfinite(kept[0, 5:]).all()
