"""Crops that the ablations learn from and are judged on, as a frozen backbone sees them.

The backbone is run once over every crop and its four maps are kept, because what is compared
stands on top of it: on a CPU a row then costs seconds of training instead of hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.annotations import Annotations
from evaluation.kept_arrays import digest, read_arrays, write_arrays
from evaluation.predict import read_frames, true_boxes
from pose import affine, crops
from pose.card import ModelCard
from pose.errors import InputError
from pose.types import Boxes, FloatArray
from training.coco_dataset import Person
from training.cpn_options import CpnOptions
from training.pose_dataset import STRIDE, PoseDataset
from training.progress import Progress

_BATCH = 16
_LABELS = ("points", "visible", "labelled", "mask", "mask_known")
Features = Callable[[FloatArray], list[FloatArray]]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Crops to learn from; n of them.

    Attributes:
        maps: C2..C5, each (n, C, h, w) float16, finest first.
        points: (n, K, 2) float32 heatmap pixels, NaN where unknown.
        visible: (n, K) float32.
        labelled: (n, K) float32 weight.
        mask: (n, h, w) float32, how much of each heatmap pixel is the person.
        mask_known: (n,) float32.
    """

    maps: tuple[np.ndarray, ...]
    points: np.ndarray
    visible: np.ndarray
    labelled: np.ndarray
    mask: np.ndarray
    mask_known: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """Crops to be judged on; n of them, in the order of the photographs.

    Attributes:
        maps: As in `Lesson`.
        to_frame: (n, 2, 3) float32, heatmap pixel -> photograph pixel.
        counts: How many people each photograph has.
        boxes: Of all people.
    """

    maps: tuple[np.ndarray, ...]
    to_frame: FloatArray
    counts: np.ndarray
    boxes: Boxes


def frozen(backbone: nn.Module) -> Features:
    """(N, 3, H, W) normalised pictures -> C2..C5 as arrays."""
    backbone.eval()

    def features(batch: FloatArray) -> list[FloatArray]:
        with torch.inference_mode():
            maps: list[Tensor] = backbone(torch.from_numpy(batch))
        return [each.numpy() for each in maps]

    return features


def lesson(
    path: Path, people: Sequence[Person], card: ModelCard, options: CpnOptions, features: Features
) -> Lesson:
    """Crops of people, kept in a file; read again if it holds those of the same people."""
    labels_of = [
        array
        for person in people
        for array in (person.xyxy, person.keypoints, person.visibility, person.guess)
    ]
    of = digest([str(person.image) for person in people], *labels_of, options, card)
    kept = read_arrays(path, of)
    if kept is None:
        data = PoseDataset(people, card, options=options)
        maps: list[list[FloatArray]] = []
        labels: dict[str, list[np.ndarray]] = {name: [] for name in _LABELS}
        with Progress(path.stem, total=len(data)) as bar:
            for first in range(0, len(data), _BATCH):
                some = [data[i] for i in range(first, min(first + _BATCH, len(data)))]
                maps.append(features(np.stack([example.image for example in some])))
                for name, values in labels.items():
                    values.extend(getattr(example, name) for example in some)
                bar.advance(len(some))
        kept = _levels(maps) | {name: np.stack(values) for name, values in labels.items()}
        write_arrays(path, kept, of)
    return Lesson(_maps(kept), **{name: kept[name] for name in _LABELS})


def exam(path: Path, annotations: Annotations, card: ModelCard, features: Features) -> Exam:
    """People's true boxes, cut out as the application does, kept in a file as a lesson is.

    Raises:
        InputError: There is nobody in these photographs.
    """
    everybody = [photograph.people.xyxy for photograph in annotations.photographs]
    if not sum(map(len, everybody)):
        raise InputError(
            f"expected labelled people to judge on, found none in "
            f"{len(annotations.photographs)} photographs; give other --annotations"
        )
    files = [(photograph.id, str(photograph.path)) for photograph in annotations.photographs]
    of = digest(files, *everybody, card)
    kept = read_arrays(path, of)
    if kept is None:
        maps, to_frame, boxes, counts = [], [], [], []
        width, height = card.input_size_wh
        to_crop = affine.heatmap_to_crop((width, height), (width // STRIDE, height // STRIDE))
        with Progress(path.stem, total=len(annotations.photographs)) as bar:
            for photograph in annotations.photographs:
                [frame] = read_frames([photograph], 0)
                [people] = true_boxes([photograph], [frame])
                counts.append(len(people))
                bar.advance()
                if not len(people):
                    continue
                cut = crops.cut(frame.image, people, (width, height), card.crop_padding)
                maps.append(features(crops.to_batch(cut.images, card)))
                to_frame.append(affine.compose(cut.to_frame, to_crop[None]))
                boxes.append(people.xyxy)
        kept = _levels(maps) | {
            "to_frame": np.concatenate(to_frame),
            "boxes": np.concatenate(boxes),
            "counts": np.array(counts),
        }
        write_arrays(path, kept, of)
    xyxy = kept["boxes"]
    return Exam(
        _maps(kept),
        kept["to_frame"],
        kept["counts"],
        Boxes(xyxy, np.ones(len(xyxy), np.float32)),
    )


def _levels(maps: Sequence[Sequence[FloatArray]]) -> dict[str, np.ndarray]:
    return {
        f"c{level}": np.concatenate(each).astype(np.float16)
        for level, each in enumerate(zip(*maps, strict=True), start=2)
    }


def _maps(kept: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(kept[name] for name in sorted(kept) if name[0] == "c" and name[1:].isdigit())
