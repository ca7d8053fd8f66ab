"""Reading labels, and one clear line for every way in which they can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.annotations import read_annotations
from pose.errors import InputError
from pose.skeleton import COCO_17, MPII_16
from tests.evaluation import labelled

BOX = (10, 20, 110, 220)
Change = Callable[[dict[str, Any]], object]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    group = labelled.people([BOX, (300, 20, 400, 220)])
    group.keypoints[0, 3] = np.nan
    group = replace(group, crowd=np.array([False, True]))
    labels = labelled.labels_of([group, labelled.people([])])

    read = _read(tmp_path, labelled.write(tmp_path / "labels.json", labels))

    people = read.photographs[0].people
    np.testing.assert_allclose(people.xyxy, group.xyxy)
    np.testing.assert_allclose(people.keypoints, group.keypoints)
    np.testing.assert_allclose(people.areas, group.areas)
    assert people.crowd.tolist() == [False, True]
    assert people.labelled.sum(axis=1).tolist() == [16, 17]
    assert np.isnan(people.head_sizes).all()
    assert len(read.photographs[1].people) == 0
    assert (read.people_with_keypoints, read.people_with_boxes) == (1, 1)
    assert read.all_people_labelled


def test_a_crowd_without_its_mark_is_told_where_that_is_asked_for(tmp_path: Path) -> None:
    row = [(10 * i, 0, 10 * i + 10, 30) for i in range(13)]
    labels = labelled.labels_of([labelled.people([*row, (0, 0, 130, 30)]), labelled.people([])])
    path = labelled.write(tmp_path / "labels.json", labels)

    plain = _read(tmp_path, path)
    marked = read_annotations(path, tmp_path, lost_crowds=True)

    assert plain.people_with_boxes == 14
    assert marked.people_with_boxes == 13
    assert marked.photographs[0].people.crowd.tolist() == [False] * 13 + [True]


def test_boxes_alone_will_do(tmp_path: Path) -> None:
    labels = labelled.labels_of([labelled.people([BOX])])

    read = _read(tmp_path, labelled.write(tmp_path / "boxes.json", labels, keypoints=False))

    assert (read.people_with_keypoints, read.people_with_boxes) == (0, 1)
    assert read.skeleton is COCO_17


def test_mpii_keypoints_heads_and_unlabelled_others_are_understood(tmp_path: Path) -> None:
    def as_mpii(content: dict[str, Any]) -> None:
        content["categories"][0]["keypoints"] = list(MPII_16.keypoints)
        content["images"][0]["all_people_labelled"] = False
        content["annotations"][0].update(keypoints=[5, 6, 1] * 16, bbox_head=[0, 0, 30, 40])

    read = _read(tmp_path, _changed(tmp_path, as_mpii))

    assert read.skeleton is MPII_16
    assert read.photographs[0].people.head_sizes.tolist() == [30]
    assert not read.all_people_labelled


def test_other_categories_are_left_out(tmp_path: Path) -> None:
    def with_a_dog(content: dict[str, Any]) -> None:
        content["categories"].insert(0, {"id": 18, "name": "dog"})
        content["annotations"].append({**content["annotations"][0], "id": 9, "category_id": 18})

    assert _read(tmp_path, _changed(tmp_path, with_a_dog)).people_with_boxes == 1


@pytest.mark.parametrize(
    ("limit", "ids"), [(1, [1]), (2, [1, 4]), (3, [1, 3, 5]), (9, range(1, 8))]
)
def test_a_limit_spreads_over_the_file(limit: int, ids: list[int]) -> None:
    labels = labelled.labels_of([labelled.people([])] * 7)

    assert [photo.id for photo in labels.spread(limit).photographs] == list(ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda all_: all_.clear(), "expected COCO annotations with images"),
        (lambda all_: all_.update(images=[]), "belongs to image 1, which is not among its 0"),
        (lambda all_: all_.update(images=[], annotations=[]), "it names no photographs"),
        (lambda all_: all_["categories"][0].update(name="dog"), "named person, got dog"),
        (lambda all_: all_["categories"].clear(), "named person, got none"),
        (lambda all_: all_["categories"][0].update(keypoints=["a"] * 5), "its 5 keypoints (a, a"),
        (lambda all_: all_["images"].append(all_["images"][0]), "got the id 1 twice"),
        (lambda all_: all_["images"][0].pop("width"), "not in COCO's format (KeyError: 'width')"),
        (lambda all_: all_["images"][0].update(file_name="x/y.png"), "1 of the 1 photographs"),
        (lambda all_: all_["images"][0].update(file_name="/x/y.png"), "first /x/y.png; give"),
        (
            lambda all_: all_["annotations"][0].pop("bbox"),
            "not in COCO's format (KeyError: 'bbox')",
        ),
        (lambda all_: all_["annotations"][0].update(bbox=[1, 2]), "1: expected 4 numbers, got 2"),
        (lambda all_: all_["annotations"][0].update(keypoints=[1]), "expected 51 numbers, got 1"),
        (lambda all_: all_["annotations"][0].update(keypoints=["a"] * 51), "not in COCO's format"),
        (lambda all_: all_.update(annotations=[7]), "not in COCO's format (TypeError"),
        (
            lambda all_: all_["annotations"][0].update(bbox=[0, 0, float("nan"), 5]),
            "expected a box and an area of finite numbers",
        ),
        (
            lambda all_: all_["annotations"][0].update(bbox=[0, 0, -4, 5]),
            "not negative, got [0.0, 0.0, -4.0, 5.0]",
        ),
        (lambda all_: all_["annotations"][0].update(area=-1), "and -1.0"),
        (
            lambda all_: all_["annotations"][0].update(keypoints=[1e20, 1, 2] * 17),
            "expected keypoints of finite numbers",
        ),
        (lambda all_: all_["annotations"][0].update(id=10**30), "OverflowError"),
        (lambda all_: all_["images"][0].update(file_name="x" * 5000), "1 of the 1 photographs"),
    ],
)
def test_wrong_labels_are_named_in_one_line(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(InputError) as error:
        _read(tmp_path, _changed(tmp_path, change))

    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "expected JSON"),
        (b"9" * 5000, "expected JSON"),
        (b"", "expected JSON"),
        (b"\xff\xfe", "expected JSON"),
        (b"[]", "expected COCO annotations"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.json").write_bytes(content)

    with pytest.raises(InputError, match=message):
        read_annotations(tmp_path / "labels.json", tmp_path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_annotations(tmp_path / "labels.json", tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(tmp_path, tmp_path)


def _read(folder: Path, path: Path) -> Any:
    for name in ("1.png", "2.png"):
        (folder / name).touch()
    return read_annotations(path, folder)


def _changed(folder: Path, change: Change) -> Path:
    """A file of one labelled person, spoilt."""
    labels = labelled.labels_of([labelled.people([BOX])])
    path = labelled.write(folder / "labels.json", labels)
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_an_area_that_nobody_knows_is_that_of_the_box(tmp_path: Path) -> None:
    def forgotten(content: Any) -> None:
        content["annotations"][0].update(area=None, bbox=[1, 2, 30, 40])

    found = _read(tmp_path, _changed(tmp_path, forgotten))

    assert float(found.photographs[0].people.areas[0]) == 1200
