"""A build that drifted, or answers NaN, is told from one that did not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from build_engine.compare import LIMITS, Parity, check, compare, parity
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.heatmap import encode
from pose.types import FloatArray
from tests.engines.tiny_networks import CARD, POSE_CARD

SHAPE = (2, 3, 64, 48)


@pytest.fixture
def maps(rng: np.random.Generator) -> FloatArray:
    """Heatmaps of two people, (2, 17, 16, 12)."""
    points = rng.uniform(3, 8, (2, 17, 2)).astype(np.float32)
    return encode(points, (12, 16), 1.5)


def _of(values: FloatArray, right: FloatArray, card: ModelCard = POSE_CARD) -> Parity:
    return parity({"heatmaps": right}, {"heatmaps": values}, SHAPE, card)


def test_the_same_answers_are_the_same(maps: FloatArray) -> None:
    found = _of(maps, maps)

    assert found == Parity(2, 0.0, 1.0, 1.0, 0.0, True)
    for precision in LIMITS:
        check(found, precision, "pose")


def test_a_shift_by_one_heatmap_pixel_is_four_pixels(maps: FloatArray) -> None:
    found = _of(np.roll(maps, 1, axis=3), maps)

    assert found.shift_px == pytest.approx(4, abs=0.5)
    assert found.same_place < 0.2
    assert found.likeness < 0.9
    for precision in LIMITS:
        with pytest.raises(ModelFileError, match=f"pose in {precision} is not the network"):
            check(found, precision, "pose")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_refused(maps: FloatArray, value: float) -> None:
    broken = maps.copy()
    broken[1, 3, 2, 2] = value

    found = _of(broken, maps)

    assert not found.finite
    for precision in LIMITS:
        with pytest.raises(ModelFileError, match=r"NaN or infinity.*--keep-fp32"):
            check(found, precision, "pose")


def test_noise_of_half_precision_passes_and_that_of_int8_does_not(
    maps: FloatArray, rng: np.random.Generator
) -> None:
    noise = rng.standard_normal(maps.shape).astype(np.float32)

    check(_of(maps + noise * 3e-4, maps), "fp16", "pose")
    rough = _of(maps + noise * 0.05, maps)
    with pytest.raises(ModelFileError, match="is not the network"):
        check(rough, "fp16", "pose")


def test_an_untrained_network_is_compared_too(rng: np.random.Generator) -> None:
    """No value reaches what counts as sure; all keypoints are looked at then."""
    flat = (rng.standard_normal((2, 17, 16, 12)) * 1e-3).astype(np.float32)

    assert _of(flat, flat).likeness == 1
    assert _of(rng.permuted(flat, axis=3), flat).same_place < 0.5


def test_maps_without_a_place_are_compared_by_their_values(maps: FloatArray) -> None:
    """`heatmap_dark` finds nothing on a map that falls nowhere; that is no drift."""
    card = replace(POSE_CARD, decoder="heatmap_dark")
    nothing = np.full_like(maps, -1e-3)

    found = _of(nothing * 1.001, nothing, card)

    assert (found.likeness, found.shift_px, found.finite) == (1, 0, True)
    assert found.max_relative == pytest.approx(1e-3, rel=0.1)
    lost = _of(nothing, maps, card)
    assert lost.shift_px == np.inf and lost.likeness == 0


def _boxes(shift: float = 0, worse: float = 0) -> dict[str, FloatArray]:
    corners = np.array([[0, 0, 20, 40], [30, 10, 60, 80], [1, 1, 2, 2]], np.float32)
    scores = np.array([0.9, 0.6, 0.1], np.float32)
    return {"xyxy": corners[None] + np.float32(shift), "scores": scores[None] - np.float32(worse)}


def test_of_a_detector_the_sure_boxes_count() -> None:
    same = parity(_boxes(), _boxes(), SHAPE, CARD)
    assert (same.same_place, same.likeness, same.shift_px) == (1, 1, 0)

    moved = parity(_boxes(), _boxes(shift=2), SHAPE, CARD)
    assert moved.shift_px == 2
    assert 0.7 < moved.likeness < 0.95

    assert parity(_boxes(), _boxes(worse=0.08), SHAPE, CARD).same_place == 0.5


def test_a_detector_in_another_format_is_compared_by_its_numbers() -> None:
    card = replace(CARD, decoder="yolox")
    found = parity({"a": np.ones((1, 2), np.float32)}, {"a": np.full((1, 2), 1.5)}, SHAPE, card)

    assert found.max_relative == 0.5


class _Constant:
    def __init__(self, card: ModelCard, **answers: FloatArray) -> None:
        self.card, self._answers = card, answers

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        return self._answers


def test_engines_with_other_outputs_are_not_compared(maps: FloatArray) -> None:
    batch = np.zeros(SHAPE, np.float32)
    right = _Constant(POSE_CARD, heatmaps=maps)

    assert compare(right, right, batch).finite
    for other in (_Constant(POSE_CARD, maps=maps), _Constant(POSE_CARD, heatmaps=maps[:1])):
        with pytest.raises(ModelFileError, match="expected outputs"):
            compare(right, other, batch)
