"""Every figure that applies to some labels and some predictions, with its bootstrap draws."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation import coco_ap, matches, pck
from evaluation.annotations import Annotations
from evaluation.predict import Predictions
from pose.ranking import SEEN
from pose.skeleton import Skeleton

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What was measured.

    Attributes:
        figures: By name, 0 to 1; what does not apply is absent.
        draws: (B,) values of some of the figures, over the draws that `score` was given.
        by_keypoint: PCK of each keypoint.
        counts: People and photographs that the figures stand for.
    """

    figures: Mapping[str, float]
    draws: Mapping[str, npt.NDArray[np.float64]]
    by_keypoint: Mapping[str, float]
    counts: Mapping[str, int]


def score(
    annotations: Annotations,
    found: Predictions,
    knows: Skeleton,
    weights: npt.NDArray[np.int64],
    true_boxes: bool = False,
    judge_boxes: bool = False,
    seen: float = SEEN,
) -> Scores:
    """Judge predictions.

    Args:
        annotations: The labels.
        found: Boxes, and poses if anybody asked for them.
        knows: The skeleton that the poses were made with, before they were put in order.
        weights: (B, I) draws of `bootstrap.draw`.
        true_boxes: The boxes are the labelled people's own, so that everybody else in the
            photograph was never asked for.
        judge_boxes: The boxes are a detector's.
        seen: Score from which a keypoint counts where people are ranked.

    Returns:
        The figures. AP needs photographs in which everybody is labelled, or true boxes: else
        somebody without a label would count as a mistake.
    """
    counts = {"photographs": len(annotations.photographs)}
    figures: dict[str, float] = {}
    draws: dict[str, npt.NDArray[np.float64]] = {}
    by_keypoint: dict[str, float] = {}
    complete = true_boxes or annotations.all_people_labelled
    if not complete:
        _log.warning("not everybody in these photographs is labelled: no AP without true boxes")
    if found.poses is not None and annotations.people_with_keypoints:
        counts["people"] = annotations.people_with_keypoints
        if complete and _all_labels_known(annotations, knows):
            figures |= coco_ap.keypoint_figures(annotations, found.poses, seen)
            hits = matches.keypoint_matches(annotations, found.poses, seen)
            draws |= _precision_draws("AP", hits, weights)
        torso = pck.torso_pck(annotations, found, knows)
        head = pck.head_pck(annotations, found, knows)
        counts["people_without_torso"] = torso.without_size
        by_keypoint = torso.by_keypoint(annotations.skeleton)
        for name, tally in {"PCK": torso, "PCKh": head}.items():
            if tally.judged.any():
                figures[name] = tally.share
                draws[name] = tally.resampled(weights)
    if judge_boxes and complete:
        counts.setdefault("people", annotations.people_with_boxes)
        counts["boxes"] = annotations.people_with_boxes
        figures |= coco_ap.box_figures(annotations, found.boxes)
        draws |= _precision_draws(
            "detector_AP", matches.box_matches(annotations, found.boxes), weights
        )
    return Scores(figures, draws, by_keypoint, counts)


def _precision_draws(
    name: str, hits: matches.Matches, weights: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    precision = matches.average_precision(hits, weights)  # (B, T)
    return {name: precision.mean(axis=1), f"{name}50": precision[:, 0]}


def _all_labels_known(annotations: Annotations, knows: Skeleton) -> bool:
    labelled = np.zeros(len(annotations.skeleton), np.bool_)
    for photo in annotations.photographs:
        labelled |= photo.people.labelled.any(axis=0)
    unknown = [
        name
        for name, present in zip(annotations.skeleton.keypoints, labelled, strict=True)
        if present and name not in knows.keypoints
    ]
    if unknown:
        _log.warning("the network knows no %s: no AP, PCK over the others", ", ".join(unknown))
    return not unknown
