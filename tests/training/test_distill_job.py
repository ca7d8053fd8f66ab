"""Learning from a cache: targets are mixed as they should be, and each start trains its part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from network.cpn import CpnOutput, LiteCpn
from pose import heatmap
from pose.errors import InputError
from pose.skeleton import COCO_17
from tests.training.small_cache import CROPS, SMALL
from training import distill_job
from training.augment import Camera
from training.distill import Cache, remember_features
from training.distill_exam import hits_of_each, oks_of_each
from training.distill_job import DistillConfig, DistillJob, Start
from training.distill_view import PLAIN
from training.pose_card import CARD
from training.teacher import unmirrored

STILL = Camera(0, 0, 0, 0, 0, 0)


def _job(cache: Cache, start: Start) -> DistillJob:
    torch.manual_seed(0)
    network = LiteCpn(SMALL)

    def forward(crops: np.ndarray) -> list[np.ndarray]:
        image = torch.zeros(len(crops), 3, 256, 192)
        backbone = network.backbone.eval()
        with torch.no_grad():
            levels = backbone(image) if start == "pyramid" else backbone.early(image)
        return [level.numpy() for level in levels]

    if start in ("pyramid", "early"):
        remember_features(cache, start, forward, batch=5)
    early = forward if start == "late" else None
    return DistillJob(network, cache, CARD, DistillConfig(start=start, batch=3), early)


@pytest.mark.parametrize("start", ["pyramid", "early", "late", "image"])
def test_each_start_trains_its_part_and_no_more(cache: Cache, start: Start) -> None:
    job = _job(cache, start)
    groups = job.parameter_groups(1e-3)
    trained = {id(p) for group in groups for p in group["params"]}

    losses = job.losses(next(job.batches(0)))
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]

    moved = {name for name, p in job.network.named_parameters() if p.grad is not None}
    assert moved == {name for name, p in job.network.named_parameters() if id(p) in trained}
    assert any(name.startswith("backbone.stem") for name in moved) == (start == "image")
    assert any(name.startswith("backbone.stages.2") for name in moved) == (start != "pyramid")


def test_held_in_crops_are_never_learned(cache: Cache) -> None:
    job = _job(cache, "image")

    seen = {int(i) for seed in range(3) for batch in job.batches(seed) for i in batch[1:]}

    assert seen == {i for i in range(CROPS) if i % 4}


def test_hand_labels_draw_the_target_where_they_can_be_believed(cache: Cache) -> None:
    """Joint 3 has no hand label; joint 4's is far from the teachers: only PARSE is trusted."""
    job = _job(cache, "image")
    teacher = cache.targets.astype(np.float32) / 255

    mixed, _ = job._targets(np.arange(CROPS))

    np.testing.assert_allclose(mixed[:, 3], teacher[:, 3])
    np.testing.assert_allclose(mixed[1::2, 4], teacher[1::2, 4])
    assert not np.allclose(mixed[::2, 4], teacher[::2, 4])
    assert (mixed[:, 0] != teacher[:, 0]).any((1, 2)).all()


def test_own_answers_are_learned_from_but_not_judged_by(cache: Cache) -> None:
    """Joint 3 has no hand label, so that its target is what teachers and network say."""
    teacher = cache.targets.astype(np.float32) / 255
    own = np.full_like(cache.targets, 255)
    config = DistillConfig(start="image", batch=3, own_share=0.25)
    job = DistillJob(LiteCpn(SMALL), cache, CARD, config, own=own)

    learned, _ = job._targets(np.arange(CROPS))
    judged, _ = job._targets(np.arange(CROPS), own=False)

    np.testing.assert_allclose(learned[:, 3], 0.75 * teacher[:, 3] + 0.25, atol=1e-6)
    np.testing.assert_allclose(judged[:, 3], teacher[:, 3], atol=1e-6)


def test_a_joint_that_label_and_teachers_dispute_may_be_left_out_mirrored_too(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joint 4 of Leeds' people is disputed; in a mirrored crop it is joint 3."""
    seen: list[np.ndarray] = []

    def losses(
        output: CpnOutput, target: Tensor, weight: Tensor, hardest: int
    ) -> dict[str, Tensor]:
        seen.append(weight.numpy())
        return {}

    monkeypatch.setattr(distill_job, "distillation_losses", losses)
    config = DistillConfig("image", 3, doubted_weight=0.0)
    job = DistillJob(LiteCpn(SMALL), cache, CARD, config)
    for seed in range(4):
        job.losses(np.array([seed, *range(CROPS)]))

    disputed = np.array(cache.sources) == "lspet"
    weights = np.stack(seen)  # (4, N, K), people in the order of their index
    pair = np.sort(weights[..., [3, 4]], axis=-1)
    assert (pair[:, disputed] == [0, 1]).all()
    assert (pair[:, ~disputed] == 1).all()
    assert (np.delete(weights, [3, 4], axis=-1) == 1).all()
    assert 0 < weights[:, disputed, 4].mean() < 1, "some were mirrored, some not"


def test_validation_tells_the_teachers_own_answer_from_a_bad_one(cache: Cache) -> None:
    job = _job(cache, "image")

    figures = job.validate(job.network)
    asked = job.ask(job.network, job.held_in)
    right = replace(asked, found=asked.wanted)

    assert figures["people"] == 3
    assert 0 <= figures["score"] < 0.5
    np.testing.assert_allclose(oks_of_each(right), 1, atol=1e-6)
    assert np.isnan(hits_of_each(asked)).all(), "PARSE swaps sides: no ruler"


def test_spoiled_views_are_the_same_in_every_call(cache: Cache) -> None:
    job = _job(cache, "image")

    plain = job.ask(job.network, job.held_in)
    once, again = (job.ask(job.network, job.held_in, spoiled=True) for _ in range(2))

    np.testing.assert_array_equal(once.found, again.found)
    assert not np.array_equal(once.found, plain.found)
    assert len(job.ask(job.network, job.held_in[:0]).found) == 0


def test_somebody_steps_in_front_only_as_often_as_asked(cache: Cache) -> None:
    person = np.full((60, 30, 4), 255, np.uint8)
    network = LiteCpn(SMALL)

    def seen(chance: float) -> np.ndarray:
        config = DistillConfig("image", 3, paste_chance=chance, framing=PLAIN, camera=STILL)
        job = DistillJob(network, cache, CARD, config, people=[person])
        index = np.arange(3)
        return job._seen_anew(np.random.default_rng(1), index, job._targets(index)[0])[0]

    assert (seen(1.0) == 255).all(-1).mean() > 0.005 + (seen(0.0) == 255).all(-1).mean()


def test_sources_with_a_share_above_one_come_again(cache: Cache) -> None:
    network = LiteCpn(SMALL)
    config = DistillConfig(start="image", batch=1, source_share={"lspet": 3.0, "parse": 0.0})
    job = DistillJob(network, cache, CARD, config)

    drawn = [cache.sources[int(batch[1])] for batch in job.batches(0)]

    assert drawn == ["lspet"] * 18


def test_features_that_were_never_computed_are_asked_for(cache: Cache) -> None:
    with pytest.raises(InputError, match="pyramid features"):
        DistillJob(LiteCpn(SMALL), cache, CARD, DistillConfig())


def test_mirrored_targets_are_those_of_the_mirrored_crop(rng: np.random.Generator) -> None:
    points = rng.uniform(10, 38, (2, 17, 2)).astype(np.float32)
    mirrored = points[:, COCO_17.flip].copy()
    mirrored[..., 0] = (191 - 4 * mirrored[..., 0]) / 4

    turned = unmirrored(heatmap.encode(points, (48, 64), 2.0))

    np.testing.assert_allclose(heatmap.decode_dark(turned)[0], mirrored, atol=0.1)


def test_fewer_crops_than_a_batch_are_one_batch(cache: Cache) -> None:
    learned = sorted(i for i in range(CROPS) if i % 4)
    config = DistillConfig("image", batch=64, source_share={"parse": 0.0, "lspet": 0.01})

    job = DistillJob(LiteCpn(SMALL), cache, CARD, config)

    (batch,) = job.batches(0)
    assert sorted(batch[1:].tolist()) == learned


def test_nobody_to_learn_from_is_said(cache: Cache) -> None:
    cache.done[:] = cache.held_in

    with pytest.raises(InputError, match="crops to learn from"):
        DistillJob(LiteCpn(SMALL), cache, CARD, DistillConfig("image"))
