"""Mask pictures find their people: a folder of masks beside a folder of photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose import boxes
from pose.errors import InputError
from training.coco_dataset import Person
from training.masks import MaskPicture, read_picture

SAME_PERSON = 0.5  # IoU from which a mask picture and a box are one person's


def with_mask_pictures(
    people: Sequence[Person], images: Path, folder: Path, suffix: str = ".png"
) -> list[Person]:
    """Give people the mask pictures of their photographs.

    Args:
        people: Everybody; a mask goes to the one person of its photograph whose box fits best.
        images: Folder that the photographs' names start from.
        folder: Has the same tree: `ccp/0001.webp` there is `ccp/0001.png` here.
        suffix: Of mask pictures.

    Raises:
        InputError: The folder holds no mask of any of these photographs.
    """
    answer = list(people)
    by_photograph: dict[Path, list[int]] = {}
    for index, person in enumerate(people):
        by_photograph.setdefault(person.image, []).append(index)
    given = 0
    for photograph, members in by_photograph.items():
        path = (folder / photograph.relative_to(images)).with_suffix(suffix)
        if not path.is_file():
            continue
        rows, columns = np.nonzero(read_picture(path) > 127)
        if not len(rows):
            continue
        extent = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
        overlap = boxes.iou(extent.astype(np.float32), np.stack([people[i].xyxy for i in members]))[
            0
        ]
        if overlap.max() >= SAME_PERSON:
            chosen = members[int(overlap.argmax())]
            answer[chosen] = replace(people[chosen], mask=MaskPicture(path))
            given += 1
    if not given:
        raise InputError(f"expected mask pictures named as the photographs in {folder}, found none")
    return answer
