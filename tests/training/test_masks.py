"""Masks: COCO's encodings against COCO's own tools, and masks that follow the crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose import affine
from pose.errors import InputError
from training.coco_dataset import Person
from training.cpn_crops import mirrored
from training.mask_pictures import with_mask_pictures
from training.masks import Mask, MaskPicture, Polygons, RunLengths, coverage, from_coco, warped

SAME = np.eye(2, 3, dtype=np.float32)


def blob(rng: np.random.Generator, height: int = 41, width: int = 57) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 4)
    return (noise > 0).astype(np.uint8)


@pytest.mark.parametrize("nothing", [None, [], [[]], [[1.0, 2.0, 3.0, 4.0]]])
def test_no_outline_is_no_mask(nothing: Any) -> None:
    assert from_coco(nothing) is None


def test_run_lengths_are_those_of_cocos_tools(rng: np.random.Generator) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="needs pip install -e '.[test]'")
    for wanted in [blob(rng), np.zeros((7, 5), np.uint8), np.ones((7, 5), np.uint8)]:
        packed = coco.encode(np.asfortranarray(wanted))
        text = {"size": packed["size"], "counts": packed["counts"].decode()}

        mask = from_coco(text)

        assert isinstance(mask, RunLengths)
        again = from_coco({"size": packed["size"], "counts": mask.counts.tolist()})
        assert isinstance(again, RunLengths)
        for each in (mask, again):
            drawn = warped(each, SAME, wanted.shape[::-1])
            np.testing.assert_array_equal(drawn, wanted * 255)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
def test_polygons_are_filled_as_cocos_tools_fill_them(rng: np.random.Generator) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="needs pip install -e '.[test]'")
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    apart = []
    for _ in range(30):
        radius = rng.uniform(15, 30, 24)
        outline = np.stack([50 + radius * np.cos(angles), 40 + radius * np.sin(angles)], 1)
        second = outline * 0.4 + 20.3  # overlaps the first: still inside, not cut out
        flat = [outline.round(1).ravel().tolist(), second.round(1).ravel().tolist()]
        wanted = coco.decode(coco.merge(coco.frPyObjects(flat, 80, 100)))

        drawn = warped(from_coco(flat), SAME, (100, 80)) > 127  # type: ignore[arg-type]

        overlap = (drawn & (wanted > 0)).sum() / (drawn | (wanted > 0)).sum()
        # OpenCV paints the pixels of the outline too; shapes must not be shifted by it.
        assert overlap > 0.92
        apart.append(np.argwhere(drawn).mean(0) - np.argwhere(wanted).mean(0))
    np.testing.assert_allclose(np.mean(apart, axis=0), 0, atol=0.1)


@pytest.mark.parametrize(
    "bad",
    [{"size": [3, 3], "counts": [1, 2]}, {"counts": "11"}, [["a", "b"]], [[1, 2, 3]], 7],
)
def test_what_is_no_segmentation_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(InputError, match=r"labels\.json, label 5"):
        from_coco(bad, "labels.json, label 5")


def test_all_kinds_of_masks_go_the_way_of_the_crop(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    """A rectangle as outline, run lengths and picture, through one turned and mirrored crop."""
    whole = np.zeros((90, 120), np.uint8)
    whole[20:70, 30:60] = 255
    cv2.imwrite(str(tmp_path / "m.png"), whole)
    columns = (whole.T.ravel() > 0).astype(int)
    edges = np.flatnonzero(np.diff(columns)) + 1
    runs = np.diff([0, *edges, columns.size])
    masks: list[Mask] = [
        Polygons((np.array([[30, 20], [60, 20], [60, 70], [30, 70]], np.float32),)),
        RunLengths(runs, whole.shape),
        MaskPicture(tmp_path / "m.png"),
    ]
    box = np.array([[10, 0, 80, 90]], np.float32)
    to_crop = affine.box_to_crop(box, (96, 128), np.array([25], np.float32))[0]
    to_crop = mirrored(to_crop, (96, 128))

    outline, *others = [coverage(mask, to_crop, (96, 128)) for mask in masks]

    for other in others:
        np.testing.assert_allclose(other, outline, atol=0.35)
        assert np.abs(other - outline).mean() < 0.02
    # A heatmap pixel i speaks of crop pixel 4 i: the middle of the mask is that of the rectangle.
    middle = affine.apply(to_crop, np.array([[[44.5, 44.5]]], np.float32))[0, 0] / 4
    rows, columns = np.mgrid[:32, :24]
    for found in (outline, *others):
        centre = [(columns * found).sum() / found.sum(), (rows * found).sum() / found.sum()]
        np.testing.assert_allclose(centre, middle, atol=0.1)


def test_a_mask_picture_finds_its_person(tmp_path: Path) -> None:
    def person(name: str, *box: float) -> Person:
        empty = np.full((17, 3), np.nan, np.float32)
        return Person(
            tmp_path / "photos" / name, "", np.array(box, np.float32), empty[:, :2],
            np.zeros(17, np.int64), empty,
        )  # fmt: skip

    picture = np.zeros((50, 50), np.uint8)
    picture[10:40, 5:25] = 255
    (tmp_path / "masks/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "masks/a/1.png"), picture)
    people = [
        person("a/1.webp", 30, 10, 48, 40),
        person("a/1.webp", 4, 9, 26, 41),
        person("a/2.webp", 4, 9, 26, 41),
    ]

    found = with_mask_pictures(people, tmp_path / "photos", tmp_path / "masks")

    assert [p.mask is not None for p in found] == [False, True, False]
    with pytest.raises(InputError, match="mask pictures"):
        with_mask_pictures(people, tmp_path / "photos", tmp_path / "nowhere")


def test_an_unreadable_mask_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        warped(MaskPicture(tmp_path / "gone.png"), SAME, (8, 8))
