"""People to learn from, out of COCO keypoint files.

Reads hand labels and, beside them, a teacher's labels of the same photographs: a teacher's person
either belongs to a hand-labelled one (`hand_label`) or is somebody whom nobody labelled by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pose.errors import InputError
from pose.skeleton import COCO_17
from pose.types import FloatArray
from training.labels_file import check_photographs, coco_expected, read_labels
from training.masks import Mask, from_coco

_K = len(COCO_17)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of one photograph.

    Attributes:
        image: Path of the photograph.
        source: Where the photograph comes from, as the file says; empty if it does not.
        xyxy: (4,) float32 box in pixels.
        keypoints: (K, 2) float32 hand-labelled pixels, NaN where nobody labelled.
        visibility: (K,) int64 COCO flags: 0 unlabelled, 1 occluded, 2 visible.
        guess: (K, 3) float32 the teacher's x, y, score; NaN and 0 where there is none.
        mask: Which pixels are the person, where that is known.
    """

    image: Path
    source: str
    xyxy: FloatArray
    keypoints: FloatArray
    visibility: np.ndarray
    guess: FloatArray
    mask: Mask | None = None

    @property
    def by_hand(self) -> bool:
        """Whether a human labelled any joint."""
        return bool((self.visibility > 0).any())


def read_people(
    annotations: Path, images: Path, teacher: Path | None = None, min_side: float = 24.0
) -> list[Person]:
    """Read everybody who has at least one joint, by hand or by a teacher.

    Args:
        annotations: COCO keypoints file.
        images: Folder that `file_name` starts from.
        teacher: COCO-like file whose `keypoints` hold x, y, score; see the module's text.
        min_side: People whose longer box side is shorter, in pixels, are left out.

    Raises:
        InputError: A file is missing, is not JSON, or has other keypoints than COCO's, or
            photographs are missing.
    """
    with coco_expected(annotations):
        people = _by_hand(annotations, images)
    extra: list[Person] = []
    if teacher:
        with coco_expected(teacher):
            extra = _taught(teacher, images, people)
    chosen = [
        person
        for person in (*people.values(), *extra)
        if float((person.xyxy[2:] - person.xyxy[:2]).max()) >= min_side
    ]
    check_photographs((person.image for person in chosen), images, annotations)
    return chosen


def _by_hand(annotations: Path, images: Path) -> dict[int, Person]:
    """Everybody with a hand-labelled joint, by the label's id."""
    people: dict[int, Person] = {}
    for image, label in _labels(annotations):
        found = np.asarray(label.get("keypoints", ()), np.float32)
        labelled = label.get("num_keypoints", np.count_nonzero(found[2::3]))
        if label.get("iscrowd", 0) or not labelled:
            continue
        triplets = _triplets(found, annotations)
        visibility = triplets[:, 2].astype(np.int64)
        keypoints = np.where(visibility[:, None] > 0, triplets[:, :2], np.float32(np.nan))
        people[int(label["id"])] = Person(
            image=images / image["file_name"],
            source=str(image.get("source", "")),
            xyxy=_xyxy(label["bbox"]),
            keypoints=keypoints.astype(np.float32),
            visibility=visibility,
            guess=_no_guess(),
            mask=from_coco(label.get("segmentation"), f"{annotations}, label {label['id']}"),
        )
    return people


def _taught(teacher: Path, images: Path, people: dict[int, Person]) -> list[Person]:
    """Give `people` the teacher's guesses of them; answers those whom nobody labelled."""
    extra: list[Person] = []
    for image, label in _labels(teacher):
        if label.get("box_only") or "keypoints" not in label:
            continue
        guess = _triplets(np.asarray(label["keypoints"], np.float32), teacher)
        known = people.get(int(label.get("hand_label", -1)))
        person = known or Person(
            image=images / image["file_name"],
            source=str(image.get("source", "")),
            xyxy=_xyxy(label["bbox"]),
            keypoints=np.full((_K, 2), np.nan, np.float32),
            visibility=np.zeros(_K, np.int64),
            guess=guess,
        )
        if known:
            people[int(label["hand_label"])] = _with_guess(known, guess)
        else:
            extra.append(person)
    return extra


def is_held_in(person: Person, percent: int = 4) -> bool:
    """Whether this photograph is kept for choosing between models; the same in every run."""
    digest = hashlib.sha256(person.image.name.encode()).digest()
    return digest[0] * 100 < percent * 256


def count_by_source(people: Iterable[Person]) -> dict[str, int]:
    """Number of people per source, most first."""
    counts: dict[str, int] = {}
    for person in people:
        counts[person.source] = counts.get(person.source, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _labels(path: Path) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    content = read_labels(path)
    images = {image["id"]: image for image in content["images"]}
    return [(images[label["image_id"]], label) for label in content["annotations"]]


def _triplets(values: FloatArray, path: Path) -> FloatArray:
    if values.size != _K * 3:
        raise InputError(f"{path}: expected {_K} keypoints per person, got {values.size / 3:g}")
    return values.reshape(_K, 3)


def _xyxy(xywh: Iterable[float]) -> FloatArray:
    x, y, width, height = xywh
    return np.array([x, y, x + width, y + height], np.float32)


def _no_guess() -> FloatArray:
    return np.full((_K, 3), [np.nan, np.nan, 0], np.float32)


def _with_guess(person: Person, guess: FloatArray) -> Person:
    return replace(person, guess=guess)
