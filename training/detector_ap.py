"""Box AP on photographs held in, by COCO's rules, through faster-coco-eval.

For choosing between checkpoints only; the figures of a card come from `main.py evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose import boxes
from pose.errors import UnavailableError
from pose.types import FloatArray
from training.person_dataset import Photograph


def average_precision(
    truth: Sequence[Photograph], found: Sequence[tuple[FloatArray, FloatArray]]
) -> dict[str, float]:
    """Score boxes against hand labels.

    Args:
        truth: Completely labelled photographs.
        found: Per photograph boxes (N, 4) in its pixels and scores (N,).

    Returns:
        `AP`, `AP50`, and `AP50s`, `AP50m`, `AP50l` for small, medium and large people.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise UnavailableError(
            "box AP needs faster-coco-eval: pip install -e .[evaluate]"
        ) from error
    labels = [
        _label(image, xywh, iscrowd=crowd)
        for image, photograph in enumerate(truth, 1)
        for xyxy, crowd in ((photograph.xyxy, 0), (photograph.crowds, 1))
        for xywh in boxes.xywh_from_xyxy(xyxy)
    ]
    results = [
        {"image_id": image, "category_id": 1, "bbox": xywh.tolist(), "score": float(score)}
        for image, (xyxy, scores) in enumerate(found, 1)
        for xywh, score in zip(boxes.xywh_from_xyxy(xyxy), scores, strict=True)
    ]
    if not results or not labels:
        return dict.fromkeys(("AP", "AP50", "AP50s", "AP50m", "AP50l"), 0.0)
    numbered = [{**label, "id": index} for index, label in enumerate(labels, 1)]
    images = [
        {"id": image, "width": p.size_wh[0], "height": p.size_wh[1], "file_name": p.file.name}
        for image, p in enumerate(truth, 1)
    ]
    coco = COCO(
        {
            "images": images,
            "annotations": numbered,
            "categories": [{"id": 1, "name": "person"}],
        }
    )
    judge = COCOeval_faster(coco, coco.loadRes(results), "bbox", print_function=_silent)
    judge.evaluate()
    judge.accumulate()
    precision = judge.eval["precision"]  # (IoU, recall, class, area, detections)
    return {
        "AP": _mean(precision[:, :, 0, 0, -1]),
        "AP50": _mean(precision[0, :, 0, 0, -1]),
        "AP50s": _mean(precision[0, :, 0, 1, -1]),
        "AP50m": _mean(precision[0, :, 0, 2, -1]),
        "AP50l": _mean(precision[0, :, 0, 3, -1]),
    }


def _label(image: int, xywh: FloatArray, iscrowd: int) -> dict[str, object]:
    return {
        "image_id": image,
        "category_id": 1,
        "bbox": xywh.tolist(),
        "area": float(xywh[2] * xywh[3]),
        "iscrowd": iscrowd,
    }


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else 0.0


def _silent(*_: object, **__: object) -> None:
    """faster-coco-eval reports progress; the loop has its own."""
