"""The command: fake networks that see drawn people, so that every figure is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.annotations import Annotations, People
from main import main
from model_zoo.zoo import DEFAULT_FOLDER, MODELS
from pose.errors import OutputError
from tests.app import drawn
from tests.evaluation import labelled

KEYPOINT_NAMES = ["AP", "AP50", "AP75", "APm", "AR", "AR50", "AR75", "ARm"]


@pytest.fixture
def scene(tmp_path: Path) -> list[str]:
    """Arguments for three photographs with 1, 2 and 0 drawn people, their labels and networks."""
    labels = _labels()
    for index, people in enumerate((1, 2, 0)):
        drawn.write_pictures(tmp_path / str(index), 1, people)
    names = [f"{index}/frame0.png" for index in range(3)]
    path = labelled.write(tmp_path / "labels.json", labels, names)
    networks = drawn.write_networks(tmp_path, colours=True)
    return ["evaluate", "--annotations", str(path), "--images", str(tmp_path), *networks]


def test_true_boxes_give_keypoint_figures_and_one_json_object(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = _json([*scene, "--boxes", "truth"], capsys)

    assert report["AP"] == pytest.approx(1, abs=0.05)
    assert report["PCK"] == 1
    assert (report["people"], report["photographs"], report["people_without_torso"]) == (3, 3, 0)
    assert set(KEYPOINT_NAMES) <= set(report)
    assert not [name for name in report if name.startswith("detector") or name == "PCKh"]
    assert report["ms_per_person"] > 0


def test_several_networks_are_measured_together_and_each_alone(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = scene[-1]
    blind = str(drawn.write_networks(_folder(tmp_path, "blind"))[-1])
    arguments = [*scene[:-1], good, blind, "--boxes", "truth", "--each"]

    report = _json(arguments, capsys)

    members = report["members"]
    assert list(members) == [good, blind]
    assert members[good]["PCK"] == 1
    assert members[blind]["PCK"] < members[good]["PCK"]
    gain = members[blind]["differences"]["PCK"]
    assert gain["difference"] == pytest.approx(report["PCK"] - members[blind]["PCK"], abs=2e-6)
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert main(arguments) == 0
    assert f"{blind} alone, and what all together gain over it" in capsys.readouterr().out


@pytest.mark.parametrize("rule", ["0.3", "soft"])
def test_doubles_go_as_asked(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    """A double ranks last, so that it costs no AP; but it is saved, unless suppressed."""
    found = tmp_path / "boxes.json"
    xywh = [_xywh(_labels().photographs[0], 0)] * 2
    entries = [
        {"image_id": 1, "category_id": 1, "score": score, "bbox": box}
        for score, box in zip((0.9, 0.4), xywh, strict=True)
    ]
    found.write_text(json.dumps(entries), "utf-8")
    saved = tmp_path / "saved.json"
    arguments = [*scene, "--boxes", str(found), "--save", str(saved)]

    counts = []
    for change in ([], ["--nms", rule], ["--pose-nms", "0.9"]):
        _json([*arguments, *change], capsys)
        counts.append(len(json.loads(saved.read_text("utf-8"))))

    assert counts == [2, 1 if rule == "0.3" else 2, 1]


@pytest.mark.parametrize("rule", ["0.6", "soft"])
def test_the_detectors_doubles_may_go_by_another_rule(
    scene: list[str], capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    report = _json([*scene, "--boxes", "detector", "--nms", rule], capsys)

    assert report["detector_AP50"] == pytest.approx(1)
    assert report["PCK"] == 1


def test_the_detector_gives_both_kinds_of_figures(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = _json([*scene, "--boxes", "detector"], capsys)

    assert report["detector_AP50"] == report["detector_AP50_medium"] == pytest.approx(1)
    assert report["AP"] == pytest.approx(1, abs=0.05)
    assert report["PCK"] == 1
    assert report["boxes"] == 3
    low, high = report["intervals"]["AP"]
    assert low <= report["AP"] <= high


def test_without_json_there_is_a_table(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*scene, "--boxes", "truth", "--limit", "2"]) == 0

    table = capsys.readouterr().out
    assert table.startswith("labels.json, boxes: truth\n")
    assert "photographs           2" in table


def test_what_was_saved_is_judged_the_same_and_differs_from_itself_by_nothing(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = str(tmp_path / "found.json")
    first = _json([*scene, "--boxes", "detector", "--save", saved], capsys)

    again = _json([*scene, "--boxes", saved, "--against", saved], capsys)

    assert {name: again[name] for name in KEYPOINT_NAMES} == pytest.approx(
        {name: first[name] for name in KEYPOINT_NAMES}
    )
    assert again["differences"]["AP"] == {"difference": 0, "low": 0, "high": 0}
    assert "detector_AP" not in again


def test_boxes_of_a_results_file_go_through_the_pose_network(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        {"image_id": 1, "category_id": 1, "score": 0.7, "bbox": _xywh(_labels().photographs[0], 0)}
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(entries), "utf-8")

    report = _json([*scene, "--boxes", str(tmp_path / "boxes.json")], capsys)

    assert report["AR50"] == report["PCK"] == pytest.approx(1 / 3)
    assert report["detector_AP50"] == pytest.approx(34 / 101)


def test_labels_of_boxes_need_no_pose_network(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(scene[2])
    names = [f"{index}/frame0.png" for index in range(3)]
    labelled.write(path, _labels(), names, keypoints=False)

    report = _json([*scene, "--boxes", "detector", "--pose", "none.onnx"], capsys)

    assert report["detector_AP50"] == pytest.approx(1)
    assert (report["people"], report["boxes"]) == (3, 3)
    assert not {"AP", "PCK", "ms_per_person"} & set(report)


def test_crowds_without_their_mark_need_not_be_found_where_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn.write_pictures(tmp_path, 1, 1)
    row = [(20 * i, 0, 20 * i + 20, 60) for i in range(13)]
    labels = labelled.labels_of([labelled.people([*row, (0, 0, 260, 60)])])
    labels = replace(labels, photographs=(replace(labels.photographs[0], size_wh=drawn.SIZE_WH),))
    path = labelled.write(tmp_path / "labels.json", labels, ["frame0.png"], keypoints=False)
    found = tmp_path / "found.json"
    found.write_text(
        json.dumps(
            [
                {"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [x, y, x2 - x, y2 - y]}
                for x, y, x2, y2 in row
            ]
        )
    )
    arguments = ["evaluate", "--annotations", str(path), "--images", str(tmp_path)]
    arguments += ["--boxes", str(found)]

    plain, marked = (_json([*arguments, *more], capsys) for more in ([], ["--lost-crowds"]))

    assert (plain["boxes"], marked["boxes"]) == (14, 13)
    assert plain["detector_AP50"] < 0.95
    assert marked["detector_AP50"] == pytest.approx(1)


def test_where_others_are_unlabelled_only_pck_applies_to_found_boxes(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(scene[2])
    content = json.loads(path.read_text("utf-8"))
    content["images"][0]["all_people_labelled"] = False
    path.write_text(json.dumps(content), "utf-8")

    report = _json([*scene, "--boxes", "detector"], capsys)

    assert report["PCK"] == 1
    assert not {"AP", "detector_AP"} & set(report)
    assert "AP" in _json([*scene, "--boxes", "truth"], capsys)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--boxes", "guess"], 2, "expected truth, detector or a .json results file, got 'guess'"),
        (["--nms", "hard"], 2, "expected an IoU above 0 and up to 1, or soft, got 'hard'"),
        (["--pose-nms", "2"], 2, "expected an OKS from 0 to 1, got 2.0"),
        (["--each"], 2, "expected two or more models with --each, got 1"),
        (["--limit", "-1"], 2, "expected a number of photographs, got -1"),
        (["--pose", "unheard-of"], 2, "unheard-of"),
        (["--annotations", "none.json"], 65, "none.json: no such file"),
        (["--images", "elsewhere"], 65, "3 of the 3 photographs of labels.json are not in"),
        (["--boxes", "none.json"], 65, "none.json: no such file"),
        (["--against", "none.json"], 65, "none.json: no such file"),
        (["--boxes", "detector", "--person", "none.onnx"], 65, "none.onnx"),
        (["--save", "README.md/found.json"], 74, "cannot write README.md/found.json"),
        (["--save", "."], 2, "--save: expected the name of a file, got ."),
        (["--max-people", "0"], 2, "--max-people of 1 or more"),
        (["--min-score", "nan"], 2, "--min-score from 0 to 1"),
    ],
)
def test_a_mistake_is_one_line_and_the_right_exit_code(
    scene: list[str],
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    code: int,
    message: str,
) -> None:
    assert main([*scene, "--boxes", "truth", *change]) == code

    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_true_boxes_without_keypoints_say_what_to_do(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    labelled.write(Path(scene[2]), _labels(), ["0/frame0.png"] * 3, keypoints=False)

    assert main([*scene, "--boxes", "truth"]) == 65
    assert "nobody has labelled keypoints; use --boxes detector" in capsys.readouterr().err


@pytest.mark.slow
def test_the_default_models_find_people_in_photographs(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = [
        entry.file for entry in MODELS.values() if not (DEFAULT_FOLDER / entry.file).exists()
    ]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} in {DEFAULT_FOLDER}")
    people = shared / "data" / "people"
    labels = people / "annotations" / "person_keypoints_val_coco.json"
    arguments = ["evaluate", "--annotations", str(labels), "--images", str(people), "--limit", "3"]

    report = _json([*arguments, "--boxes", "truth"], capsys)
    found = _json([*arguments, "--boxes", "detector", "--min-score", "0.2"], capsys)

    assert report["AP50"] > 0.7
    assert found["detector_AP50"] > 0.4
    assert found["AP50"] > 0.4


def _labels() -> Annotations:
    """The people that `drawn` draws in three photographs: 1, 2, 0."""
    groups = []
    for index, count in enumerate((1, 2, 0)):
        keypoints = drawn.keypoints(0, count) if count else np.zeros((0, 17, 2), np.float32)
        margin = np.array([-12.5, -12.5, 12.5, 12.5], np.float32)
        xyxy = np.concatenate([keypoints.min(axis=1), keypoints.max(axis=1)], axis=1) + margin
        group = labelled.people(xyxy.tolist(), first_id=10 * index + 1)
        groups.append(replace(group, keypoints=keypoints))
    labels = labelled.labels_of(groups)
    photographs = tuple(replace(photo, size_wh=drawn.SIZE_WH) for photo in labels.photographs)
    return replace(labels, photographs=photographs)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def _xywh(photo: Any, index: int) -> list[float]:
    people: People = photo.people
    x1, y1, x2, y2 = people.xyxy[index].tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run the command; everything on stdout is the object."""
    assert main([*arguments, "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_the_labels_are_never_written_over(
    scene: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    labels = Path(scene[2])
    before = labels.read_bytes()

    assert main([*scene, "--boxes", "truth", "--save", str(labels)]) == 74

    assert "is an input" in capsys.readouterr().err
    assert labels.read_bytes() == before


def test_figures_are_told_though_the_disc_refuses_the_results(
    scene: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OutputError("the disc is full")

    monkeypatch.setattr("evaluation.results.write_whole", full)

    code = main([*scene, "--boxes", "truth", "--save", str(tmp_path / "new" / "r.json")])

    said = capsys.readouterr()
    assert code == 74 and "the disc is full" in said.err
    assert "AP" in said.out


def test_only_networks_that_ran_can_be_compared_with_their_mean(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pose = scene[-1]
    assert main([*scene, pose, "--boxes", "truth", "--each"]) == 2
    assert "expected different models" in capsys.readouterr().err

    saved, other = tmp_path / "r.json", str(drawn.write_networks(_folder(tmp_path, "b"))[-1])
    assert main([*scene, "--boxes", "truth", "--save", str(saved)]) == 0
    assert main([*scene, other, "--boxes", str(saved), "--each"]) == 2
    assert "has keypoints, which are judged as they are" in capsys.readouterr().err


def test_cocos_own_tools_find_the_same_in_what_is_saved(
    scene: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All ten figures: the sizes of people are not taken from the boxes."""
    coco = pytest.importorskip("pycocotools.coco", reason="needs pip install pycocotools")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    saved = tmp_path / "r.json"
    report = _json([*scene, "--boxes", "truth", "--save", str(saved)], capsys)

    truth = coco.COCO(scene[2])
    judge = cocoeval.COCOeval(truth, truth.loadRes(str(saved)), "keypoints")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()

    names = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
    for name, value in zip(names, judge.stats, strict=True):
        assert value == pytest.approx(report.get(name, -1), abs=1e-6), name
