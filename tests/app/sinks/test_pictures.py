"""A folder of pictures: whose name each bears, and that none is lost."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.sinks.pictures import PicturesWriter
from app.sinks.sink import any_shown
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app.sinks.scenes import picture, scene


def photograph(index: int, file: str, size_wh: tuple[int, int] = (160, 120)) -> Scene:
    plain = scene(index, size_wh=size_wh)
    return replace(plain, frame=replace(plain.frame, file=file, alone=True))


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([], []),
        (["", ""], ["walk_000000000000.jpg", "walk_000000000001.jpg"]),
        (["shot 1.png", "ü.jpg"], ["shot 1.jpg", "ü.jpg"]),
        (["a.png", "A.jpg", "a.webp"], ["a.jpg", "A_000000000001.jpg", "a_000000000002.jpg"]),
    ],
)
def test_a_photograph_keeps_its_name_and_a_frame_gets_its_number(
    tmp_path: Path, files: list[str], names: list[str]
) -> None:
    with PicturesWriter(tmp_path / "walk.pictures", COCO_17) as write:
        for index, file in enumerate(files):
            write(photograph(index, file))

    assert sorted(os.listdir(tmp_path / "walk.pictures")) == sorted(names)


def test_each_picture_is_the_drawing_in_its_own_size(tmp_path: Path) -> None:
    drawing = picture(7, (90, 70))

    with PicturesWriter(tmp_path / "x.pictures", COCO_17) as write:
        write(photograph(0, "a.png"))
        write(replace(photograph(1, "b.png", (90, 70)), drawing=drawing))

    found = [cv2.imread(str(tmp_path / "x.pictures" / f"{name}.jpg")) for name in "ab"]
    assert [each.shape for each in found if each is not None] == [(120, 160, 3), (70, 90, 3)]
    assert np.abs(np.asarray(found[1], int) - drawing).max() < 12


@pytest.mark.parametrize(
    ("names", "shown"),
    [([], False), (["a.csv"], False), (["a.csv", "a.mp4"], True), (["a.MP4"], True),
     (["a.Pictures"], True)],
)  # fmt: skip
def test_somebody_must_draw_where_pictures_are_shown(names: list[str], shown: bool) -> None:
    assert any_shown(map(Path, names)) is shown


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    longest = f"{'x' * 251}.png"
    with PicturesWriter(tmp_path / "walk.pictures", COCO_17) as write:
        write(photograph(0, longest))

    assert os.listdir(tmp_path / "walk.pictures") == [f"{'x' * 251}.jpg"]
