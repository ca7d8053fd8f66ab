"""Assignment: which cells shall find which person."""

from __future__ import annotations

import pytest
import torch

from network.person_detector import LevelMaps, candidates
from training.person_loss import cells_of
from training.person_targets import CellTargets, assign, pairwise_iou

NOBODY = torch.zeros(0, 4)


def _maps(size: int = 128) -> list[LevelMaps]:
    """Every cell of every level guesses a box of four strides around itself, score one half."""
    return [
        LevelMaps(
            torch.zeros(1, 1, size // s, size // s),
            torch.zeros(1, 2, size // s, size // s),
            torch.full((1, 2, size // s, size // s), 4.0),
            s,
        )
        for s in (8, 16, 32)
    ]


def _assign(
    maps: list[LevelMaps],
    xyxy: torch.Tensor,
    weights: torch.Tensor | None = None,
    ignored: torch.Tensor = NOBODY,
) -> CellTargets:
    found, logits = candidates(maps)
    weights = torch.ones(len(xyxy)) if weights is None else weights
    return assign(cells_of(maps), found[0], logits[0], xyxy, weights, ignored)


def test_a_scene_without_people_wants_nothing() -> None:
    targets = _assign(_maps(), NOBODY)

    assert targets.scores.shape == (336,)
    assert not targets.assigned.any()
    assert not targets.scores.any()
    assert not targets.ignored.any()


def test_cells_of_an_ignored_area_are_ignored() -> None:
    targets = _assign(_maps(), NOBODY, ignored=torch.tensor([[0.0, 0.0, 128.0, 60.0]]))
    centres = cells_of(_maps()).centres

    assert torch.equal(targets.ignored, centres[:, 1] <= 60)


@pytest.mark.parametrize(
    ("person", "stride"),
    [([48, 48, 80, 80], 8), ([32, 32, 96, 96], 16), ([0, 0, 128, 128], 32)],
)
def test_the_level_whose_boxes_fit_gets_the_person(person: list[int], stride: int) -> None:
    maps = _maps()

    targets = _assign(maps, torch.tensor([person], dtype=torch.float32))

    best = targets.scores.argmax()
    assert cells_of(maps).strides[best] == stride
    assert targets.scores[best] == pytest.approx(1.0)
    assert targets.xyxy[best].tolist() == person


def test_wanted_scores_are_the_overlap_with_the_label() -> None:
    maps = _maps()
    person = torch.tensor([[40.0, 40.0, 80.0, 88.0]])
    found, _ = candidates(maps)

    targets = _assign(maps, person)

    overlap = pairwise_iou(found[0], person)[:, 0]
    torch.testing.assert_close(targets.scores[targets.assigned], overlap[targets.assigned])


def test_a_person_smaller_than_a_cell_still_gets_one() -> None:
    targets = _assign(_maps(), torch.tensor([[43.0, 43.0, 46.0, 46.0]]))

    assert targets.assigned.sum() == 1


def test_each_cell_has_one_person_and_each_person_a_cell() -> None:
    people = torch.tensor([[40.0, 40.0, 72.0, 72.0], [56.0, 40.0, 88.0, 72.0]])
    weights = torch.tensor([1.0, 0.5])

    targets = _assign(_maps(), people, weights)

    assert set(targets.weights[targets.assigned].tolist()) == {1.0, 0.5}
    boxes = {tuple(box) for box in targets.xyxy[targets.assigned].tolist()}
    assert boxes == {tuple(box) for box in people.tolist()}


def test_maps_made_of_the_targets_decode_to_the_labels() -> None:
    """The circle: label -> wanted box of its cells -> offset and size -> box."""
    maps = _maps()
    person = torch.tensor([[33.0, 21.0, 75.0, 110.0]])
    cells = cells_of(maps)
    targets = _assign(maps, person)
    offset = ((targets.xyxy[:, :2] + targets.xyxy[:, 2:]) / 2 - cells.centres) / cells.strides[
        :, None
    ]
    size = (targets.xyxy[:, 2:] - targets.xyxy[:, :2]) / cells.strides[:, None]
    counts = [level.centre.numel() for level in maps]

    def shaped(values: torch.Tensor, level: LevelMaps) -> torch.Tensor:
        return values.T.reshape(1, 2, *level.centre.shape[2:])

    perfect = [
        LevelMaps(level.centre, shaped(o, level), shaped(s, level), level.stride)
        for level, o, s in zip(
            maps, torch.split(offset, counts), torch.split(size, counts), strict=True
        )
    ]

    decoded = candidates(perfect)[0][0][targets.assigned]

    assert len(decoded)
    torch.testing.assert_close(decoded, person.expand(len(decoded), 4))
