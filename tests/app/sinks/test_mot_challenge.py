"""MOTChallenge text, read back by motmetrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.sinks.mot_challenge import MotChallengeWriter
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

COUNTS = (0, 2, 0, 3)


def test_nobody_is_an_empty_file(tmp_path: Path) -> None:
    with MotChallengeWriter(tmp_path / "walk.txt", COCO_17) as write:
        write(scene(0))

    assert (tmp_path / "walk.txt").read_bytes() == b""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_boxes_and_ids_come_back(tmp_path: Path) -> None:
    io = pytest.importorskip("motmetrics.io", reason="needs pip install -e '.[test]'")
    scenes = [scene(index, count=count) for index, count in enumerate(COUNTS)]
    with MotChallengeWriter(tmp_path / "walk.txt", COCO_17) as write:
        for each in scenes:
            write(each)

    table = io.loadtxt(str(tmp_path / "walk.txt"), fmt="mot15-2D")

    assert table.index.tolist() == [
        (each.frame.index + 1, person) for each in scenes for person in each.tracks.ids.tolist()
    ]
    boxes = scenes[3].tracks.poses.boxes
    rows = table.loc[4]
    np.testing.assert_allclose(rows[["X", "Y"]], boxes.xyxy[:, :2], atol=0.01)
    sizes = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    np.testing.assert_allclose(rows[["Width", "Height"]], sizes, atol=0.01)
    np.testing.assert_allclose(rows["Confidence"], boxes.scores, atol=1e-4)
