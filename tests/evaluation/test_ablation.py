"""Ablations: the tables, the crops, and the whole command on drawn people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from evaluation.ablation_crops import Exam, Lesson, exam
from evaluation.ablation_job import CARD, AblationJob, all_heatmaps, answers, network_of
from evaluation.ablation_rows import BASE, TABLES, VARIANTS, Variant
from evaluation.ablation_tables import Line, Outcome, as_json, as_text
from evaluation.scores import Scores
from main import main
from network.backbones.lite_hrnet import LiteHrnet
from pose.errors import InputError
from pose.types import Boxes, FloatArray
from tests.evaluation import labelled


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the real one: six people to learn from, two of them with masks."""
    folder = tmp_path_factory.mktemp("data")
    people, labels = folder / "people", folder / "people" / "annotations"
    labels.mkdir(parents=True)
    names = [f"lsp_train/{i}.png" for i in range(4)] + [f"ccp/{i}.png" for i in range(2)]
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for name in [*names, "exam/0.png", "exam/1.png"]:
        _write(people / name, picture)
    for name in names[4:]:
        mask = np.zeros((480, 640), np.uint8)
        mask[40:380, 100:300] = 255
        _write(people / "masks" / name, mask)
    group = labelled.people([(100, 40, 300, 380)])
    everybody = labelled.labels_of([group] * 6)
    path = labelled.write(labels / "person_keypoints_train.json", everybody, names)
    content = json.loads(path.read_text("utf-8"))
    for image in content["images"]:
        image["source"] = image["file_name"].partition("/")[0]
    for index, row in enumerate(content["annotations"]):
        row["id"] = index + 1
    by_hand, by_teacher = content["annotations"][:4], content["annotations"][4:]
    path.write_text(json.dumps({**content, "annotations": by_hand}), "utf-8")
    for row in by_teacher:
        row["keypoints"] = [0.9 if i % 3 == 2 else v for i, v in enumerate(row["keypoints"])]
    teacher = labels / "teacher_train.json"
    teacher.write_text(json.dumps({**content, "annotations": by_teacher}), "utf-8")
    judged = labelled.labels_of([group, labelled.people([(50, 30, 200, 400)], first_id=2)])
    labelled.write(people / "exam.json", judged, ["exam/0.png", "exam/1.png"])
    _write_tinypose(folder / "teachers" / "tinypose_256x192_A.onnx")
    return folder


def test_every_row_stands_on_networks_that_are_trained() -> None:
    members = {name for rows in TABLES.values() for row in rows for name in row.members}

    assert members == set(VARIANTS)


def test_the_tables_are_the_papers() -> None:
    hardest = [VARIANTS[row.members[0]].hardest for row in TABLES["Online hard keypoints mining"]]
    levels = [VARIANTS[row.members[0]].levels for row in TABLES["Levels that RefineNet joins"]]

    assert hardest == [6, 8, 10, 12, 14, 17]
    assert levels == [1, 2, 3, 4]
    assert VARIANTS[BASE] == Variant()


@pytest.mark.parametrize("name", VARIANTS)
def test_kept_features_give_what_the_network_itself_gives(name: str) -> None:
    network = network_of(VARIANTS[name]).eval()
    image = torch.rand(2, 3, 128, 96, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        whole = network.all_heatmaps(image)
        kept = all_heatmaps(network, network.backbone(image))

    torch.testing.assert_close(kept.refined, whole.refined)
    for ours, theirs in zip(kept.levels, whole.levels, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert (kept.mask is None) == (not VARIANTS[name].masks)


@pytest.mark.parametrize("name", ["fpn", BASE, "masks"])
def test_a_step_trains_what_stands_on_the_backbone_only(name: str) -> None:
    backbone = LiteHrnet()
    job = AblationJob(VARIANTS[name], _lesson(), backbone.state_dict(), batch=4)
    [group] = job.parameter_groups(1e-3)
    first = next(job.batches(0))

    sum(job.losses(first).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]

    assert all(parameter.grad is not None for parameter in group["params"])
    assert not any(p.requires_grad for p in job.network.get_submodule("backbone").parameters())


def test_the_same_variant_starts_alike_and_another_seed_does_not() -> None:
    first, again = network_of(VARIANTS[BASE]), network_of(VARIANTS[BASE])
    other = network_of(VARIANTS["other-targets"])

    name = "refine_net.final.conv1.weight"
    torch.testing.assert_close(first.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


def test_heatmaps_come_in_the_order_of_the_exam() -> None:
    crops = _lesson(6)
    whole = Exam(crops.maps, np.zeros((6, 2, 3), np.float32), np.array([6]), Boxes.empty())
    last = Exam(tuple(m[5:] for m in crops.maps), whole.to_frame[5:], whole.counts, whole.boxes)
    network = network_of(VARIANTS[BASE])

    found = answers(network, whole, batch=4)

    assert found.shape == (6, 17, 32, 24)
    np.testing.assert_allclose(found[5:], answers(network, last), atol=1e-4)


def test_an_exam_is_kept_for_its_own_people_only(tmp_path: Path) -> None:
    """Another file of as many photographs was once judged on the crops of the first."""
    _write(tmp_path / "1.png", np.full((480, 640, 3), 90, np.uint8))
    asked: list[int] = []

    def features(batch: FloatArray) -> list[FloatArray]:
        asked.append(len(batch))
        return [np.zeros((len(batch), 4, 8, 6), np.float32)] * 4

    def taken(*xyxy: tuple[float, float, float, float]) -> Exam:
        labels = labelled.labels_of([labelled.people(list(xyxy))])
        photographs = (replace(labels.photographs[0], path=tmp_path / "1.png"),)
        return exam(tmp_path / "exam.npz", replace(labels, photographs=photographs), CARD, features)

    one = taken((10, 20, 110, 220))
    again = taken((10, 20, 110, 220))
    other = taken((200, 20, 300, 220), (400, 20, 500, 220))

    assert asked == [1, 2]
    np.testing.assert_array_equal(one.boxes.xyxy, again.boxes.xyxy)
    assert other.boxes.xyxy[:, 0].tolist() == [200, 400]
    with pytest.raises(InputError, match="found none in 1 photographs"):
        taken()


def test_a_row_whose_cost_was_lost_is_judged_all_the_same() -> None:
    """It was stopped between its weights and the figure."""
    scores = Scores({"AP": 0.5, "PCK": 0.6}, {"AP": np.zeros(3)}, {}, {})
    outcome = Outcome.of(lambda members: scores if len(members) == 1 else None, {})

    assert "whose time was lost" in as_text(outcome, "about")
    assert json.loads(as_json(outcome))["fpn"]["cpu_minutes"] is None


def test_what_was_not_trained_says_so_and_gains_are_paired() -> None:
    def scores(members: tuple[str, ...]) -> Scores | None:
        if members not in ((BASE,), ("fpn",)):
            return None
        figure = 0.6 if members == (BASE,) else 0.5
        draws = {"AP": figure + np.linspace(-0.1, 0.1, 101)}
        return Scores({"AP": figure, "PCK": figure}, draws, {}, {})

    cost = {name: {"cpu_minutes": 1.5} for name in (BASE, "fpn")}
    outcome = Outcome.of(scores, cost)

    text = as_text(outcome, "about")
    assert "| GlobalNet + RefineNet | 68.6 | not trained |  |  |  |" in text
    assert "| 66.6 | 50.0 | -10.0 (-10.0 to -10.0) | 50.0 | – |" in text
    assert "3.0 minutes" in text
    content = json.loads(as_json(outcome))
    assert set(content) == {BASE, "fpn"}
    assert content["fpn"]["gains"]["AP"] == pytest.approx([-0.1, -0.1, -0.1])


def test_without_the_base_row_there_are_no_gains() -> None:
    line = Line({"AP": 0.5}, {}, 0.0)

    assert "| 66.6 | 50.0 | – | – | – |" in as_text(Outcome({("fpn",): line}), "about")


@pytest.mark.slow
def test_the_whole_command_goes_on_where_it_stopped(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "ablate", "--data", str(data), "--out", str(tmp_path / "out"), "--people", "10",
        "--steps", "2", "--batch", "2", "--annotations", str(data / "people" / "exam.json"),
        "--images", str(data / "people"), "--json",
    ]  # fmt: skip

    assert main([*arguments, "--rows", "fpn"]) == 0
    first = json.loads(capsys.readouterr().out)
    weights = (tmp_path / "out" / "fpn" / "final.pt").stat().st_mtime_ns
    assert main([*arguments, "--rows", "fpn", BASE, "other-targets"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--steps", "3"]) == 2
    refused = capsys.readouterr().err
    assert main([*arguments, "--only-print"]) == 0
    printed = json.loads(capsys.readouterr().out)

    assert set(first) == {"fpn"}
    assert set(second) == {"fpn", BASE, "other-targets", f"{BASE}+other-targets"}
    assert (tmp_path / "out" / "fpn" / "final.pt").stat().st_mtime_ns == weights
    assert second["fpn"]["AP"] == first["fpn"]["AP"]
    assert "holds rows made with" in refused
    assert printed == second


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--rows", "ohkm-9"], 2, "--rows: expected some of fpn"),
        (["--steps", "0"], 2, "of 1 or more"),
        (["--limit", "-3"], 2, "--limit of 0 or more, got -3"),
        (["--rate", "-1"], 2, "--rate of more than 0, got -1"),
        ([], 65, "expected PP-TinyPose's ONNX file at"),
    ],
)
def test_a_mistake_is_one_line_and_the_right_exit_code(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    code: int,
    message: str,
) -> None:
    folders = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]

    assert main(["ablate", *folders, *change]) == code

    output = capsys.readouterr()
    assert message in output.err and output.err.count("\n") == 1
    assert output.out == ""


def _lesson(count: int = 4) -> Lesson:
    rng = np.random.default_rng(0)
    shapes = [(40, 32, 24), (40, 16, 12), (80, 8, 6), (160, 4, 3)]
    return Lesson(
        tuple(rng.normal(size=(count, *shape)).astype(np.float16) for shape in shapes),
        rng.uniform(2, 20, (count, 17, 2)).astype(np.float32),
        np.ones((count, 17), np.float32),
        np.ones((count, 17), np.float32),
        rng.random((count, 32, 24), dtype=np.float32),
        np.ones(count, np.float32),
    )


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _write_tinypose(path: Path) -> None:
    """A file with tensors named and shaped as PP-TinyPose's; its graph does nothing."""
    torch.manual_seed(0)
    last = torch.nn.Conv2d(40, 17, 1)
    tensors = []
    for number, conv in enumerate([*LiteHrnet().convolutions_in_published_order(), last], start=1):
        assert conv.bias is not None
        bias = conv.bias.detach().reshape(1, -1, 1, 1)
        for kind, values in (("w", conv.weight.detach()), ("c", bias)):
            tensors.append(numpy_helper.from_array(values.numpy(), f"P.{kind}{number}"))
    graph = helper.make_graph([], "tinypose", [], [], tensors)
    path.parent.mkdir()
    onnx.save(helper.make_model(graph), str(path))
