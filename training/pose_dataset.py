"""Training examples of a CPN: crops with their heatmaps, made anew each time they are asked for.

Each person is shown in several ways per pass (tf-cpn: four, `training.cpn_crops`). The targets are
CPN's own: a dot blurred by a kernel of its own for each level of the pyramid, times 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import Dataset

from pose import affine, heatmap
from pose.card import ModelCard
from pose.crops import to_batch
from pose.errors import InputError
from pose.skeleton import COCO_17
from pose.types import ByteArray, FloatArray
from training.augment import Camera, photographed
from training.coco_dataset import Person
from training.cpn_crops import MIRRORED, WAYS, plain_affine, training_affine
from training.cpn_options import CpnOptions
from training.distill import SQUASHED
from training.masks import coverage

# Kernels of the targets' blur for a map so many pixels high, widest first.
KERNELS = {64: (15, 11, 9, 7), 96: (23, 17, 13, 9)}
STRIDE = 4
SURE = 0.5
WEAK = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One crop, ready for the network.

    Attributes:
        image: (3, H, W) float32, normalised.
        targets: (levels, K, h, w) float32 heatmaps of P2..P5.
        refine_target: (K, h, w) float32, with the narrowest blur.
        visible: (K,) float32, 1 where GlobalNet is to find the keypoint.
        labelled: (K,) float32 weight in RefineNet's loss.
        points: (K, 2) float32 heatmap pixels, NaN where unknown.
        mask: (h, w) float32, how much of each heatmap pixel is the person.
        mask_known: () float32, 1 where there is a mask.
    """

    image: np.ndarray
    targets: np.ndarray
    refine_target: np.ndarray
    visible: np.ndarray
    labelled: np.ndarray
    points: np.ndarray
    mask: np.ndarray
    mask_known: np.ndarray


class PoseDataset(Dataset[Example]):
    """People -> examples; the same index and pass give the same example.

    Args:
        people: Who is shown.
        card: Input size and normalisation.
        training: Augment, or show everybody once and plainly.
        seed: Of the augmentation; give each pass its own.
        options: Of the recipe.
    """

    def __init__(
        self,
        people: Sequence[Person],
        card: ModelCard,
        training: bool = True,
        seed: int = 0,
        options: CpnOptions | None = None,
    ) -> None:
        self._people, self._card, self._seed = people, card, seed
        self._options = options = options or CpnOptions()
        self._augment = training and options.augment
        self._ways = options.samples if self._augment else 1
        self._kernels = level_kernels(card.input_size_wh[1], options.kernels)

    def __len__(self) -> int:
        return len(self._people) * self._ways

    def __getitem__(self, index: int) -> Example:
        person = self._people[index // self._ways]
        rng = np.random.default_rng([self._seed, index])
        photograph = _photograph(person.image)
        points, visible, labelled = merged_labels(person)
        drawn_out = 4 / 3 if person.source in SQUASHED else 1.0
        size_wh, options = self._card.input_size_wh, self._options
        photograph_wh = (photograph.shape[1], photograph.shape[0])
        if self._augment:
            way = WAYS[index % self._ways % len(WAYS)]
            to_crop = training_affine(
                rng, person.xyxy, photograph_wh, size_wh, way, options, drawn_out
            )
            if way == MIRRORED:
                flip = COCO_17.flip
                points, visible, labelled = points[flip], visible[flip], labelled[flip]
        else:
            to_crop = plain_affine(person.xyxy, photograph_wh, size_wh, options, drawn_out)
        crop = self._cut(photograph, to_crop)
        if self._augment:
            crop = _coloured(rng, crop, options)
        maps_wh = (size_wh[0] // STRIDE, size_wh[1] // STRIDE)
        points = (affine.apply(to_crop, points[None])[0] / STRIDE).astype(np.float32)
        with np.errstate(invalid="ignore"):
            inside = ((points >= 0) & (points < np.array(maps_wh))).all(1)
        points = np.where(inside[:, None], points, np.float32(np.nan)).astype(np.float32)
        peak = np.float32(self._card.heatmap_peak)
        drawn = {
            kernel: heatmap.encode_cpn(points[None], maps_wh, kernel)[0] * peak
            for kernel in set(self._kernels)
        }
        known = person.mask is not None
        return Example(
            image=to_batch(crop[None], self._card)[0],
            targets=np.stack([drawn[kernel] for kernel in self._kernels]),
            refine_target=drawn[min(self._kernels)],
            visible=(visible * inside).astype(np.float32),
            labelled=(labelled * inside).astype(np.float32),
            points=points,
            mask=coverage(person.mask, to_crop, size_wh)
            if person.mask is not None
            else np.zeros(maps_wh[::-1], np.float32),
            mask_known=np.array(known, np.float32),
        )

    def _cut(self, photograph: ByteArray, to_crop: FloatArray) -> ByteArray:
        """Resample once; beyond the photograph is the mean colour, which the network sees as 0."""
        mean = self._card.mean if self._card.channels == "bgr" else self._card.mean[::-1]
        border = mean if self._options.outside == "mean" else (0, 0, 0)
        size_wh = self._card.input_size_wh
        return np.asarray(
            cv2.warpAffine(photograph, to_crop, size_wh, borderValue=border), np.uint8
        )


def level_kernels(crop_height: int, order: str) -> tuple[int, ...]:
    """Kernels of P2..P5's targets.

    tf-cpn gives the finest level the widest blur; its author says that the entry had it the other
    way round ("original labels are reversed").

    Args:
        crop_height: Of the network's input, a multiple of 32.
        order: `paper` or `tf-cpn`.

    Returns:
        Odd pixels; for heights that the authors did not train, theirs in proportion, at least 3.

    Raises:
        InputError: The height is not a multiple of 32.
    """
    height, rest = divmod(crop_height, STRIDE)
    if rest or height % 8 or height < 1:
        raise InputError(f"expected an input height that 32 divides, got {crop_height}")
    widest = KERNELS.get(height) or tuple(
        max(3, int(kernel * height / 64) // 2 * 2 + 1) for kernel in KERNELS[64]
    )
    return widest if order == "tf-cpn" else widest[::-1]


@lru_cache(maxsize=1)
def _photograph(path: Path) -> ByteArray:
    """Whoever asks for all ways of a person in a row pays for reading once."""
    photograph = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photograph is None:
        raise InputError(f"expected a photograph at {path}, could not read one")
    return np.asarray(photograph, np.uint8)


def _coloured(rng: np.random.Generator, crop: ByteArray, options: CpnOptions) -> ByteArray:
    if options.camera:
        crop = photographed(rng, crop, Camera())
    if options.colour:
        gain = rng.uniform(1 - options.colour, 1 + options.colour, 3)
        crop = (crop * gain).clip(0, 255).astype(np.uint8)
    return crop


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
