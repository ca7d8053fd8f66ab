"""OpenPose's JSON, read back by pose-format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.sinks.openpose_json import OpenPoseWriter, body_25
from pose.skeleton import COCO_17, LSP_14, MPII_16
from tests.app.sinks.scenes import people, scene

NAMES = (
    "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee "
    "LAnkle REye LEye REar LEar"
).split()
SIDES = {"L": "left_", "R": "right_"}


def test_nobody_is_a_file_without_people(tmp_path: Path) -> None:
    with OpenPoseWriter(tmp_path / "walk.openpose", COCO_17) as write:
        write(scene(7))

    file = tmp_path / "walk.openpose" / "walk_000000000007_keypoints.json"
    assert json.loads(file.read_text()) == {"version": 1.3, "people": []}


def test_joints_come_back_by_name(tmp_path: Path) -> None:
    openpose = pytest.importorskip("pose_format.utils.openpose", reason="needs .[test]")
    scenes = [scene(index, count=count) for index, count in enumerate((2, 0, 1))]
    with OpenPoseWriter(tmp_path / "walk.openpose", COCO_17) as write:
        for each in scenes:
            write(each)

    read = openpose.load_openpose_directory(str(tmp_path / "walk.openpose"))

    assert read.body.data.shape[:2] == (3, 2)
    points, scores = read.body.data.data[0, 1], read.body.confidence[0, 1]
    ours = scenes[0].tracks.poses
    for place, name in enumerate(NAMES):
        if name in ("Neck", "MidHip"):
            continue
        joint = (SIDES[name[0]] + name[1:].lower()) if name[0] in SIDES else name.lower()
        k = COCO_17.keypoints.index(joint)
        expected = np.nan_to_num(ours.keypoints[1, k])
        np.testing.assert_allclose(points[place], expected, atol=1e-3, err_msg=name)
        assert scores[place] == pytest.approx(ours.scores[1, k], abs=1e-4)
    np.testing.assert_allclose(
        points[NAMES.index("Neck")], ours.keypoints[1, 5:7].mean(0), atol=1e-3
    )
    assert scores[NAMES.index("MidHip")] == pytest.approx(ours.scores[1, 11:13].min(), abs=1e-4)
    assert not points[len(NAMES) : 25].any()  # feet
    assert read.body.confidence[1].sum() == 0


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16, LSP_14], ids=lambda each: each.name)
def test_every_skeleton_has_its_place(skeleton: type) -> None:
    poses = people(1, keypoints=len(skeleton)).poses  # type: ignore[arg-type]

    points = body_25(poses.keypoints, poses.scores, skeleton)  # type: ignore[arg-type]

    assert points.shape == (1, 25, 3)
    elbow = skeleton.keypoints.index("right_elbow")  # type: ignore[attr-defined]
    np.testing.assert_allclose(points[0, 3, :2], poses.keypoints[0, elbow], atol=1e-3)


def test_ids_travel(tmp_path: Path) -> None:
    with OpenPoseWriter(tmp_path / "walk.openpose", COCO_17) as write:
        write(scene(0, count=3))

    (file,) = (tmp_path / "walk.openpose").iterdir()
    assert [each["person_id"] for each in json.loads(file.read_text())["people"]] == [[1], [2], [3]]
