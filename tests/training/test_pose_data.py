"""From COCO files to training examples: labels, cuts, mirrors, targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose import affine, heatmap
from pose.errors import InputError
from pose.skeleton import COCO_17
from training.augment import Camera, Geometry, crop_affine, photographed
from training.coco_dataset import Person, count_by_source, is_held_in, read_people
from training.cpn_recipe import CARD
from training.distill import build_cache, choose, open_cache
from training.pose_dataset import PoseDataset, merged_labels


def _label(number: int, **more: Any) -> dict[str, Any]:
    points = [[10.0 + 3 * k, 12.0 + 2 * k, 2] for k in range(17)]
    points[3] = [0, 0, 0]
    points[4][2] = 1
    return {
        "id": number,
        "image_id": 1,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": 16,
        "keypoints": [v for p in points for v in p],
        "bbox": [5, 5, 60, 60],
        **more,
    }


def _write(path: Path, labels: list[dict[str, Any]]) -> Path:
    image = {"id": 1, "file_name": "a.png", "width": 96, "height": 96, "source": "coco_train"}
    path.write_text(json.dumps({"images": [image], "annotations": labels, "categories": []}))
    cv2.imwrite(str(path.parent / "a.png"), np.full((96, 96, 3), 127, np.uint8))
    return path


def test_a_file_without_people_gives_nobody(tmp_path: Path) -> None:
    assert read_people(_write(tmp_path / "a.json", []), tmp_path) == []


def test_crowds_and_people_without_joints_are_left_out(tmp_path: Path) -> None:
    labels = [_label(1), _label(2, iscrowd=1), _label(3, num_keypoints=0)]

    (person,) = read_people(_write(tmp_path / "a.json", labels), tmp_path)

    assert person.by_hand
    assert np.isnan(person.keypoints[3]).all()
    np.testing.assert_array_equal(person.xyxy, np.array([5, 5, 65, 65], np.float32))
    assert count_by_source([person]) == {"coco_train": 1}


def test_without_a_count_of_joints_they_are_counted(tmp_path: Path) -> None:
    labels = [_label(1), _label(2, keypoints=[0.0, 0.0, 0.0] * 17)]
    for label in labels:
        del label["num_keypoints"]

    (person,) = read_people(_write(tmp_path / "a.json", labels), tmp_path)

    assert int((person.visibility > 0).sum()) == 16


@pytest.mark.parametrize("lost", ["id", "image_id", "bbox"])
def test_a_label_that_lacks_something_is_one_line(tmp_path: Path, lost: str) -> None:
    label = _label(1)
    del label[lost]

    with pytest.raises(InputError, match=rf"a\.json: .*KeyError: '{lost}'"):
        read_people(_write(tmp_path / "a.json", [label]), tmp_path)


def test_a_folder_is_no_file_of_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        read_people(tmp_path, tmp_path)


def test_missing_photographs_are_told_before_the_work(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", [_label(1)])

    with pytest.raises(InputError, match=r"1 of the 1 photographs .*elsewhere.*--images"):
        read_people(path, tmp_path / "elsewhere")


def test_a_teachers_people_join_or_are_added(tmp_path: Path) -> None:
    hand = _write(tmp_path / "a.json", [_label(1)])
    guess = [v for _ in range(17) for v in (20.0, 21.0, 0.6)]
    teacher = _write(
        tmp_path / "t.json",
        [
            _label(9, keypoints=guess, hand_label=1),
            _label(10, keypoints=guess),
            {"box_only": True, **_label(11)},
        ],
    )

    known, added = read_people(hand, tmp_path, teacher)

    assert known.by_hand and known.guess[0, 2] == np.float32(0.6)
    assert not added.by_hand and added.guess[0, 0] == 20


def test_a_human_word_counts_more_than_a_teachers(tmp_path: Path) -> None:
    guess = np.tile(np.array([50, 51, 0.6], np.float32), (17, 1))
    guess[5, 2] = 0.1
    person = Person(
        tmp_path, "", np.array([0, 0, 9, 9], np.float32), np.full((17, 2), np.nan, np.float32),
        np.zeros(17, np.int64), guess,
    )  # fmt: skip
    person.keypoints[0] = 1, 2
    person.visibility[0] = 1

    points, visible, weight = merged_labels(person)

    assert tuple(points[0]) == (1, 2) and weight[0] == 1 and visible[0] == 0
    assert tuple(points[1]) == (50, 51) and weight[1] == np.float32(0.6) and visible[1] == 1
    assert np.isnan(points[5]).all() and weight[5] == 0


@pytest.mark.parametrize("text", ["", "{}", '{"images": [], "annotations": [{}]}', "[1]"])
def test_a_file_that_is_not_coco_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)

    with pytest.raises(InputError, match=r"bad\.json"):
        read_people(file, tmp_path)


def test_the_same_photographs_are_held_in_every_time() -> None:
    people = [
        Person(Path(f"{i}.jpg"), "", np.zeros(4, np.float32), *([np.zeros(0)] * 3))  # type: ignore[arg-type]
        for i in range(2000)
    ]

    held = [is_held_in(p) for p in people]

    assert held == [is_held_in(p) for p in people]
    assert 0.02 < np.mean(held) < 0.06


def test_a_plain_cut_is_the_box_with_its_padding(rng: np.random.Generator) -> None:
    plain = Geometry(padding=1.0, scale=(1, 1), rotation_chance=0)
    box = np.array([10, 20, 10 + 48, 20 + 64], np.float32)

    to_crop = crop_affine(rng, box, np.full((17, 2), np.nan, np.float32), (192, 256), plain)

    corners = affine.apply(to_crop, np.array([[[10, 20], [58, 84]]], np.float32))[0]
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [191.5, 255.5]], atol=1e-3)


def test_a_squashed_photograph_is_drawn_out(rng: np.random.Generator) -> None:
    plain = Geometry(padding=1.0, scale=(1, 1), rotation_chance=0)
    box = np.array([0, 0, 50, 100], np.float32)
    nowhere = np.full((17, 2), np.nan, np.float32)

    to_crop = crop_affine(rng, box, nowhere, (192, 256), plain, drawn_out=4 / 3)

    assert to_crop[0, 0] / to_crop[1, 1] == pytest.approx(4 / 3, rel=1e-4)


def test_half_bodies_hold_their_joints(rng: np.random.Generator) -> None:
    half = Geometry(scale=(1, 1), rotation_chance=0, half_body_chance=1.0)
    points = rng.uniform(20, 80, (17, 2)).astype(np.float32)
    box = np.array([0, 0, 100, 100], np.float32)
    upper = np.array(
        [name.split("_")[-1] not in ("hip", "knee", "ankle") for name in COCO_17.keypoints]
    )

    for _ in range(5):
        to_crop = crop_affine(rng, box, points, (192, 256), half)
        inside = affine.apply(to_crop, points[None])[0]
        within = ((inside > 0) & (inside < [192, 256])).all(1)
        assert within[upper].all() or within[~upper].all()


def test_the_camera_keeps_shape_and_changes_pixels(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (32, 24, 3)).astype(np.uint8)
    before = image.copy()

    worst = photographed(rng, image, Camera(0.3, 0.3, 1.0, 1.0, 1.0, 1.0))

    assert worst.shape == image.shape and worst.dtype == np.uint8
    assert not np.array_equal(worst, image)
    np.testing.assert_array_equal(image, before)


def test_examples_show_each_person_in_four_ways(tmp_path: Path) -> None:
    people = read_people(_write(tmp_path / "a.json", [_label(1)]), tmp_path)
    data = PoseDataset(people, CARD)

    examples = [data[i] for i in range(len(data))]

    assert len(examples) == 4
    assert examples[0].image.shape == (3, 256, 192)
    assert examples[0].targets.shape == (4, 17, 64, 48)
    assert examples[0].targets.max() == pytest.approx(255, rel=1e-3)
    assert examples[0].labelled[3] == 0
    again = PoseDataset(people, CARD)[1]
    np.testing.assert_array_equal(again.image, examples[1].image)


def test_targets_lie_where_the_points_are(tmp_path: Path) -> None:
    people = read_people(_write(tmp_path / "a.json", [_label(1)]), tmp_path)
    plain = PoseDataset(people, CARD, training=False)[0]

    found, _ = heatmap.decode_cpn(plain.targets[-1:], 255.0)

    known = plain.labelled > 0
    np.testing.assert_allclose(found[0][known], plain.points[known], atol=0.8)


def test_sources_are_drawn_as_often_as_asked() -> None:
    def person(source: str, number: int) -> Person:
        empty = np.zeros(0, np.float32)
        return Person(
            Path(f"{source}{number}"), source, np.zeros(4, np.float32), empty, empty, empty
        )

    people = [person("a", i) for i in range(10)] + [person("b", i) for i in range(3)]

    chosen = choose(people, {"a": 4, "b": 7}, default=0, seed=1)

    assert count_by_source(chosen) == {"b": 7, "a": 4}
    assert [p.image for p in chosen] == [p.image for p in choose(people, {"a": 4, "b": 7}, 0, 1)]


@pytest.mark.slow
def test_a_cache_goes_on_where_it_stopped(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    people = read_people(
        data / "people/annotations/person_keypoints_val_coco.json", data / "people"
    )[:3]
    teacher = [data / "teachers/tinypose_256x192_A.onnx"]

    cache = build_cache(tmp_path / "c", people, teacher, views=1, workers=1)
    first = np.array(cache.targets)
    cache.done[1] = False
    cache.targets[1] = 0
    again = build_cache(tmp_path / "c", people, teacher, views=1, workers=1)

    np.testing.assert_array_equal(again.targets, first)
    assert open_cache(tmp_path / "c").done.all()
    assert first.max() > 100
    with pytest.raises(InputError, match="holds 3 crops"):
        build_cache(tmp_path / "c", people[:2], teacher, views=1, workers=1)
