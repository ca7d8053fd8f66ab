"""Our figures against published ones: COCO's labels, somebody else's results, their figures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.published import COLUMNS, as_slides
from main import main

PUBLISHED = Path(__file__).parent / "published"
# tests/test_keypoints.py of faster-coco-eval, to the digit
TEN = (
    0.5048844884488449,
    0.7227722772277227,
    0.6336633663366337,
    0.46633663366336636,
    0.7504950495049505,
    0.5181818181818182,
    0.7272727272727273,
    0.6363636363636364,
    0.4666666666666666,
    0.75,
)


@pytest.fixture
def evaluation(tmp_path: Path) -> list[str]:
    """Arguments; the photograph is only asked for by name and size."""
    blank = cv2.imencode(".jpg", np.zeros((453, 640, 3), np.uint8))[1]
    (tmp_path / "000000139099.jpg").write_bytes(blank.tobytes())
    labels, results = str(PUBLISHED / "labels.json"), str(PUBLISHED / "results.json")
    return ["evaluate", "--annotations", labels, "--images", str(tmp_path), "--boxes", results]


def test_the_ten_figures_are_the_published_ones(
    evaluation: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*evaluation, "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert [report[name] for name in COLUMNS] == pytest.approx(TEN, abs=1e-6)


def test_a_worse_result_does_not_get_the_published_figures(
    evaluation: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = json.loads((PUBLISHED / "results.json").read_text("utf-8"))
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(entries[1:]), "utf-8")

    assert main([*evaluation[:-1], str(worse), "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["AP"] < TEN[0] - 0.01
    assert report["AR50"] < TEN[6] - 0.01


def test_the_slides_tables_have_our_row_beside_the_published(
    evaluation: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*evaluation, "--published"]) == 0

    table = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    rows = {row[0]: row for row in cells if row}
    assert rows["Megvii, the entry"][1:4] == ["COCO 2017 test-challenge", "0.726", "0.905"]
    assert rows["CMU-Pose"][2] == "0.605" and rows["G-RMI"][-1] == "0.726"
    assert rows["hourglass, stages: 4"][2:] == ["0.924", "0.752"]
    ours = [row for row in cells if row and row[0] == "ours, pose"]
    assert ours[0][1] == f"labels.json, boxes: {evaluation[-1]}"
    assert ours[0][2:] == [f"{figure:.3f}" for figure in TEN]
    assert ours[1][2:] == ["–", "0.634"]  # nobody labelled boxes of heads


def test_what_was_not_measured_is_a_dash() -> None:
    table = as_slides("nobody", "nothing", {})

    last = table.splitlines()[5]
    assert last.split("|")[1].strip() == "nobody"
    assert last.count("–") == len(COLUMNS)
