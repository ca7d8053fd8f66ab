"""The paired trial of segmentation supervision: equal starts, honest counting, an interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from network.described import build, describe
from training import mask_trial
from training.coco_dataset import is_held_in
from training.mask_trial import Trial, compare, hit_parts, network


def test_both_arms_start_from_the_same_weights() -> None:
    plain, masked = network(3, 0.0).state_dict(), network(3, 0.2).state_dict()

    other = network(4, 0.0).state_dict()
    assert all(torch.equal(value, masked[name]) for name, value in plain.items())
    assert {name.split(".")[0] for name in masked.keys() - plain.keys()} == {"mask_head"}
    assert not torch.equal(plain["backbone.stem.0.weight"], other["backbone.stem.0.weight"])
    assert describe(build(describe(network(0, 0.2)))) == describe(network(0, 0.2))


def test_only_visible_joints_of_people_with_a_torso_count() -> None:
    points = torch.zeros(4, 17, 2)
    points[:, 12, 1] = 10.0  # shoulder to hip: ten pixels, so two count as found
    points[2, 5] = float("nan")
    visible = torch.ones(4, 17)
    visible[1, 3:] = 0
    visible[3] = 0
    found = points.numpy().copy()
    found[0, 0] += 1.9 / np.sqrt(2)
    found[0, 1] += 2.1 / np.sqrt(2)
    found[1, 2] = np.nan

    parts = hit_parts(found, points, visible)

    np.testing.assert_allclose(parts, [16 / 17, 2 / 3, np.nan, np.nan])


def test_crops_are_counted_by_person() -> None:
    crops = np.array([1, 0.5, np.nan, 0, *[np.nan] * 4, 1, 1, 1, 1])

    np.testing.assert_allclose(mask_trial.per_person(crops), [0.5, np.nan, 1])


def test_a_difference_is_paired_and_its_interval_holds_it(rng: np.random.Generator) -> None:
    """People differ much more than the arms do: only pairing shows so small a gain."""
    hits = rng.uniform(0.2, 0.9, 300)
    iou = np.full(300, 0.8)
    without = [Trial(hits + rng.normal(0, 0.02, 300), np.zeros(0)) for _ in range(3)]
    gained = [Trial(trial.hits + 0.02 + rng.normal(0, 0.02, 300), iou) for trial in without]

    report = compare(without, gained, 900, Trial(hits / 2, iou / 2))

    middle, low, high = report.difference
    assert low < 0.02 < high and low > 0.01 and middle == pytest.approx(0.02, abs=0.005)
    assert report.people == (900, 300) and report.iou == pytest.approx((0.8,) * 3)
    said = "\n".join(report.lines())
    assert "+2.0" in said and "95 % interval" in said and "0.400" in said


def test_arms_that_do_not_differ_have_zero_in_their_interval(rng: np.random.Generator) -> None:
    hits = [rng.uniform(0.2, 0.9, 200) for _ in range(2)]
    hits[0][5] = np.nan
    same = [Trial(value, np.ones(200)) for value in hits]

    middle, low, high = compare(same, same, 1, same[1]).difference

    assert (middle, low, high) == (0, 0, 0)


def test_the_sample_data_has_its_masks(shared: Path) -> None:
    """1,294 pictures, one of them empty; a few fit no box."""
    people = mask_trial.masked_people(shared / "data/people")

    assert 1200 < len(people) <= 1293
    assert {person.source for person in people} == {"ccp", "hseg"}
    held_in = sum(is_held_in(person, mask_trial.HELD_IN_PERCENT) for person in people)
    assert 0.15 < held_in / len(people) < 0.25
