"""Photographs with people's boxes: hand labels where everybody is labelled, a teacher's elsewhere.

A label has a weight: 1 for a human's, less for a teacher's, by its score. Where not everybody is
labelled the photograph is `complete=False`, and nobody may take its background for empty.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose import boxes
from pose.lost_crowds import lost_crowds
from pose.types import FloatArray
from training.labels_file import check_photographs, coco_expected, read_labels

_EXPORT = "coco_stretched"  # COCO through a format without a mark for crowds, squashed to squares
_INSIDE_ANOTHER = 0.8  # part of a teacher's box inside a better one from which it is a body part
_SAME_PERSON = 0.4  # IoU from which a hand label and a teacher's box are one person


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """One picture to learn from.

    Attributes:
        file: Picture file.
        source: Where it comes from, as the annotation file says.
        size_wh: Width and height in pixels.
        xyxy: (M, 4) float32 people's boxes, pixels.
        weights: (M,) float32, how far each box is believed, 0 to 1.
        crowds: (C, 4) float32 boxes of crowds that nobody took apart: neither people nor empty.
        complete: Everybody is labelled, so the rest is background.
        drawn_out: Width over the true width: 0.75 for a 4:3 photograph squashed to a square.
        mask: One-bit picture, white = the person, for cutting it out; None if there is none.
    """

    file: Path
    source: str
    size_wh: tuple[int, int]
    xyxy: FloatArray
    weights: FloatArray
    crowds: FloatArray
    complete: bool
    drawn_out: float = 1.0
    mask: Path | None = None


def read_photographs(
    annotations: Path, images: Path, teacher: Path | None = None
) -> list[Photograph]:
    """Read a COCO file and a teacher's boxes of the same photographs.

    Args:
        annotations: COCO keypoint file; images may carry `source` and `all_people_labelled`.
        images: Folder that holds the picture files, and perhaps `masks/`.
        teacher: COCO file whose annotations have a `score` where a detector found the person.

    Returns:
        Photographs with at least one label or known to be without people, in file order.

    Raises:
        InputError: A file is missing or is no COCO file, or photographs are missing.
    """
    content = read_labels(annotations)
    with coco_expected(annotations):
        by_hand = _by_image(content["annotations"])
    with coco_expected(teacher or annotations):
        guessed = _by_image(read_labels(teacher)["annotations"]) if teacher else {}
    with coco_expected(annotations):
        photographs = _photographs(content, images, by_hand, guessed)
    check_photographs((each.file for each in photographs), images, annotations)
    return photographs


def _photographs(
    content: Mapping[str, Any],
    images: Path,
    by_hand: Mapping[int, Sequence[Mapping[str, Any]]],
    guessed: Mapping[int, Sequence[Mapping[str, Any]]],
) -> list[Photograph]:
    photographs = []
    for image in content["images"]:
        hand = by_hand.get(image["id"], [])
        complete = bool(image.get("all_people_labelled", True))
        source = str(image.get("source", ""))
        xyxy = _xyxy(hand)
        crowd = np.array([bool(label.get("iscrowd")) for label in hand], np.bool_)
        if source == _EXPORT:
            crowd |= lost_crowds(xyxy)
        xyxy, crowds = xyxy[~crowd], xyxy[crowd]
        weights = np.ones(len(xyxy), np.float32)
        if not complete:
            xyxy, weights = _believe(xyxy, guessed.get(image["id"], []))
        if not complete and not len(xyxy):
            continue
        mask = images / "masks" / Path(image["file_name"]).with_suffix(".png")
        photographs.append(
            Photograph(
                file=images / image["file_name"],
                source=source,
                size_wh=(int(image["width"]), int(image["height"])),
                xyxy=xyxy,
                weights=weights,
                crowds=crowds,
                complete=complete,
                drawn_out=0.75 if source == _EXPORT else 1.0,
                mask=mask if mask.is_file() else None,
            )
        )
    return photographs


def held_in(photographs: Sequence[Photograph], count: int = 200) -> tuple[list[int], list[int]]:
    """Set photographs aside for choosing between checkpoints; the same ones in every run.

    Only fully hand-labelled photographs with people can judge a detector. They are taken in the
    order of a checksum of their names, so that adding others does not reshuffle them all.

    Returns:
        Indices to train on and indices held in, at most half of those that could be.
    """
    able = [i for i, p in enumerate(photographs) if p.complete and len(p.xyxy)]
    able.sort(key=lambda i: (zlib.crc32(photographs[i].file.name.encode()), i))
    aside = set(able[: min(count, len(able) // 2)])
    return [i for i in range(len(photographs)) if i not in aside], sorted(aside)


def _believe(hand: FloatArray, found: Sequence[Mapping[str, Any]]) -> tuple[FloatArray, FloatArray]:
    """A teacher's boxes without the parts of people; hand labels where it saw nobody."""
    found = [label for label in found if "score" in label]
    guesses = _xyxy(found)
    scores = np.array([label["score"] for label in found], np.float32)
    whole = without_parts(guesses, scores)
    guesses, scores = guesses[whole], scores[whole]
    missed = hand[boxes.iou(hand, guesses).max(1, initial=0) < _SAME_PERSON]
    # a score of 0.25 is where the teacher's file starts, 0.65 a person nobody would miss
    weights = np.clip((scores - 0.15) / 0.5, 0.2, 1.0)
    # hand boxes of these photographs are drawn around joints, not around people: half a word
    doubted = np.full(len(missed), 0.5, np.float32)
    return np.concatenate([guesses, missed]), np.concatenate([weights, doubted]).astype(np.float32)


def without_parts(xyxy: FloatArray, scores: FloatArray) -> np.ndarray:
    """Which boxes are not mostly inside a better and larger one.

    Args:
        xyxy: (N, 4) boxes of one picture.
        scores: (N,).

    Returns:
        (N,) bool.
    """
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    sides = np.maximum(np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:]) - low, 0)
    areas = boxes.area(xyxy)
    inside = sides[..., 0] * sides[..., 1] / np.maximum(areas[:, None], 1e-6)
    # a small person in front of a large one is also inside; half the height tells a part
    better = scores[None] > scores[:, None]
    heights = xyxy[:, 3] - xyxy[:, 1]
    near = heights[:, None] > 0.3 * heights[None]
    return np.asarray(~(better & near & (inside > _INSIDE_ANOTHER)).any(1))


def _by_image(labels: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    grouped: dict[int, list[Mapping[str, Any]]] = {}
    for label in labels:
        grouped.setdefault(int(label["image_id"]), []).append(label)
    return grouped


def _xyxy(labels: Sequence[Mapping[str, Any]]) -> FloatArray:
    return boxes.xyxy_from_xywh([label["bbox"] for label in labels])
