"""Training examples of a CPN: crops with their heatmaps, made anew each time they are asked for.

Each person is shown in several ways per pass (tf-cpn: four). Targets are CPN's own: a dot blurred
by a kernel of its own for each level of the pyramid, times 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch.utils.data import Dataset

from pose import affine, heatmap
from pose.card import ModelCard
from pose.crops import to_batch
from pose.errors import InputError
from pose.skeleton import COCO_17
from training.augment import Camera, Geometry, crop_affine, photographed
from training.coco_dataset import Person
from training.distill import SQUASHED

# Kernel of the targets' blur at P2..P5 for a map 64 pixels high; tf-cpn gives the finest level
# the widest, the author's original was the other way round (facts: "labels are reversed").
KERNELS = {64: (15, 11, 9, 7), 96: (23, 17, 13, 9)}
CPN_GEOMETRY = Geometry(padding=1.25, scale=(0.7, 1.35), rotation_deg=45, rotation_chance=0.5)
PLAIN_GEOMETRY = Geometry(padding=1.25, scale=(1.0, 1.0), rotation_deg=0, rotation_chance=0)
SURE = 0.5
WEAK = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One crop, ready for the network.

    Attributes:
        image: (3, H, W) float32, normalised.
        targets: (levels, K, h, w) float32 heatmaps of P2..P5; the last is RefineNet's too.
        visible: (K,) float32, 1 where GlobalNet is to find the keypoint.
        labelled: (K,) float32 weight in RefineNet's loss.
        points: (K, 2) float32 heatmap pixels, NaN where unknown.
    """

    image: np.ndarray
    targets: np.ndarray
    visible: np.ndarray
    labelled: np.ndarray
    points: np.ndarray


class PoseDataset(Dataset[Example]):
    """People -> examples; the same index and pass give the same example.

    Args:
        people: Who is shown.
        card: Input size and normalisation.
        training: Augment, or show everybody once and plainly.
        ways: Examples per person and pass.
        seed: Of the augmentation; give each pass its own.
    """

    def __init__(
        self,
        people: Sequence[Person],
        card: ModelCard,
        training: bool = True,
        ways: int = 4,
        seed: int = 0,
    ) -> None:
        self._people, self._card, self._training = people, card, training
        self._ways, self._seed = (ways if training else 1), seed
        height = card.input_size_wh[1] // 4
        if height not in KERNELS:
            raise InputError(f"expected an input height of 256 or 384, got {4 * height}")
        self._kernels = KERNELS[height]

    def __len__(self) -> int:
        return len(self._people) * self._ways

    def __getitem__(self, index: int) -> Example:
        person = self._people[index // self._ways]
        rng = np.random.default_rng([self._seed, index])
        photograph = cv2.imread(str(person.image), cv2.IMREAD_COLOR)
        if photograph is None:
            raise InputError(f"expected a photograph at {person.image}, could not read one")
        points, visible, labelled = merged_labels(person)
        geometry = CPN_GEOMETRY if self._training else PLAIN_GEOMETRY
        drawn_out = 4 / 3 if person.source in SQUASHED else 1.0
        size_wh = self._card.input_size_wh
        to_crop = crop_affine(rng, person.xyxy, points, size_wh, geometry, drawn_out)
        crop = np.asarray(cv2.warpAffine(photograph, to_crop, size_wh), np.uint8)
        points = affine.apply(to_crop, points[None])[0]
        if self._training:
            crop = photographed(rng, crop, Camera())
            if rng.random() < 0.25:
                crop, flip = np.ascontiguousarray(crop[:, ::-1]), COCO_17.flip
                points = points[flip]
                points[:, 0] = size_wh[0] - 1 - points[:, 0]
                visible, labelled = visible[flip], labelled[flip]
        maps_wh = (size_wh[0] // 4, size_wh[1] // 4)
        points = (points / 4).astype(np.float32)
        with np.errstate(invalid="ignore"):
            inside = ((points >= 0) & (points < np.array(maps_wh))).all(1)
        points = np.where(inside[:, None], points, np.float32(np.nan)).astype(np.float32)
        targets = np.concatenate(
            [heatmap.encode_cpn(points[None], maps_wh, kernel) for kernel in self._kernels]
        )
        return Example(
            image=to_batch(crop[None], self._card)[0],
            targets=targets * np.float32(self._card.heatmap_peak),
            visible=(visible * inside).astype(np.float32),
            labelled=(labelled * inside).astype(np.float32),
            points=points,
        )


def merged_labels(person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hand labels, and the teacher's where nobody labelled by hand.

    Returns:
        (K, 2) float32 pixels, (K,) float32 visible, (K,) float32 weight: a human's word counts 1,
        a teacher's its score, and nothing below `WEAK`.
    """
    by_hand = person.visibility > 0
    score = np.where(by_hand, 0, person.guess[:, 2])
    guessed = score >= WEAK
    points = np.where(by_hand[:, None], person.keypoints, person.guess[:, :2])
    known = by_hand | guessed
    points = np.where(known[:, None], points, np.nan).astype(np.float32)
    visible = (person.visibility == 2) | (score >= SURE)
    weight = np.where(by_hand, 1.0, np.where(guessed, score, 0.0))
    return points, visible.astype(np.float32), weight.astype(np.float32)
