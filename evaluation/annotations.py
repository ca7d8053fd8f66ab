"""Hand labels in COCO's keypoint format: which photographs there are, and the people in them.

Reads `images`, `annotations` and `categories`; two fields are ours or from elsewhere and may be
missing: `image.all_people_labelled` (true unless said otherwise) and `annotation.bbox_head`
(PoseTrack18's name: x, y, width, height of the head), from which PCKh takes its unit.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pose import boxes
from pose.errors import InputError
from pose.lost_crowds import lost_crowds as are_lost
from pose.skeleton import COCO_17, SKELETONS, Skeleton
from pose.types import FloatArray, IntArray

_FARTHEST = 1e6  # pixels: what lies beyond is no label
HEAD_FACTOR = 0.6  # Andriluka et al., CVPR 2014: head size = 0.6 * diagonal of the head's box


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The labelled people of one photograph.

    Attributes:
        ids: (M,) int64 annotation ids.
        xyxy: (M, 4) float32 boxes, pixels.
        keypoints: (M, K, 2) float32 pixels; NaN where nobody labelled (v = 0).
        areas: (M,) float32 square pixels, of the person's mask where there is one.
        crowd: (M,) bool, a box around many people: never a person to find.
        head_sizes: (M,) float32 pixels; NaN without a box of the head.
    """

    ids: IntArray
    xyxy: FloatArray
    keypoints: FloatArray
    areas: FloatArray
    crowd: npt.NDArray[np.bool_]
    head_sizes: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> People:
        return People(
            self.ids[chosen], self.xyxy[chosen], self.keypoints[chosen],
            self.areas[chosen], self.crowd[chosen], self.head_sizes[chosen],
        )  # fmt: skip

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """(M, K) whether the keypoint has a label, hidden ones (v = 1) included."""
        return np.asarray(np.isfinite(self.keypoints).all(axis=2))

    @property
    def with_keypoints(self) -> npt.NDArray[np.bool_]:
        """(M,) people whose pose can be judged."""
        return np.asarray(self.labelled.any(axis=1)) & ~self.crowd


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """One picture and who is in it; `all_people_labelled` is false where others may be."""

    id: int
    path: Path
    size_wh: tuple[int, int]
    people: People
    all_people_labelled: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """A set of labelled photographs.

    Attributes:
        photographs: In the order of the file.
        skeleton: Names and order of the K keypoints.
        known_ids: Every image id of the file, also of those left out by `spread`.
        category_id: The person's, as results files name it.
    """

    photographs: tuple[Photograph, ...]
    skeleton: Skeleton
    known_ids: frozenset[int]
    category_id: int = 1

    def spread(self, limit: int) -> Annotations:
        """Keep `limit` photographs, spread evenly over the file and always the same ones."""
        count = len(self.photographs)
        if limit >= count:
            return self
        chosen = [self.photographs[index * count // limit] for index in range(limit)]
        return replace(self, photographs=tuple(chosen))

    @property
    def people_with_keypoints(self) -> int:
        """How many people can be judged by their pose."""
        return sum(int(photo.people.with_keypoints.sum()) for photo in self.photographs)

    @property
    def people_with_boxes(self) -> int:
        """How many people can be found, crowds not counted."""
        return sum(int((~photo.people.crowd).sum()) for photo in self.photographs)

    @property
    def all_people_labelled(self) -> bool:
        """Whether a find that matches nobody is a mistake in every photograph."""
        return all(photo.all_people_labelled for photo in self.photographs)


def read_annotations(path: Path, folder: Path, lost_crowds: bool = False) -> Annotations:
    """Read a file of labels and check that its photographs are there.

    Args:
        path: COCO keypoint or box annotations.
        folder: The photographs; `file_name` is relative to it.
        lost_crowds: Take boxes for crowds that `pose.lost_crowds` tells; for files whose marks an
            export dropped.

    Raises:
        InputError: The file is missing, not JSON, not COCO's format, has no category `person`,
            names photographs that are not in `folder`, or has keypoints in an unknown order.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        raise InputError(
            f"{path}: expected COCO annotations with images, annotations and categories; "
            f"got {_kind(content)}"
        )
    try:
        annotations = _parsed(content, path, folder)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path}: not in COCO's format ({type(error).__name__}: {error})"
        ) from error
    _check_photographs(annotations.photographs, path, folder)
    return _with_crowds(annotations) if lost_crowds else annotations


def _with_crowds(annotations: Annotations) -> Annotations:
    photographs = []
    for photo in annotations.photographs:
        people = photo.people
        crowd = people.crowd | are_lost(people.xyxy)
        photographs.append(replace(photo, people=replace(people, crowd=crowd)))
    return replace(annotations, photographs=tuple(photographs))


def read_json(path: Path) -> Any:
    """The content of a JSON file; InputError in one line if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON, got something else ({error})") from error


def _parsed(content: Mapping[str, Any], path: Path, folder: Path) -> Annotations:
    category = _person_category(content["categories"], path)
    skeleton = _skeleton(category, path)
    ids = [int(image["id"]) for image in content["images"]]
    rows: dict[int, list[Mapping[str, Any]]] = {each: [] for each in ids}
    if len(rows) < len(ids):
        [(twice, _)] = Counter(ids).most_common(1)
        raise InputError(f"{path}: expected each image once, got the id {twice} twice; mend it")
    for row in content["annotations"]:
        if int(row["image_id"]) not in rows:
            raise InputError(
                f"{path}: annotation {row.get('id')} belongs to image {row['image_id']}, "
                f"which is not among its {len(rows)} images"
            )
        if row["category_id"] == category["id"]:
            rows[int(row["image_id"])].append(row)
    photographs = tuple(
        Photograph(
            id=int(image["id"]),
            path=folder / image["file_name"],
            size_wh=(int(image["width"]), int(image["height"])),
            people=_people(rows[int(image["id"])], len(skeleton)),
            all_people_labelled=bool(image.get("all_people_labelled", True)),
        )
        for image in content["images"]
    )
    return Annotations(photographs, skeleton, frozenset(rows), int(category["id"]))


def _person_category(categories: Sequence[Mapping[str, Any]], path: Path) -> Mapping[str, Any]:
    for category in categories:
        if category["name"] == "person":
            return category
    names = ", ".join(str(category["name"]) for category in categories[:5]) or "none"
    raise InputError(f"{path}: expected a category named person, got {names}")


def _skeleton(category: Mapping[str, Any], path: Path) -> Skeleton:
    names = tuple(category.get("keypoints", COCO_17.keypoints))  # box files name no keypoints
    for skeleton in SKELETONS.values():
        if skeleton.keypoints == names:
            return skeleton
    raise InputError(
        f"{path}: its {len(names)} keypoints ({', '.join(names[:4])}, …) are those of none of "
        f"{', '.join(SKELETONS)}; add their order to pose/skeleton.py"
    )


def _people(rows: Sequence[Mapping[str, Any]], keypoint_count: int) -> People:
    """ValueError if a row's numbers are missing or too few."""
    count = len(rows)
    xywh = _column(rows, 4, lambda row: row["bbox"])
    nothing = [0] * (3 * keypoint_count)
    triples = _column(rows, 3 * keypoint_count, lambda row: row.get("keypoints") or nothing)
    xyv = triples.reshape(count, keypoint_count, 3)
    heads = _column(rows, 4, lambda row: row.get("bbox_head", [np.nan] * 4))
    areas = _column(rows, 1, _area)[:, 0]
    for row, box, area, person in zip(rows, xywh, areas, xyv, strict=True):
        labelled = person[person[:, 2] > 0]
        # Zero sides stay: COCO itself has some.
        if not (np.abs(box) <= _FARTHEST).all() or (box[2:] < 0).any() or not 0 <= area < np.inf:
            raise ValueError(
                f"annotation {row['id']}: expected a box and an area of finite numbers, "
                f"not negative, got {box.tolist()} and {area}"
            )
        if not (np.abs(labelled) <= _FARTHEST).all():
            raise ValueError(f"annotation {row['id']}: expected keypoints of finite numbers")
    return People(
        ids=np.array([row["id"] for row in rows], np.int64),
        xyxy=boxes.xyxy_from_xywh(xywh),
        keypoints=np.where(xyv[..., 2:] > 0, xyv[..., :2], np.nan).astype(np.float32),
        areas=areas.astype(np.float32),
        crowd=np.array([bool(row.get("iscrowd", 0)) for row in rows], np.bool_),
        head_sizes=(HEAD_FACTOR * np.hypot(heads[:, 2], heads[:, 3])).astype(np.float32),
    )


def _area(row: Mapping[str, Any]) -> Sequence[float]:
    area = row.get("area")
    return [row["bbox"][2] * row["bbox"][3] if area is None else area]


def _column(
    rows: Sequence[Mapping[str, Any]],
    width: int,
    numbers: Callable[[Mapping[str, Any]], Sequence[float]],
) -> npt.NDArray[np.float64]:
    for row in rows:
        if len(numbers(row)) != width:
            raise ValueError(
                f"annotation {row['id']}: expected {width} numbers, got {len(numbers(row))}"
            )
    return np.array([numbers(row) for row in rows], np.float64).reshape(-1, width)


def _check_photographs(photographs: Sequence[Photograph], path: Path, folder: Path) -> None:
    if not photographs:
        raise InputError(f"{path}: it names no photographs")
    missing = [photo.path for photo in photographs if not os.path.isfile(photo.path)]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(photographs)} photographs of {path.name} are not in "
            f"{folder}, first {missing[0]}; give their folder with --images"
        )


def _kind(content: object) -> str:
    return (
        f"an object with {sorted(content)[:5]}" if isinstance(content, dict) else "a list or value"
    )
