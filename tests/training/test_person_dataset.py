"""Reading photographs, and the scenes that are made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose.errors import InputError
from pose.types import ByteArray
from training.augment import Camera
from training.person_dataset import Photograph, held_in, read_photographs, without_parts
from training.person_scene import Framing, draw_scene

DATA = Path(__file__).parents[3] / "shared/data/people"
STILL = Framing(
    zoom=(1.0, 1.0), stretch=1.0, flip_chance=0, mosaic_chance=0, paste_chance=0, plain_chance=1
)
CALM = Camera(colour=0, gamma=0, blur_chance=0, noise_chance=0, compression_chance=0, grey_chance=0)


def _write(path: Path, images: list[dict[str, Any]], labels: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"images": images, "annotations": labels, "categories": []}))
    return path


def _image(number: int, complete: bool) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": f"{number}.png",
        "width": 80,
        "height": 60,
        "source": "made",
        "all_people_labelled": complete,
    }


def _label(image: int, bbox: list[float], **more: Any) -> dict[str, Any]:
    return {"image_id": image, "bbox": bbox, "iscrowd": 0, **more}


def _photograph(folder: Path, xyxy: list[list[float]], size_wh: tuple[int, int]) -> Photograph:
    """White rectangles where the people are."""
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2 in np.array(xyxy, int).reshape(-1, 4):
        image[y1:y2, x1:x2] = 255
    file = folder / f"{width}x{height}.png"
    cv2.imwrite(str(file), image)
    people = np.array(xyxy, np.float32).reshape(-1, 4)
    weights = np.ones(len(people), np.float32)
    return Photograph(file, "made", size_wh, people, weights, np.zeros((0, 4), np.float32), True)


def test_a_file_without_photographs_is_an_empty_list(tmp_path: Path) -> None:
    assert read_photographs(_write(tmp_path / "a.json", [], []), tmp_path) == []


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}'])
def test_a_file_that_is_not_coco_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(InputError, match=r"a\.json"):
        read_photographs(tmp_path / "a.json", tmp_path)


def test_labels_that_are_not_cocos_and_photographs_that_lack_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    with pytest.raises(InputError, match=r"a\.json: .*KeyError: 'image_id'"):
        read_photographs(_write(path, [_image(1, True)], [{"bbox": [1, 2, 3, 4]}]), tmp_path)
    with pytest.raises(InputError, match=r"1 of the 1 photographs .*1\.png.*--images"):
        read_photographs(_write(path, [_image(1, True)], []), tmp_path)


@pytest.mark.parametrize(("source", "crowds"), [("coco_stretched", 1), ("made", 0)])
def test_a_crowd_whose_mark_the_export_lost_is_no_person(
    tmp_path: Path, source: str, crowds: int
) -> None:
    (tmp_path / "1.png").touch()
    people = [_label(1, [6.0 * i, 0, 6, 30]) for i in range(13)]
    group = _label(1, [0.0, 0, 70, 30])
    image = {**_image(1, True), "source": source}

    (photograph,) = read_photographs(
        _write(tmp_path / "a.json", [image], [*people, group]), tmp_path
    )

    assert len(photograph.crowds) == crowds
    assert len(photograph.xyxy) == len(photograph.weights) == 14 - crowds


def test_hand_labels_win_where_complete_and_the_teacher_elsewhere(tmp_path: Path) -> None:
    hand = _write(
        tmp_path / "hand.json",
        [_image(1, True), _image(2, False), _image(3, False), _image(4, True)],
        [_label(1, [0, 0, 10, 20]), _label(1, [50, 0, 10, 20], iscrowd=1)],
    )
    for number in range(1, 5):
        (tmp_path / f"{number}.png").touch()
    teacher = _write(
        tmp_path / "teacher.json",
        [],
        [_label(1, [1, 1, 10, 20], score=0.9), _label(2, [5, 5, 20, 40], score=0.4)],
    )

    one, two, empty = read_photographs(hand, tmp_path, teacher)

    assert one.complete and one.xyxy.tolist() == [[0, 0, 10, 20]] and one.weights.tolist() == [1]
    assert one.crowds.tolist() == [[50, 0, 60, 20]]
    assert not two.complete and two.xyxy.tolist() == [[5, 5, 25, 45]]
    assert 0 < two.weights[0] < 1
    assert empty.complete and empty.xyxy.shape == (0, 4)  # photograph 3 says nothing at all


def test_a_teachers_box_of_a_body_part_goes_and_a_small_person_in_front_stays() -> None:
    whole, upper_body, child = [0, 0, 40, 100], [2, 0, 38, 50], [5, 75, 15, 100]
    xyxy = np.array([whole, upper_body, child], np.float32)

    kept = without_parts(xyxy, np.array([0.9, 0.5, 0.5], np.float32))

    assert kept.tolist() == [True, False, True]
    assert without_parts(xyxy[:0], np.zeros(0, np.float32)).tolist() == []


def test_the_held_in_photographs_are_few_hand_labelled_and_always_the_same(tmp_path: Path) -> None:
    photographs = [
        Photograph(
            tmp_path / f"{i}.png",
            "made",
            (8, 8),
            np.ones((i % 2, 4), np.float32),
            np.ones(i % 2, np.float32),
            np.zeros((0, 4), np.float32),
            complete=i % 4 < 2,
        )
        for i in range(40)
    ]

    learned, aside = held_in(photographs, 5)

    assert len(aside) == 5 and not set(aside) & set(learned) and len(learned) == 35
    assert all(photographs[i].complete and len(photographs[i].xyxy) for i in aside)
    assert held_in(photographs, 5) == (learned, aside)
    assert held_in([], 5) == ([], [])


def test_a_plain_scene_is_the_letterboxed_photograph(tmp_path: Path) -> None:
    photograph = _photograph(tmp_path, [[20, 30, 100, 150]], (200, 160))

    scene = draw_scene(np.random.default_rng(0), photograph, (100, 100), STILL)

    np.testing.assert_allclose(scene.xyxy, [[10, 15, 50, 75]], atol=0.01)
    assert (scene.image[82:] == 114).all()
    assert scene.image[20:70, 15:45].min() > 250


@pytest.mark.parametrize("seed", range(12))
def test_boxes_stay_on_the_people_whatever_happens(tmp_path: Path, seed: int) -> None:
    photograph = _photograph(tmp_path, [[30, 40, 90, 150], [130, 20, 170, 120]], (200, 160))
    framing = Framing(plain_chance=0, mosaic_chance=0, paste_chance=0, camera=CALM)

    scene = draw_scene(np.random.default_rng(seed), photograph, (128, 96), framing)

    for x1, y1, x2, y2 in np.round(scene.xyxy).astype(int):
        inner = scene.image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]
        if inner.size:
            assert inner.mean() > 250 * 0.55  # gain may darken white to 0.7
    assert (scene.xyxy >= 0).all() and (scene.xyxy <= [128, 96, 128, 96]).all()
    assert len(scene.xyxy) + len(scene.ignored) <= 2


def test_four_photographs_share_a_mosaic(tmp_path: Path) -> None:
    photograph = _photograph(tmp_path, [[40, 20, 160, 140]], (200, 160))
    framing = Framing(plain_chance=0, mosaic_chance=1, paste_chance=0, camera=CALM)

    scene = draw_scene(
        np.random.default_rng(3), photograph, (256, 256), framing, lambda _: photograph
    )

    assert scene.complete and len(scene.xyxy) + len(scene.ignored) >= 4


def test_a_pasted_person_is_labelled_and_hides_who_stands_behind(tmp_path: Path) -> None:
    scene_photograph = _photograph(tmp_path, [], (96, 96))
    donor = _photograph(tmp_path, [[10, 10, 50, 90]], (60, 100))
    mask = tmp_path / "mask.png"
    white: ByteArray = np.zeros((100, 60), np.uint8)
    white[10:90, 10:50] = 255
    cv2.imwrite(str(mask), white)
    donor = Photograph(
        donor.file, "made", donor.size_wh, donor.xyxy, donor.weights, donor.crowds, True, mask=mask
    )
    framing = Framing(plain_chance=0, mosaic_chance=0, paste_chance=1, flip_chance=1, camera=CALM)

    scene = draw_scene(
        np.random.default_rng(1), scene_photograph, (96, 96), framing, cutouts=lambda _: donor
    )

    assert len(scene.xyxy) == 1
    x1, y1, x2, y2 = scene.xyxy[0].astype(int)
    assert scene.image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].mean() > 130


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data/people")
def test_the_real_photographs_are_read_with_their_teacher() -> None:
    photographs = read_photographs(
        DATA / "annotations/person_keypoints_train.json",
        DATA,
        DATA / "annotations/teacher_train.json",
    )
    learned, aside = held_in(photographs)

    assert len(aside) == 200
    assert {photographs[i].source for i in aside} <= {"coco_stretched", "coco_train"}
    assert sum(len(photographs[i].xyxy) for i in learned) > 40_000
    names = {p.file.name for p in photographs}
    for held_aside in ("person_boxes_val_coco", "person_keypoints_val_coco"):
        content = json.loads((DATA / f"annotations/{held_aside}.json").read_text())
        assert not names & {Path(image["file_name"]).name for image in content["images"]}
