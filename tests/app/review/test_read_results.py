"""Results come back as they were written; damage is one clear line."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.review.export import write_measures
from app.review.measures import measure
from app.review.read_results import RESULTS, read_results
from app.review.tracked import Tracked
from app.sinks.sink import open_sink
from pose.errors import InputError, UsageError
from pose.skeleton import COCO_17, MPII_16
from pose.types import Scene
from tests.app.drawn import keypoints
from tests.app.sinks.scenes import people, scene

COUNTS = (0, 2, 0, 3, 1, 0)


def written(path: Path, counts: tuple[int, ...] = COUNTS) -> list[Scene]:
    scenes = [scene(index, count=count) for index, count in enumerate(counts)]
    with open_sink(path, COCO_17) as write:
        for each in scenes:
            write(each)
    return scenes


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_what_was_written_comes_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk{suffix}"
    scenes = written(path)

    tracked = read_results(path)

    assert tracked.skeleton is COCO_17
    assert [track.id for track in tracked.tracks] == [1, 2, 3]
    assert tracked.size_wh == ((160, 120) if suffix == ".jsonl" else None)
    expected = range(len(COUNTS)) if suffix == ".jsonl" else [1, 3, 4]  # CSV: no empty frames
    assert tracked.indices.tolist() == list(expected)
    np.testing.assert_allclose(tracked.times_s, tracked.indices / 30, atol=1e-6)
    for place, index in enumerate(tracked.indices):
        found, truth = tracked.at(place), scenes[index].tracks
        assert found.ids.tolist() == truth.ids.tolist()
        np.testing.assert_allclose(found.poses.keypoints, truth.poses.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.poses.scores, truth.poses.scores, atol=1e-4)
        np.testing.assert_allclose(found.poses.boxes.xyxy, truth.poses.boxes.xyxy, atol=1e-3)
        np.testing.assert_allclose(found.poses.boxes.scores, truth.poses.boxes.scores, atol=1e-4)


def test_coco_results_get_ids_by_likeness_and_times_by_the_rate(tmp_path: Path) -> None:
    """Two people walk; the file knows neither ids nor times, and changes their order."""
    entries = []
    for index in range(10):
        both = keypoints(index, people=2)
        for points in both if index % 2 else both[::-1]:
            triplets = np.column_stack([points, np.ones(17)]).reshape(-1).tolist()
            entries.append(
                {"image_id": index, "category_id": 1, "keypoints": triplets, "score": 0.9}
            )
    path = tmp_path / "walk.json"
    path.write_text(json.dumps(entries))

    tracked = read_results(path, fps=10)

    np.testing.assert_allclose(tracked.times_s, np.arange(10) / 10)
    assert [len(track) for track in tracked.tracks] == [10, 10]
    for track, person in zip(tracked.tracks, (1, 0), strict=True):
        truth = [keypoints(index, people=2)[person] for index in range(10)]
        np.testing.assert_allclose(track.keypoints, truth)
    low = tracked.tracks[0].keypoints[0].min(axis=0)
    np.testing.assert_allclose(tracked.at(0).poses.boxes.xyxy[0, :2], low)


def test_a_missing_keypoint_of_coco_is_not_at_the_corner(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    written(path)

    assert all(np.isnan(t.keypoints[:, -1]).all() for t in read_results(path).tracks)


@pytest.mark.parametrize("suffix", RESULTS)
def test_no_people_are_no_tracks(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"empty{suffix}"
    written(path, (0, 0))

    tracked = read_results(path)

    assert tracked.tracks == ()
    assert len(tracked) == (2 if suffix == ".jsonl" else 0)


def test_people_can_be_chosen_and_their_spans_told(tmp_path: Path) -> None:
    path = tmp_path / "walk.jsonl"
    written(path, (1, 2, 0, 1, 1))

    tracked = read_results(path)

    assert tracked.at(1, ids=[2]).ids.tolist() == [2]
    assert tracked.at(1, ids=[]).ids.tolist() == []
    assert [track.spans() for track in tracked.tracks] == [[(0, 1), (3, 4)], [(1, 1)]]
    assert (tracked.place_of(3), tracked.place_of(9)) == (3, None)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_last_line_that_was_cut_off_is_left_out(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"walk.part{suffix}"
    written(path, (1, 1, 1))
    path.write_text(path.read_text()[:-90])

    with caplog.at_level(logging.WARNING):
        tracked = read_results(path)

    assert [len(track) for track in tracked.tracks] == [2]
    assert "was cut off" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ""),
        ("a.jsonl", "{}\n"),
        ("a.jsonl", "[1]\n"),
        ("a.jsonl", "not json\n"),
        ("a.jsonl", '{"index":0,"time_s":0,"size":[1,1],"skeleton":"dog_4","people":[]}\n'),
        ("a.jsonl", '{"index":0,"time_s":0,"size":[1,1],"skeleton":"coco_17","people":[7]}\n'),
        ("a.csv", ""),
        ("a.csv", "name,age\nAda,36\n"),
        ("a.json", "{}"),
        ("a.json", '[{"image_id": 0, "keypoints": [1, 2], "score": 1}]'),
        ("a.txt", ""),
        ("a.csv", "\x00\x00"),
    ],
)
def test_what_is_no_result_is_one_clear_line(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(InputError, match="expected") as caught:
        read_results(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "folder.csv", "binary.jsonl"])
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x80")

    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / name)


# ---- measures as files -----------------------------------------------------------------------


def two_people(folder: Path) -> Tracked:
    path = folder / "walk.jsonl"
    written(path, (2, 1, 2))
    return read_results(path)


def test_measures_as_csv_have_one_row_per_person_and_frame(tmp_path: Path) -> None:
    tracked = two_people(tmp_path)
    measures = [measure(tracked, track) for track in tracked.tracks]

    write_measures(tmp_path / "m.csv", tracked, measures)

    with (tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["id"]) for row in rows] == [
        ("0", "1"), ("0", "2"), ("1", "1"), ("2", "1"), ("2", "2"),
    ]  # fmt: skip
    angle = measures[1].angles["left_elbow"][1]
    cell = rows[4]["left_elbow_deg"]
    assert cell == ("" if np.isnan(angle) else f"{angle:.4f}")
    assert {"body_px_s", "body_bl_s", "trunk_lean_deg"} <= rows[0].keys()


def test_measures_as_json_are_strict_and_say_null_for_nothing(tmp_path: Path) -> None:
    tracked = two_people(tmp_path)
    measures = [measure(tracked, track) for track in tracked.tracks]

    write_measures(tmp_path / "m.json", tracked, measures)

    found = json.loads((tmp_path / "m.json").read_text(), parse_constant=pytest.fail)["people"]
    assert [each["id"] for each in found] == [1, 2]
    assert [each["index"] for each in found] == [[0, 1, 2], [0, 2]]
    assert found[1]["measures"]["right_knee_deg"] == [None, None]  # its ankle was never found


@pytest.mark.parametrize("name", ["m.csv", "m.json"])
def test_nobody_has_no_measures(tmp_path: Path, name: str) -> None:
    write_measures(tmp_path / name, two_people(tmp_path), [])

    assert (tmp_path / name).read_text() in ("index,time_s,id\n", '{"people": []}\n')


def test_an_unknown_kind_of_file_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv or \.json"):
        write_measures(tmp_path / "m.xls", two_people(tmp_path), [])


def test_another_skeleton_comes_back_too(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    each = scene(0)
    with open_sink(path, MPII_16) as write:
        write(Scene(each.frame, people(2, keypoints=16)))

    assert read_results(path).skeleton is MPII_16


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_frames_without_people_come_from_the_lines_beside(suffix: str, tmp_path: Path) -> None:
    """As in a recording: the first frame is the source's hundredth, and nobody is there yet."""
    for each in (suffix, ".jsonl"):
        with open_sink(tmp_path / f"walk{each}", COCO_17) as write:
            for index, count in enumerate(COUNTS, start=100):
                write(scene(index, count=count))

    tracked = read_results(tmp_path / f"walk{suffix}")

    whole = read_results(tmp_path / "walk.jsonl")
    assert tracked.indices.tolist() == list(range(100, 106)) and tracked.timed
    np.testing.assert_allclose(tracked.times_s, whole.times_s)
    seen = [(place, len(tracked.at(place))) for place in range(len(COUNTS))]
    assert seen == list(enumerate(COUNTS))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_lines_of_another_film_are_left_alone(suffix: str, tmp_path: Path) -> None:
    written(tmp_path / f"walk{suffix}")
    written(tmp_path / "walk.jsonl", (1, 1))

    tracked = read_results(tmp_path / f"walk{suffix}")

    assert int(tracked.indices[-1]) == 4


@pytest.mark.parametrize("suffix", RESULTS)
def test_photographs_keep_their_names_however_odd(suffix: str, tmp_path: Path) -> None:
    names = ['a "b",\n.png', "ü\u2028.jpg", "plain.png"]
    path = tmp_path / f"walk{suffix}"
    with open_sink(path, COCO_17) as write:
        for index, name in enumerate(names):
            one = scene(index, count=1)
            write(replace(one, frame=replace(one.frame, file=name)))

    tracked = read_results(path)

    assert [tracked.file_of(place) for place in range(3)] == names


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_what_editors_add_is_read_over(suffix: str, tmp_path: Path) -> None:
    """A mark at the start, an empty line at the end."""
    path = tmp_path / f"walk{suffix}"
    written(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n")

    assert len(read_results(path).tracks) == 3
