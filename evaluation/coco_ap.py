"""COCO's figures for keypoints and for boxes, computed by faster-coco-eval.

The rules are COCO's (cocodataset.org, "keypoint evaluation" and "detection evaluation"): at most
20 poses or 100 boxes a photograph, thresholds 0.50 to 0.95 in steps of 0.05, people without
labelled keypoints and crowds are neither a find nor a miss.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.annotations import Annotations
from evaluation.results import box_entries, keypoint_entries
from pose import boxes
from pose.errors import UnavailableError
from pose.ranking import SEEN
from pose.types import Boxes, Poses

_log = logging.getLogger(__name__)

MOST_POSES = 20
MOST_BOXES = 100
ALL, SMALL, MEDIUM, LARGE = "all", "small", "medium", "large"


def keypoint_figures(
    annotations: Annotations, found: Sequence[Poses], seen: float = SEEN
) -> dict[str, float]:
    """The ten keypoint figures.

    Args:
        annotations: The labels; the skeleton's sigmas are used.
        found: Poses of each photograph, ranked by `pose.ranking.person_scores`.
        seen: Of the ranking.

    Returns:
        AP, AP50, AP75, APm, APl, AR, AR50, AR75, ARm, ARl, 0 to 1; a size of which nobody is
        labelled has no figures.

    Raises:
        UnavailableError: faster-coco-eval is not installed.
    """
    scored = _scored(annotations, keypoint_entries(annotations, found, seen), "keypoints")
    return _without_nan(
        {
            f"{kind}{suffix}": scored.mean(kind, threshold, size)
            for kind in ("AP", "AR")
            for suffix, threshold, size in (
                ("", None, ALL),
                ("50", 0.5, ALL),
                ("75", 0.75, ALL),
                ("m", None, MEDIUM),
                ("l", None, LARGE),
            )
        }
    )


def box_figures(annotations: Annotations, found: Sequence[Boxes]) -> dict[str, float]:
    """The figures of the person detector.

    Args:
        annotations: The labels.
        found: Boxes of each photograph, with a threshold so low that nothing is lost.

    Returns:
        detector_AP, detector_AP50, detector_AP75, detector_AP50_small (below 32² pixels),
        detector_AP50_medium, detector_AP50_large (above 96²); absent as in `keypoint_figures`.

    Raises:
        UnavailableError: faster-coco-eval is not installed.
    """
    scored = _scored(annotations, box_entries(annotations, found), "bbox")
    return _without_nan(
        {
            "detector_AP": scored.mean("AP"),
            "detector_AP50": scored.mean("AP", threshold=0.5),
            "detector_AP75": scored.mean("AP", threshold=0.75),
            "detector_AP50_small": scored.mean("AP", threshold=0.5, size=SMALL),
            "detector_AP50_medium": scored.mean("AP", threshold=0.5, size=MEDIUM),
            "detector_AP50_large": scored.mean("AP", threshold=0.5, size=LARGE),
        }
    )


class _Scored:
    """What COCO's evaluation leaves: precision (T, R, 1, A, M) and recall (T, 1, A, M)."""

    def __init__(self, evaluation: Any) -> None:
        self._tables = {"AP": evaluation.eval["precision"], "AR": evaluation.eval["recall"]}
        self._sizes: list[str] = list(evaluation.params.areaRngLbl)
        self._thresholds: npt.NDArray[np.float64] = evaluation.params.iouThrs

    def mean(self, kind: str, threshold: float | None = None, size: str = ALL) -> float:
        """Mean over what is asked for; NaN if nobody is labelled (COCO writes -1)."""
        table = np.asarray(self._tables[kind])[..., self._sizes.index(size), -1]
        if threshold is not None:
            table = table[np.isclose(self._thresholds, threshold)]
        return float(table.mean()) if (table > -1).all() else float("nan")


def _scored(annotations: Annotations, entries: list[dict[str, Any]], kind: str) -> _Scored:
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise UnavailableError(
            "COCO's figures need faster-coco-eval; run: pip install -e .[evaluate]"
        ) from error
    truth = COCO(_coco_content(annotations))
    sigmas = [float(sigma) for sigma in annotations.skeleton.sigmas]
    evaluation = COCOeval_faster(
        truth, truth.loadRes(entries), kind, kpt_oks_sigmas=sigmas, print_function=_log.debug
    )
    evaluation.params.maxDets = [MOST_POSES] if kind == "keypoints" else [1, 10, MOST_BOXES]
    evaluation.evaluate()
    evaluation.accumulate()
    return _Scored(evaluation)


def _coco_content(annotations: Annotations) -> dict[str, Any]:
    """The labels as COCO's code wants them, made anew because it writes into them."""
    rows: list[dict[str, Any]] = []
    for photo in annotations.photographs:
        people = photo.people
        xyv = np.concatenate([np.nan_to_num(people.keypoints), 2.0 * people.labelled[..., None]], 2)
        for index, xywh in enumerate(boxes.xywh_from_xyxy(people.xyxy)):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": photo.id,
                    "category_id": annotations.category_id,
                    "bbox": xywh.astype(float).tolist(),
                    "area": float(people.areas[index]),
                    "iscrowd": int(people.crowd[index]),
                    "keypoints": xyv[index].astype(float).ravel().tolist(),
                    "num_keypoints": int(people.labelled[index].sum()),
                }
            )
    images = [
        {"id": photo.id, "width": photo.size_wh[0], "height": photo.size_wh[1]}
        for photo in annotations.photographs
    ]
    category = {"id": annotations.category_id, "name": "person"}
    return {"images": images, "annotations": rows, "categories": [category]}


def _without_nan(figures: dict[str, float]) -> dict[str, float]:
    return {name: figure for name, figure in figures.items() if np.isfinite(figure)}
