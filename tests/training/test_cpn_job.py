"""A CPN's job: targets per level, what decays, masks, baselines, and shares of a batch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from build_engine.export_onnx import export
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import Cpn, CpnConfig, CpnOutput
from network.described import build, describe
from network.global_net import GlobalNetConfig
from network.macs import cost
from network.mask_head import MaskHeadConfig
from network.refine_net import RefineNetConfig
from pose.errors import InputError
from training import distributed
from training.coco_dataset import Person, read_people
from training.cpn_job import CpnJob, mask_iou, together
from training.cpn_options import CpnOptions
from training.cpn_recipe import CARD
from training.loss import baseline_losses, cpn_losses, mask_loss
from training.pose_dataset import PoseDataset, level_kernels

SMALL = CpnConfig(
    LiteHrnetConfig(modules=(1, 1, 1), units=1),
    GlobalNetConfig(channels=8),
    RefineNetConfig(in_channels=(8,) * 4, level_channels=8, final_channels=8, final_squeeze=4),
)
SMALL_CARD = replace(CARD, input_size_wh=(96, 128))


@pytest.fixture
def people(tmp_path: Path) -> list[Person]:
    """Three people of one photograph; the first two have outlines."""
    labels = []
    for number in range(3):
        points = [[20.0 + 3 * k + 10 * number, 12.0 + 5 * k, 1 + k % 2] for k in range(17)]
        outline = [[15.0, 10.0, 75.0, 10.0, 75.0, 100.0, 15.0, 100.0]] if number < 2 else []
        labels.append(
            {
                "id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "num_keypoints": 17,
                "keypoints": [v for p in points for v in p], "bbox": [15, 10, 60, 90],
                "segmentation": outline,
            }
        )  # fmt: skip
    image = {"id": 1, "file_name": "a.png", "width": 160, "height": 120}
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"images": [image], "annotations": labels, "categories": []}))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((120, 160, 3), 90, np.uint8))
    return read_people(file, tmp_path)


def job(people: list[Person], network: nn.Module | None = None, **options: Any) -> CpnJob:
    torch.manual_seed(0)
    return CpnJob(network or Cpn(SMALL), people, people, SMALL_CARD, CpnOptions(**options), batch=4)


def test_nobody_to_learn_from_is_said(people: list[Person]) -> None:
    with pytest.raises(InputError, match="found none"):
        job([])


@pytest.mark.parametrize(
    ("height", "order", "kernels"),
    [
        (256, "tf-cpn", (15, 11, 9, 7)),
        (256, "paper", (7, 9, 11, 15)),
        (384, "tf-cpn", (23, 17, 13, 9)),
        (384, "paper", (9, 13, 17, 23)),
        (128, "paper", (3, 5, 5, 7)),
        (64, "tf-cpn", (3, 3, 3, 3)),
    ],
)
def test_each_level_has_its_gaussian(height: int, order: str, kernels: tuple[int, ...]) -> None:
    assert level_kernels(height, order) == kernels


def test_a_height_that_32_does_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="250"):
        level_kernels(250, "paper")


@pytest.mark.parametrize("order", ["paper", "tf-cpn"])
def test_targets_are_opencvs_blur_of_a_dot(people: list[Person], order: Any) -> None:
    """The facts: 1 at int(x * 48 / 192), GaussianBlur with sigma 0, over its maximum, times 255."""
    example = PoseDataset(people, CARD, seed=3, options=CpnOptions(kernels=order))[2]

    for level, kernel in enumerate(level_kernels(256, order)):
        for joint in range(17):
            wanted: Any = np.zeros((64, 48), np.float32)
            x, y = example.points[joint]
            if np.isfinite(x):
                wanted[int(y), int(x)] = 1
                wanted = cv2.GaussianBlur(wanted, (kernel, kernel), 0)
                wanted *= 255 / wanted.max()
            np.testing.assert_allclose(example.targets[level, joint], wanted, atol=0.02)
    narrowest = 0 if order == "paper" else 3
    np.testing.assert_array_equal(example.refine_target, example.targets[narrowest])


def test_only_visible_joints_are_shown_to_global_net(people: list[Person]) -> None:
    example = PoseDataset(people, CARD, training=False)[0]

    assert example.visible.tolist() == [k % 2 for k in range(17)]
    assert example.labelled.tolist() == [1] * 17


def test_losses_are_those_of_tf_cpn_written_out(people: list[Person]) -> None:
    """Level by level, joint by joint, in numpy: tf-cpn's sums, not our tensors."""
    learning = job(people)
    batch = next(learning.batches(0))
    output = learning.network.all_heatmaps(batch["image"])  # type: ignore[operator]

    found = cpn_losses(
        output, list(batch["targets"].unbind(1)), batch["refine_target"], batch["visible"],
        batch["labelled"],
    )  # fmt: skip

    levels = [level.detach().numpy() for level in output.levels]
    shown = batch["targets"].numpy() * (batch["visible"].numpy() > 0)[:, None, :, None, None]
    wanted = sum(((o - shown[:, i]) ** 2).mean() / 4 for i, o in enumerate(levels)) / 2
    assert float(found["global"].detach()) == pytest.approx(float(wanted), rel=1e-4)
    errors = ((output.refined.detach().numpy() - batch["refine_target"].numpy()) ** 2).mean((2, 3))
    errors = np.sort(errors * batch["labelled"].numpy(), axis=1)[:, ::-1][:, :8]
    assert float(found["refine"].detach()) == pytest.approx(
        float((errors.sum(1) / 8).mean()), rel=1e-4
    )


def test_pytorch_cpns_weight_and_ignored_joints_are_options(people: list[Person]) -> None:
    learning = job(people)
    batch = next(learning.batches(0))
    with torch.no_grad():
        output = learning.network.all_heatmaps(batch["image"])  # type: ignore[operator]
    parts: Any = (
        output, list(batch["targets"].unbind(1)), batch["refine_target"], batch["visible"],
        batch["labelled"],
    )  # fmt: skip

    plain = cpn_losses(*parts)["global"]

    assert float(cpn_losses(*parts, global_weight=2)["global"]) == pytest.approx(4 * float(plain))
    assert float(cpn_losses(*parts, hidden="ignored")["global"]) < float(plain)
    assert float(cpn_losses(*parts, global_hardest=8)["global"]) > float(plain)


def test_baselines_learn_every_stage() -> None:
    target = torch.ones(2, 17, 8, 6)
    stages = [torch.zeros(2, 17, 8, 6), torch.full((2, 17, 8, 6), 0.5)]
    loss = baseline_losses(CpnOutput(stages, stages[-1]), [target] * 2, torch.ones(2, 17))

    assert float(loss["stages"]) == pytest.approx(1 + 0.25)


def test_convolutions_decay_and_the_rest_does_not(people: list[Person]) -> None:
    learning = job(people)

    decaying, rest = learning.parameter_groups(5e-4)

    assert "weight_decay" not in decaying and rest["weight_decay"] == 0
    assert all(p.dim() == 4 for p in decaying["params"])
    count = len(decaying["params"]) + len(rest["params"])
    assert count == len(list(learning.network.parameters()))
    (everything,) = job(people, decay_on="all").parameter_groups(5e-4)
    assert len(everything["params"]) == count


def test_processes_share_each_pass(people: list[Person], monkeypatch: pytest.MonkeyPatch) -> None:
    def crops(rank: int, processes: int) -> list[str]:
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        monkeypatch.setattr(distributed, "processes", lambda: processes)
        learning = CpnJob(Cpn(SMALL), people, [], SMALL_CARD, CpnOptions(), batch=3)
        return [str(image.sum()) for b in learning.batches(5) for image in b["points"].numpy()]

    alone, first, second = crops(0, 1), crops(0, 2), crops(1, 2)

    assert len(alone) == 12 and len(first) == len(second) == 6
    assert alone == [crop for pair in zip(first, second, strict=True) for crop in pair]


# ---- segmentation supervision --------------------------------------------------------------------


def test_the_mask_follows_the_mirrored_and_turned_crop(people: list[Person]) -> None:
    """The outline is the box; the joints lie inside it, so inside the mask, in every way."""
    data = PoseDataset(people, SMALL_CARD, options=CpnOptions(scale=(1.2, 1.2)))
    for index in range(4):
        example = data[index]
        assert example.mask_known == 1 and 0.1 < example.mask.mean() < 0.9
        for x, y in example.points[np.isfinite(example.points).all(1)]:
            if 0.5 < x < 22.5 and 0.5 < y < 30.5:
                assert example.mask[round(float(y)), round(float(x))] > 0.2
    nobody = data[8]
    assert nobody.mask_known == 0 and not nobody.mask.any()


def test_the_mask_loss_is_a_weighted_cross_entropy_of_known_masks() -> None:
    logits = torch.tensor([[[0.0]], [[3.0]]]).double()
    coverage = torch.tensor([[[1.0]], [[1.0]]]).double()

    loss = mask_loss(logits, coverage, torch.tensor([1.0, 0.0]).double())

    assert float(loss) == pytest.approx(np.log(2) / 2)
    assert float(mask_loss(logits, coverage, torch.zeros(2).double())) == 0


def test_a_mask_that_fits_overlaps_wholly() -> None:
    wanted = np.array([[[1.0, 0.8], [0.2, 0.0]], [[0, 0], [0, 0]], [[1, 1], [0, 0]]])
    logits = np.array([[[1.0, 1.0], [-1, -1]], [[-1, -1], [-1, -1]], [[1, -1], [1, -1]]])

    np.testing.assert_allclose(mask_iou(logits, wanted), [1, 1, 1 / 3])
    assert mask_iou(np.zeros((0, 2, 2)), np.zeros((0, 2, 2))).shape == (0,)


def test_the_mask_reaches_all_levels_and_the_backbone(people: list[Person]) -> None:
    config = replace(SMALL, mask_head=MaskHeadConfig(channels=4))
    learning = job(people, Cpn(config), mask_weight=30.0)
    batch = {n: v for n, v in together([PoseDataset(people, SMALL_CARD)[0]] * 2).items()}

    losses = learning.losses(batch)
    losses["mask"].backward()  # type: ignore[no-untyped-call]

    moved = {
        name.split(".")[0] for name, p in learning.network.named_parameters() if p.grad is not None
    }
    assert moved == {"backbone", "global_net", "mask_head"}
    assert float(losses["mask"].detach()) > 1  # thirty times a cross-entropy of about 0.7
    figures = learning.validate(learning.network)
    assert figures["masks"] == 2 and 0 <= figures["mask_iou"] <= 1


def operators(graph: Any) -> list[Any]:
    """Every operator with its attributes and whom it is wired to; the tracer's numbers removed."""
    places: dict[str, int] = {}
    for name in (t.name for t in (*graph.input, *graph.initializer)):
        places.setdefault(name, len(places))
    found = []
    for node in graph.node:
        for name in node.output:
            places.setdefault(name, len(places))
        wires = [places.get(name, -1) for name in (*node.input, *node.output)]
        found.append((node.op_type, wires, [a.SerializeToString() for a in node.attribute]))
    return found


def test_an_exported_graph_knows_nothing_of_the_mask(tmp_path: Path) -> None:
    """Same operators, same tensors of the same shapes, same bytes of weights, same cost."""
    onnx = pytest.importorskip("onnx", reason="needs pip install -e '.[train]'")
    torch.manual_seed(0)
    plain = Cpn(SMALL)
    masked = Cpn(replace(SMALL, mask_head=MaskHeadConfig()))
    masked.load_state_dict(plain.state_dict(), strict=False)
    again = build(json.loads(json.dumps(describe(masked))))
    again.load_state_dict(masked.state_dict())  # as `main.py build` does from a checkpoint

    graphs = []
    for name, network in (("plain", plain), ("masked", again)):
        export(network, SMALL_CARD, tmp_path / f"{name}.onnx")
        graphs.append(onnx.load(str(tmp_path / f"{name}.onnx")).graph)

    weights = [[(list(t.dims), t.raw_data) for t in graph.initializer] for graph in graphs]
    assert operators(graphs[0]) == operators(graphs[1])
    assert weights[0] == weights[1]
    assert cost(plain, (96, 128)) == cost(again, (96, 128))
    assert sum(p.numel() for p in again.parameters()) > sum(p.numel() for p in plain.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_photograph_that_went_bad_is_one_line_also_out_of_a_worker(
    people: list[Person], tmp_path: Path, workers: int
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    spoiled = [replace(person, image=bad) for person in people]
    job = CpnJob(nn.Conv2d(3, 3, 1), spoiled, [], CARD, CpnOptions(), 2, workers)

    with pytest.raises(InputError) as caught:
        next(job.batches(0))

    assert str(caught.value) == f"expected a photograph at {bad}, could not read one"
