"""Losses of the detector: what is punished, what is left alone, and that they teach."""

from __future__ import annotations

import pytest
import torch

from network.backbones.cspnext import CspNextConfig
from network.person_detector import LevelMaps, PersonDetector, PersonDetectorConfig
from training.person_loss import SceneLabels, detector_losses, generalised_iou, quality_focal
from training.person_targets import pairwise_iou

SMALL = PersonDetectorConfig(
    CspNextConfig(widths=(8, 8, 16, 16, 16), depths=(1, 1, 1, 1)), head_channels=16
)
NOBODY = SceneLabels(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 4), complete=True)


def _maps(logit: float) -> list[LevelMaps]:
    return [
        LevelMaps(
            torch.full((1, 1, 64 // s, 64 // s), float(logit)),
            torch.zeros(1, 2, 64 // s, 64 // s),
            torch.full((1, 2, 64 // s, 64 // s), 4.0),
            s,
        )
        for s in (8, 16, 32)
    ]


def test_an_empty_scene_costs_only_false_alarms() -> None:
    quiet, loud = _maps(-12), _maps(2)

    silent = detector_losses(quiet, _maps(-12), [NOBODY])
    alarmed = detector_losses(loud, _maps(-12), [NOBODY])

    assert float(silent["centre"].detach()) == pytest.approx(0, abs=1e-6)
    assert float(silent["box"].detach()) == 0
    assert float(alarmed["centre"].detach()) > 1


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0.0),
        ([0, 0, 1, 1], [3, 0, 4, 1], -0.5),
        ([0, 0, 2, 2], [0, 0, 1, 2], 0.5),
    ],
)
def test_generalised_iou_has_its_published_values(
    a: list[int], b: list[int], expected: float
) -> None:
    one, other = torch.tensor([a], dtype=torch.float32), torch.tensor([b], dtype=torch.float32)

    assert float(generalised_iou(one, other)) == pytest.approx(expected)


def test_quality_focal_loss_is_least_at_the_wanted_score() -> None:
    wanted = torch.tensor([0.7])
    logits = torch.linspace(-4, 4, 401)

    losses = quality_focal(logits, wanted.expand(401))

    assert float(logits[losses.argmin()].sigmoid()) == pytest.approx(0.7, abs=0.01)


def test_background_of_a_partly_labelled_scene_is_what_the_teacher_says() -> None:
    partly = SceneLabels(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 4), complete=False)
    maps, taught = _maps(1.0), _maps(1.0)

    losses = detector_losses(maps, taught, [partly])

    assert float(losses["centre"].detach()) == pytest.approx(0, abs=1e-6)


def test_ignored_areas_cost_nothing_beyond_the_teacher() -> None:
    everywhere = torch.tensor([[-1.0, -1.0, 65.0, 65.0]])
    ignored = SceneLabels(torch.zeros(0, 4), torch.zeros(0), everywhere, complete=True)

    losses = detector_losses(_maps(1.0), _maps(1.0), [ignored])

    assert float(losses["centre"].detach()) == pytest.approx(0, abs=1e-6)


def test_a_tiny_batch_is_learned() -> None:
    torch.manual_seed(0)
    network = PersonDetector(SMALL)
    frames = torch.randn(1, 3, 64, 64)
    person = torch.tensor([[8.0, 8, 40, 60]])
    labels = [SceneLabels(person, torch.ones(1), torch.zeros(0, 4), True)]
    with torch.no_grad():
        taught = network(frames)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    totals = []

    for _ in range(40):
        optimiser.zero_grad()
        losses = detector_losses(network(frames), taught, labels)
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        totals.append(float(total.detach()))
    with torch.no_grad():
        xyxy, scores = network.export()(frames)

    assert totals[-1] < 0.8 * totals[0]
    assert float(pairwise_iou(xyxy[0, scores[0].argmax(), None], person)) > 0.5
