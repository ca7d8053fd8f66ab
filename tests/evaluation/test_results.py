"""COCO results files: what is written is read again, and wrong ones are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.predict import Predictions
from evaluation.results import keypoint_entries, read_results, write_results
from pose.errors import InputError, OutputError
from pose.ranking import person_scores
from pose.types import Boxes, Poses
from tests.evaluation import labelled

LABELS = labelled.labels_of([labelled.people([(10, 20, 110, 220)]), labelled.people([])])
ENTRY: dict[str, Any] = {
    "image_id": 1,
    "category_id": 1,
    "score": 0.5,
    "bbox": [10, 20, 100, 200],
    "keypoints": [30, 40, 1] * 17,
}


def test_a_person_ranks_by_box_score_times_mean_score_of_what_was_seen() -> None:
    poses = labelled.perfect(LABELS)[0]
    scores = np.linspace(0, 1, 17, dtype=np.float32)[None]
    poses = replace(
        poses, scores=scores, boxes=Boxes(poses.boxes.xyxy, np.array([0.8], np.float32))
    )

    both = [poses, Poses.empty(17)]
    assert keypoint_entries(LABELS, both)[0]["score"] == pytest.approx(0.8 * 0.625)
    assert keypoint_entries(LABELS, both, seen=0)[0]["score"] == pytest.approx(0.4)


def test_boxes_come_back(tmp_path: Path) -> None:
    boxes = labelled.perfect(LABELS)[0].boxes

    write_results(tmp_path / "r.json", LABELS, Predictions((boxes, Boxes.empty()), None))
    read = read_results(tmp_path / "r.json", LABELS)

    assert read.poses is None
    np.testing.assert_allclose(read.boxes[0].xyxy, boxes.xyxy)
    np.testing.assert_allclose(read.boxes[0].scores, boxes.scores)
    assert len(read.boxes[1]) == 0


def test_poses_come_back_and_what_was_not_found_stays_unfound(tmp_path: Path) -> None:
    poses = labelled.perfect(LABELS)[0]
    poses.keypoints[0, 4], poses.scores[0, 4] = np.nan, 0
    found = Predictions((poses.boxes, Boxes.empty()), (poses, Poses.empty(17)))

    write_results(tmp_path / "r.json", LABELS, found)
    read = read_results(tmp_path / "r.json", LABELS)

    assert read.poses is not None
    np.testing.assert_allclose(read.poses[0].keypoints, poses.keypoints)
    np.testing.assert_allclose(person_scores(read.poses[0]), person_scores(poses), rtol=1e-6)
    assert "NaN" not in (tmp_path / "r.json").read_text("utf-8")


def test_a_pose_keeps_the_box_it_was_found_in(tmp_path: Path) -> None:
    """PCK matches people by it, and would be another figure by the box around the keypoints."""
    poses = labelled.perfect(LABELS)[0]
    loose = Boxes(poses.boxes.xyxy + np.array([-30, -5, 7, 60], np.float32), poses.boxes.scores)
    found = Predictions((loose, Boxes.empty()), (replace(poses, boxes=loose), Poses.empty(17)))

    write_results(tmp_path / "r.json", LABELS, found)
    read = read_results(tmp_path / "r.json", LABELS)

    assert read.poses is not None
    np.testing.assert_allclose(read.poses[0].boxes.xyxy, loose.xyxy)
    assert "bbox" not in json.loads((tmp_path / "r.json").read_text())[0]


def test_nobody_found_is_a_result(tmp_path: Path) -> None:
    assert sum(map(len, _read(tmp_path, []).boxes)) == 0


def test_keypoints_without_a_box_get_the_one_around_them(tmp_path: Path) -> None:
    keypoints = [0, 0, 0] * 15 + [30, 40, 1, 50, 90, 2]
    entry = {key: value for key, value in ENTRY.items() if key != "bbox"}

    read = _read(tmp_path, [{**entry, "keypoints": keypoints}])

    assert read.boxes[0].xyxy.tolist() == [[30, 40, 50, 90]]


def test_results_of_photographs_that_a_limit_left_out_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps([{**ENTRY, "image_id": 2}]), "utf-8")

    read = read_results(tmp_path / "r.json", LABELS.spread(1))

    assert [len(boxes) for boxes in read.boxes] == [0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "a list of objects"),
        ([1], "a list of objects"),
        ([{**ENTRY, "image_id": 77}], "1 image ids are not in the annotations, first 77"),
        ([{**ENTRY, "category_id": 18}], "no entry has category_id 1 (person), first has 18"),
        ([{"image_id": 1, "category_id": 1, "score": 1}], "KeyError: 'bbox'"),
        ([{"image_id": 1, "category_id": 1, "keypoints": ENTRY["keypoints"]}], "'score'"),
        ([{**ENTRY, "keypoints": [1, 2, 3]}], "17 keypoints in every entry"),
        ([{**ENTRY, "score": "high"}], "ValueError"),
        ([{**ENTRY, "score": float("nan")}], "not a finite number"),
        ([{**ENTRY, "image_id": [1]}], "TypeError"),
    ],
)
def test_wrong_results_are_named_in_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        _read(tmp_path, content)

    assert message in str(error.value)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    nothing = Predictions((Boxes.empty(), Boxes.empty()), None)
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match=r"cannot write .*r\.json"):
        write_results(tmp_path / "file" / "r.json", LABELS, nothing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def _read(folder: Path, content: Any) -> Predictions:
    (folder / "r.json").write_text(json.dumps(content), "utf-8")
    return read_results(folder / "r.json", LABELS)
