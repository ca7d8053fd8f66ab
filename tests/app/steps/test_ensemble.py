"""Ensembles: networks of several kinds that see one drawn person must agree on every keypoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import Self

from app.steps.ensemble import EnsembleEstimator, as_one, merged
from app.steps.estimate import CropEstimator
from engines.fake_engine import FakeEngine, write_fake
from pose import affine, crops, heatmap
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.skeleton import COCO_17
from pose.types import Boxes, FloatArray, Frame, Heatmaps
from tests.app.steps.test_estimate import CARD, drawn, spread_out

LARGE = replace(CARD, name="large", input_size_wh=(288, 384), crop_padding=1.1)
LOUD = replace(CARD, name="loud", heatmap_peak=255.0)
OWN = replace(CARD, name="own", decoder="heatmap_cpn", heatmap_peak=255.0)


def member(folder: Path, card: ModelCard, batch: int = 4) -> CropEstimator:
    file = write_fake(folder / f"{card.name}.fake", card, "colours")
    return CropEstimator(FakeEngine(file, max_batch=batch))


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("cards", [(CARD, LARGE), (LARGE, CARD), (CARD, LOUD, LARGE)])
def test_networks_of_any_size_find_keypoints_together(
    tmp_path: Path, count: int, cards: tuple[ModelCard, ...], rng: np.random.Generator
) -> None:
    points, boxes = spread_out(count, rng)

    with EnsembleEstimator([member(tmp_path, card, 2) for card in cards]) as estimate:
        found = estimate([drawn(points), drawn(points[:0])], [boxes, Boxes.empty()])

    assert [len(poses) for poses in found] == [count, 0]
    np.testing.assert_allclose(found[0].keypoints, points, atol=1.0)
    assert (found[0].scores > 0.5).all()
    np.testing.assert_array_equal(found[0].boxes.xyxy, boxes.xyxy)


def test_one_network_is_no_ensemble(tmp_path: Path) -> None:
    one = member(tmp_path, CARD)

    assert as_one([one]) is one


def test_a_network_with_itself_changes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    points, boxes = spread_out(2, rng)
    twin = replace(CARD, name="twin")

    with member(tmp_path, CARD) as alone:
        [expected] = alone([drawn(points)], [boxes])
    with EnsembleEstimator([member(tmp_path, CARD), member(tmp_path, twin)]) as estimate:
        [found] = estimate([drawn(points)], [boxes])

    np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_heatmaps_of_one_grid_are_averaged_at_their_own_scale(rng: np.random.Generator) -> None:
    first, second = rng.random((2, 3, 17, 64, 48), dtype=np.float32)

    both, card = merged([_answer(CARD, first), _answer(LOUD, 255 * second)], [CARD, LOUD])

    np.testing.assert_allclose(both.values, (first + second) / 2, atol=1e-5)
    assert card.heatmap_peak == 1


@pytest.mark.parametrize("others", [(LARGE,), (OWN,), (LARGE, OWN)])
def test_gaussians_of_one_place_fall_on_each_other(
    others: tuple[ModelCard, ...], rng: np.random.Generator
) -> None:
    """The half pixel of CPN's own targets and the coarser grid are both undone."""
    in_frame = rng.uniform([125, 85], [175, 215], (1, 17, 2)).astype(np.float32)
    cards = (CARD, *others)
    answers = [_gaussians(card, in_frame) for card in cards]

    both, card = merged(answers, cards)

    points, scores = heatmap.decode_dark(both.values)
    found = affine.apply(both.to_frame, points)
    assert card.decoder == "heatmap_dark"
    np.testing.assert_allclose(found, in_frame, atol=0.5)
    assert scores.min() > 0.8


def test_where_one_network_does_not_look_the_others_speak() -> None:
    wide = replace(CARD, crop_padding=1.5)
    maps = np.ones((1, 17, 64, 48), np.float32)

    both, _ = merged([_answer(wide, maps), _answer(CARD, 0 * maps)], [wide, CARD])

    assert both.values[0, 0, 0, 0] == 1  # outside the other's crop
    assert both.values[0, 0, 32, 24] == pytest.approx(0.5)


def test_cards_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    square = replace(CARD, name="square", input_size_wh=(256, 256))

    with pytest.raises(ModelFileError, match="one aspect, got 192x256 in 'colours' and 256x256"):
        EnsembleEstimator([member(tmp_path, CARD), member(tmp_path, square)])


class _Door:
    """A member that notes whether it is open, and may refuse to open."""

    card, max_batch = CARD, 4

    def __init__(self, broken: bool = False) -> None:
        self.open, self._broken = False, broken

    def __enter__(self) -> Self:
        if self._broken:
            raise ModelFileError("broken")
        self.open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.open = False


def test_what_was_opened_is_closed_when_another_cannot_be() -> None:
    whole, broken = _Door(), _Door(broken=True)
    ensemble = EnsembleEstimator([whole, broken])  # type: ignore[list-item]

    with pytest.raises(ModelFileError, match="broken"):
        ensemble.__enter__()

    assert not whole.open


def _answer(card: ModelCard, values: FloatArray) -> Heatmaps:
    """Heatmaps of people who all have one box."""
    xyxy = np.tile(np.array([[100, 50, 200, 250]], np.float32), (len(values), 1))
    people = Boxes(xyxy, np.ones(len(values), np.float32))
    frame = Frame(0, 0.0, np.zeros((300, 300, 3), np.uint8))
    cut = crops.cut(frame.image, people, card.input_size_wh, card.crop_padding)
    maps_wh = (values.shape[3], values.shape[2])
    to_crop = affine.heatmap_to_crop(card.input_size_wh, maps_wh)
    return Heatmaps(values, affine.compose(cut.to_frame, to_crop[None]), people)


def _gaussians(card: ModelCard, in_frame: FloatArray) -> Heatmaps:
    """What a perfect network with this card would answer."""
    maps_wh = (card.input_size_wh[0] // 4, card.input_size_wh[1] // 4)
    empty = _answer(card, np.zeros((1, len(COCO_17), maps_wh[1], maps_wh[0]), np.float32))
    points = affine.apply(affine.inverse(empty.to_frame), in_frame)
    if card.decoder == "heatmap_cpn":
        values = heatmap.encode(points - 0.5, maps_wh, 2.0)  # a pixel speaks for its middle
    else:
        values = heatmap.encode(points, maps_wh, 2.0)
    return replace(empty, values=values * np.float32(card.heatmap_peak))
