"""JSON Lines, CSV and COCO results, read back with readers that we did not write."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO

from app.sinks.coco_results import CocoResultsWriter, coco_results
from app.sinks.csv_table import CsvWriter
from app.sinks.json_lines import JsonLinesWriter, frame_record
from app.sinks.part_file import RecordFile, part_path
from pose.errors import OutputError
from pose.skeleton import COCO_17, MPII_16
from pose.types import Boxes, FloatArray, Frame, Poses, Scene, Tracks
from tests.app.sinks.scenes import people, scene

COUNTS = (0, 2, 0, 3, 1)


def test_json_lines_come_back_with_one_line_per_frame(tmp_path: Path) -> None:
    path = tmp_path / "walk.jsonl"
    scenes = [scene(index, count=count) for index, count in enumerate(COUNTS)]
    with JsonLinesWriter(path, COCO_17) as write:
        for each in scenes:
            write(each)

    lines = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]

    assert [line["index"] for line in lines] == [0, 1, 2, 3, 4]
    assert [len(line["people"]) for line in lines] == list(COUNTS)
    for line, written in zip(lines, scenes, strict=True):
        assert line["skeleton"] == "coco_17"
        assert line["size"] == [160, 120]
        assert line["time_s"] == pytest.approx(written.frame.time_s, abs=1e-6)
        for n, person in enumerate(line["people"]):
            poses = written.tracks.poses
            points = np.array(person["keypoints"], np.float64)  # None becomes NaN
            assert person["id"] == written.tracks.ids[n]
            np.testing.assert_allclose(person["box"], poses.boxes.xyxy[n], atol=1e-3)
            np.testing.assert_allclose(person["score"], poses.boxes.scores[n], atol=1e-4)
            np.testing.assert_allclose(points[:, :2], poses.keypoints[n], atol=1e-3)
            np.testing.assert_allclose(points[:, 2], poses.scores[n], atol=1e-4)


@given(
    points=hnp.arrays(np.float32, (2, 16, 2), elements=st.floats(width=32)),
    xyxy=hnp.arrays(np.float32, (2, 4), elements=st.floats(width=32)),
)
def test_a_frame_record_is_always_strict_json(points: FloatArray, xyxy: FloatArray) -> None:
    boxes = Boxes(xyxy, np.ones(2, np.float32))
    tracks = Tracks(np.arange(1, 3), Poses(points, np.ones((2, 16), np.float32), boxes))
    image = np.zeros((2, 2, 3), np.uint8)

    text = json.dumps(frame_record(Scene(Frame(0, 0.0, image), tracks), MPII_16), allow_nan=False)

    back = [person["keypoints"] for person in json.loads(text)["people"]]
    found = np.array([[[x is not None, y is not None] for x, y, _ in one] for one in back])
    np.testing.assert_array_equal(found, np.isfinite(points))


def test_csv_comes_back_with_one_row_per_person_and_frame(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    scenes = [scene(index, count=count) for index, count in enumerate(COUNTS)]
    with CsvWriter(path, COCO_17) as write:
        for each in scenes:
            write(each)

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [(row["index"], row["id"]) for row in rows] == [
        (str(each.frame.index), str(person)) for each in scenes for person in each.tracks.ids
    ]
    second, poses = rows[1], scenes[1].tracks.poses
    assert float(second["time_s"]) == pytest.approx(1 / 30, abs=1e-6)
    assert float(second["x2"]) == pytest.approx(poses.boxes.xyxy[1, 2], abs=1e-4)
    assert float(second["score"]) == pytest.approx(poses.boxes.scores[1], abs=1e-4)
    assert float(second["left_knee_y"]) == pytest.approx(poses.keypoints[1, 13, 1], abs=1e-4)
    assert float(second["left_knee_score"]) == pytest.approx(poses.scores[1, 13], abs=1e-4)
    assert (second["right_ankle_x"], second["right_ankle_y"]) == ("", "")
    assert len(rows[0]) == 8 + 3 * 17 + 1
    assert {row["file"] for row in rows} == {""}


def test_a_photograph_is_named_in_every_record(tmp_path: Path) -> None:
    plain = scene(0, count=2)
    shown = replace(plain, frame=replace(plain.frame, file='odd, "name".png'))

    for writer in (CsvWriter, JsonLinesWriter, CocoResultsWriter):
        with writer(tmp_path / writer.__name__, COCO_17) as write:
            write(shown)

    with (tmp_path / "CsvWriter").open(newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [shown.frame.file] * 2
    assert json.loads((tmp_path / "JsonLinesWriter").read_text())["file"] == shown.frame.file
    results = json.loads((tmp_path / "CocoResultsWriter").read_text())
    assert [each["file_name"] for each in results] == [shown.frame.file] * 2
    assert "file" not in frame_record(plain, COCO_17)


def test_csv_without_people_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"

    with CsvWriter(path, COCO_17) as write:
        write(scene(0))

    assert path.read_text().startswith("index,time_s,id,x1,y1,x2,y2,score,nose_x,nose_y,")
    assert len(path.read_text().splitlines()) == 1


def loaded(results: list[Any], images: int) -> COCO:
    """The results as pycocotools reads them."""
    truth = COCO()
    truth.dataset = {
        "images": [{"id": index} for index in range(images)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        return truth.loadRes(results)


def test_coco_results_load_with_pycocotools(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    scenes = [scene(index, count=count) for index, count in enumerate(COUNTS)]
    with CocoResultsWriter(path, COCO_17) as write:
        for each in scenes:
            write(each)

    found = loaded(json.loads(path.read_text()), len(scenes))

    assert [len(found.imgToAnns[index]) for index in range(5)] == list(COUNTS)
    entry, poses = found.imgToAnns[3][1], scenes[3].tracks.poses
    triplets = np.array(entry["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(triplets[:-1, :2], poses.keypoints[1, :-1], atol=1e-3)
    np.testing.assert_allclose(triplets[:, 2], poses.scores[1], atol=1e-4)
    np.testing.assert_array_equal(triplets[-1], [0, 0, 0])
    seen = poses.scores[1][poses.scores[1] >= 0.2]
    assert entry["score"] == pytest.approx(poses.boxes.scores[1] * seen.mean(), abs=1e-4)


def test_coco_results_of_nobody_are_an_empty_list(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"

    with CocoResultsWriter(path, COCO_17) as write:
        write(scene(0))

    assert json.loads(path.read_text()) == []
    assert coco_results(0, people(0).poses) == []


def test_coco_results_are_valid_json_after_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    entries = []

    with CocoResultsWriter(path, COCO_17) as write:
        for index, count in enumerate(COUNTS):
            write(scene(index, count=count))
            entries.append(len(json.loads(part_path(path).read_text())))

    assert entries == [0, 2, 2, 5, 6]


def test_a_record_that_does_not_fit_is_taken_back_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disc takes part of the second record, then refuses."""
    path = tmp_path / "walk.json"

    with pytest.raises(OutputError, match=f"{path}.*No space left"):
        with RecordFile(path, opening=b"[", closing=b"]") as file:
            file.append(b"1,2")
            monkeypatch.setattr(file, "_file", FullDisc(file._file, room=4))
            file.append(b",3,4,5,6,7")

    assert part_path(path).read_bytes() == b"[1,2]"


class FullDisc:
    """A file that takes so many bytes more and never another, but lets its end be written over."""

    def __init__(self, file: io.FileIO, room: int) -> None:
        self._file = file
        self._limit = file.seek(0, io.SEEK_END) + room

    def write(self, content: memoryview) -> int:
        room = self._limit - self._file.tell()
        if room <= 0:
            raise OSError(28, "No space left on device")
        return self._file.write(content[:room])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
