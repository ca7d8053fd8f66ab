"""`main.py robustness`, on drawn people that fake networks find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import main
from pose.skeleton import COCO_17
from tests.app import drawn


@pytest.fixture
def set_of_people(tmp_path: Path) -> list[str]:
    """Labels and pictures of people whose joints are drawn, and the networks that see them."""
    pytest.importorskip("faster_coco_eval", reason="needs pip install -e '.[evaluate]'")
    drawn.write_pictures(tmp_path / "pictures", 3, people=2)
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for index in range(3):
        images.append(
            {
                "id": index + 1, "file_name": f"frame{index}.png",
                "width": drawn.SIZE_WH[0], "height": drawn.SIZE_WH[1],
            }
        )  # fmt: skip
        for points in drawn.keypoints(index, 2):
            low, high = points.min(axis=0) - 12, points.max(axis=0) + 12
            rows.append(
                {
                    "id": len(rows) + 1, "image_id": index + 1, "category_id": 1, "iscrowd": 0,
                    "bbox": [float(each) for each in (*low, *(high - low))],
                    "area": float(np.prod(high - low)), "num_keypoints": 17,
                    "keypoints": np.column_stack([points, np.full(17, 2)]).ravel().tolist(),
                }
            )  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    content = {"images": images, "annotations": rows, "categories": [category]}
    (tmp_path / "labels.json").write_text(json.dumps(content))
    return [
        "--annotations", str(tmp_path / "labels.json"), "--images", str(tmp_path / "pictures"),
        *drawn.write_networks(tmp_path, colours=True),
    ]  # fmt: skip


@pytest.mark.slow
def test_every_kind_is_measured(
    set_of_people: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    still = ["--still-photographs", "1", "--still-frames", "4"]

    assert main.main(["robustness", *set_of_people, *still, "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    accuracy = said["accuracy"]
    assert len(accuracy) == 15
    assert accuracy["as it is"]["AP"] > 0.9
    assert accuracy["as it is"]["people"] == 6
    assert accuracy["half the size"]["AP"] <= accuracy["as it is"]["AP"]
    assert accuracy["tilted by 45 degrees"]["people"] == 6
    assert said["jitter"]["people"] == 2 and said["jitter"]["pixels"] >= 0
    assert len(said["lag_frames"]) == 5


def test_some_kinds_alone_are_a_table(
    set_of_people: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.main(["robustness", *set_of_people, "--kinds", "truncation", "--limit", "1"])

    assert code == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[2].startswith("as it is")
    assert sum(line.startswith("cut off") for line in lines) == 2
    assert "jitter" not in said and "lag" not in said


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--kinds", "fog"], "expected --kinds of blur noise"),
        (["--boxes", "guess"], "expected truth or detector"),
        (["--still-frames", "1"], "--still-frames of 2"),
        (["--seed", "-1"], "--seed of 0 or more"),
        (["--kinds", "truncation", "--boxes", "detector"], "needs --boxes truth"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    set_of_people: list[str], capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    assert main.main(["robustness", *set_of_people, *flags]) == 2
    assert complaint in capsys.readouterr().err


def _changed(set_of_people: list[str], **changes: Any) -> list[str]:
    """The set with other values in every label."""
    path = Path(set_of_people[1])
    content = json.loads(path.read_text())
    for row in content["annotations"]:
        row.update(changes)
    path.write_text(json.dumps(content))
    return set_of_people


def test_boxes_alone_are_judged_by_the_detector(
    set_of_people: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _changed(set_of_people, keypoints=None, num_keypoints=0, area=None)

    assert main.main(["robustness", *arguments, "--kinds", "small"]) == 65
    said = capsys.readouterr().err
    assert set_of_people[1] in said and "use --boxes detector" in said

    detector = ["--boxes", "detector", "--kinds", "small", "--json"]
    assert main.main(["robustness", *arguments, *detector]) == 0
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    assert accuracy["as it is"]["detector_AP50"] == pytest.approx(1)


def test_where_nobody_stands_still_there_is_no_jitter(
    set_of_people: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*set_of_people, "--kinds", "steadiness", "--still-photographs", "0"]

    assert main.main(["robustness", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jitter"] is None
    assert main.main(["robustness", *arguments]) == 0
    assert "nobody who could be watched" in capsys.readouterr().out
