"""BVH, read back and walked through by pybvh: a flat figure of rigid bones returns exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.sinks.bvh import BvhWriter
from app.sinks.bvh_figure import BONES, METRES_PER_PIXEL
from pose.skeleton import COCO_17
from pose.types import Boxes, ByteArray, Frame, Poses, Scene, Tracks

SIZE_WH = (640, 480)
PICTURE: ByteArray = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
TIPS = {
    "LeftForeArm": "left_wrist",
    "RightForeArm": "right_wrist",
    "LeftLeg": "left_ankle",
    "RightLeg": "right_ankle",
    "Neck": "nose",
}
JOINTS = {
    "LeftArm": "left_shoulder",
    "RightForeArm": "right_elbow",
    "LeftUpLeg": "left_hip",
    "RightUpLeg": "right_hip",
    "LeftLeg": "left_knee",
}


def rigid(time_s: float) -> npt.NDArray[np.float32]:
    """A puppet (17, 2) in pixels whose bones turn and never change their length."""

    def turned(origin: Any, length: float, degrees: float) -> Any:
        angle = np.radians(degrees)
        return origin + length * np.array([np.cos(angle), np.sin(angle)])

    wave = 40 * np.sin(2 * np.pi * time_s)
    hips = np.array([300 + 60 * time_s, 260 + 10 * np.sin(5 * time_s)])
    neck = turned(hips, 100, -90 + wave / 4)
    point = {
        "left_hip": turned(hips, 20, wave / 5),
        "right_hip": turned(hips, -20, wave / 5),
        "left_shoulder": turned(neck, 35, -wave / 3),
        "right_shoulder": turned(neck, -35, -wave / 3),
        "nose": turned(neck, 45, -85 + wave / 6),
    }
    for side, sign in (("left", 1), ("right", -1)):
        point[f"{side}_elbow"] = turned(point[f"{side}_shoulder"], 50, 90 - sign * (50 + wave))
        point[f"{side}_wrist"] = turned(point[f"{side}_elbow"], 45, 90 - sign * (70 - 3 * wave))
        point[f"{side}_knee"] = turned(point[f"{side}_hip"], 60, 90 + sign * wave / 2)
        point[f"{side}_ankle"] = turned(point[f"{side}_knee"], 55, 95 + sign * wave / 3)
    points = np.full((17, 2), np.nan, np.float32)
    for name, place in point.items():
        points[COCO_17.keypoints.index(name)] = place
    return points


def scene_of(index: int, time_s: float, *ids: int) -> Scene:
    points = np.zeros((len(ids), 17, 2), np.float32)
    for n, person in enumerate(ids):
        points[n] = rigid(time_s) + 10 * person
    scores = np.asarray(np.isfinite(points).all(axis=2), np.float32)
    boxes = Boxes(np.zeros((len(ids), 4), np.float32), np.ones(len(ids), np.float32))
    tracks = Tracks(np.array(ids, np.int64), Poses(points, scores, boxes))
    return Scene(Frame(index, time_s, PICTURE), tracks)


def read(path: Path) -> Any:
    pybvh = pytest.importorskip("pybvh", reason="needs pip install -e '.[test]'")
    return pybvh.read_bvh_file(path, world_up="+y")


def test_nobody_is_an_empty_folder(tmp_path: Path) -> None:
    with BvhWriter(tmp_path / "walk.bvh", COCO_17) as write:
        write(scene_of(0, 0.0))

    assert list((tmp_path / "walk.bvh").iterdir()) == []


def test_a_rigid_figure_comes_back_where_it_was(tmp_path: Path) -> None:
    times_s = [index / 25 for index in range(50)]
    with BvhWriter(tmp_path / "walk.bvh", COCO_17) as write:
        for index, time_s in enumerate(times_s):
            write(scene_of(index, time_s, 1))

    motion = read(tmp_path / "walk.bvh" / "id1_from_0.000s.bvh")

    assert motion.frame_count == 50
    assert motion.frame_time == pytest.approx(1 / 25, abs=1e-6)
    assert motion.joint_names == [bone.name for bone in BONES]
    places = motion.node_positions()  # by somebody else's forward kinematics, in metres
    np.testing.assert_allclose(places[..., 2], 0, atol=1e-9)
    for joint, name in JOINTS.items():
        np.testing.assert_allclose(
            places[:, motion.node_index[joint], :2],
            upright(times_s, name),
            atol=2e-4,
            err_msg=joint,
        )
    for joint, name in TIPS.items():
        end = next(
            index
            for index, node in enumerate(motion.nodes)
            if node.parent is not None
            and node.parent.name == joint
            and not hasattr(node, "children")
        )
        np.testing.assert_allclose(
            places[:, end, :2], upright(times_s, name), atol=2e-4, err_msg=name
        )


def upright(times_s: list[float], name: str) -> npt.NDArray[np.float64]:
    """Where a joint ought to be, in metres with y upwards; person 1 stands 10 pixels aside."""
    pixels = np.stack([rigid(time_s)[COCO_17.keypoints.index(name)] + 10 for time_s in times_s])
    return np.asarray((pixels * [1, -1] + [0, SIZE_WH[1]]) * METRES_PER_PIXEL, np.float64)


def test_frames_that_were_dropped_and_joints_that_were_lost_are_filled(tmp_path: Path) -> None:
    with BvhWriter(tmp_path / "walk.bvh", COCO_17) as write:
        for index in (0, 1, 2, 3, 7, 8, 9):
            seen = scene_of(index, index / 10, 4)
            if index in (2, 3):
                seen.tracks.poses.keypoints[0, COCO_17.keypoints.index("left_wrist")] = np.nan
            write(seen)

    motion = read(tmp_path / "walk.bvh" / "id4_from_0.000s.bvh")

    assert motion.frame_count == 10
    assert np.isfinite(motion.joint_angles).all()


def test_joints_that_were_never_seen_have_no_length(tmp_path: Path) -> None:
    """A webcam sees no legs."""
    with BvhWriter(tmp_path / "walk.bvh", COCO_17) as write:
        for index in range(3):
            seen = scene_of(index, index / 10, 1)
            seen.tracks.poses.keypoints[0, 11:] = np.nan
            write(seen)

    motion = read(tmp_path / "walk.bvh" / "id1_from_0.000s.bvh")

    places = motion.node_positions()
    assert np.isfinite(places).all()
    knee, hip = motion.node_index["LeftLeg"], motion.node_index["LeftUpLeg"]
    np.testing.assert_allclose(places[:, knee], places[:, hip], atol=1e-9)


def test_each_person_has_a_file_that_says_when_they_came(tmp_path: Path) -> None:
    with BvhWriter(tmp_path / "walk.bvh", COCO_17) as write:
        write(scene_of(0, 0.0, 1))
        write(scene_of(1, 0.5, 1, 2))
        write(scene_of(2, 1.0))

    names = sorted(path.name for path in (tmp_path / "walk.bvh").iterdir())
    assert names == ["id1_from_0.000s.bvh", "id2_from_0.500s.bvh"]
    assert read(tmp_path / "walk.bvh" / names[1]).frame_count == 1


def test_a_day_later_people_move_as_finely_as_at_first(tmp_path: Path) -> None:
    found = []
    for start_s in (0.0, 86_400.0):
        folder = tmp_path / f"{start_s}.bvh"
        with BvhWriter(folder, COCO_17) as write:
            for index in range(60):
                moved = scene_of(index, index / 30, 1)
                later = replace(moved.frame, time_s=start_s + index / 30)
                write(replace(moved, frame=later))
        (file,) = folder.iterdir()
        found.append(
            np.array([line.split() for line in file.read_text().splitlines()[-60:]], float)
        )

    np.testing.assert_allclose(found[1], found[0], atol=0.01)
