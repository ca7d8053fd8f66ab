"""COCO's figures: values known by hand, and pycocotools on labels with everything in them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evaluation import coco_ap, matches
from evaluation.annotations import Annotations
from evaluation.results import box_entries, keypoint_entries
from pose.skeleton import COCO_17
from pose.types import Boxes, FloatArray, Poses
from tests.evaluation import labelled

LARGE = (100, 100, 300, 400)
MEDIUM = (400, 50, 450, 150)
TEN = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]


def test_nobody_found_is_zero() -> None:
    labels = labelled.labels_of([labelled.people([LARGE, MEDIUM])])

    figures = coco_ap.keypoint_figures(labels, [Poses.empty(17)])

    assert figures == dict.fromkeys(TEN, 0.0)


def test_perfect_poses_score_one_in_all_ten_figures() -> None:
    labels = labelled.labels_of([labelled.people([LARGE]), labelled.people([MEDIUM])])

    figures = coco_ap.keypoint_figures(labels, labelled.perfect(labels))

    assert list(figures) == TEN
    assert figures == pytest.approx(dict.fromkeys(TEN, 1.0))


def test_a_size_that_nobody_has_gives_no_figure() -> None:
    labels = labelled.labels_of([labelled.people([LARGE])])

    figures = coco_ap.keypoint_figures(labels, labelled.perfect(labels))

    assert {"APm", "ARm"} & set(figures) == set()
    assert figures["APl"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("oks", "precision", "at_50", "at_75"),
    [(0.49, 0.0, 0, 0), (0.52, 0.1, 1, 0), (0.72, 0.5, 1, 0), (0.77, 0.6, 1, 1), (0.96, 1.0, 1, 1)],
)
def test_a_pose_of_known_similarity_counts_up_to_its_threshold(
    oks: float, precision: float, at_50: float, at_75: float
) -> None:
    """Every keypoint as far off as gives exp(-d^2 / (2 area (2 sigma)^2)) = oks."""
    labels = labelled.labels_of([labelled.people([LARGE])])
    area = float(labels.photographs[0].people.areas[0])
    away = 2 * COCO_17.oks_sigmas * np.sqrt(-2 * area * np.log(oks))

    figures = coco_ap.keypoint_figures(labels, _moved(labels, away))

    wanted = {"AP": precision, "AP50": at_50, "AP75": at_75}
    assert {name: figures[name] for name in wanted} == pytest.approx(wanted)
    assert figures["AR"] == pytest.approx(precision)


def test_a_wrong_box_between_two_right_ones_costs_what_the_definition_says() -> None:
    """Precision 1 up to recall 0.5 (51 of 101 points), then 2/3."""
    labels = labelled.labels_of([labelled.people([LARGE, MEDIUM])])
    xyxy = np.array([LARGE, (500, 300, 600, 400), MEDIUM], np.float32)

    figures = coco_ap.box_figures(labels, [Boxes(xyxy, np.array([0.9, 0.8, 0.7], np.float32))])

    assert figures["detector_AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert figures["detector_AP"] == pytest.approx(figures["detector_AP50"])
    assert figures["detector_AP50_large"] == pytest.approx(1)


def test_box_figures_know_three_sizes() -> None:
    small = (10, 10, 30, 30)
    labels = labelled.labels_of([labelled.people([LARGE, MEDIUM, small])])
    found = Boxes(np.array([LARGE, MEDIUM], np.float32), np.array([0.9, 0.8], np.float32))

    figures = coco_ap.box_figures(labels, [found])

    sizes = ["large", "medium", "small"]
    assert [figures[f"detector_AP50_{size}"] for size in sizes] == pytest.approx([1, 1, 0])


def test_a_find_on_a_crowd_or_on_somebody_unlabelled_is_no_mistake() -> None:
    group = labelled.people([LARGE, MEDIUM])
    crowd = replace(group, crowd=np.array([False, True]))
    blank = replace(group, keypoints=group.keypoints.copy())
    blank.keypoints[1] = np.nan
    labels = labelled.labels_of([crowd, blank])
    everybody = labelled.perfect(labelled.labels_of([group, group]))

    poses = coco_ap.keypoint_figures(labels, everybody)
    boxes = coco_ap.box_figures(labelled.labels_of([crowd]), [everybody[0].boxes])

    assert poses["AP"] == boxes["detector_AP"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_keypoint_figures_are_those_of_pycocotools(tmp_path: Path, seed: int) -> None:
    labels, found = labelled.crowded(np.random.default_rng(seed))

    figures = coco_ap.keypoint_figures(labels, found)

    stats = _pycocotools(tmp_path, labels, keypoint_entries(labels, found), "keypoints").stats
    assert [figures[name] for name in TEN] == pytest.approx(stats.tolist(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_box_figures_are_those_of_pycocotools(tmp_path: Path, seed: int) -> None:
    labels, poses = labelled.crowded(np.random.default_rng(seed))
    found = [some.boxes for some in poses]

    figures = coco_ap.box_figures(labels, found)

    evaluation = _pycocotools(tmp_path, labels, box_entries(labels, found), "bbox")
    names = ["detector_AP", "detector_AP50", "detector_AP75"]
    assert [figures[name] for name in names] == pytest.approx(evaluation.stats[:3], abs=1e-6)
    by_size = evaluation.eval["precision"][0, :, 0, 1:, -1].mean(axis=0)
    sizes = ["small", "medium", "large"]
    ours = [figures.get(f"detector_AP50_{size}", -1) for size in sizes]
    assert ours == pytest.approx(by_size.tolist(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["AP", "detector_AP"])
def test_matches_kept_by_photograph_give_the_same_precision(seed: int, kind: str) -> None:
    labels, found = labelled.crowded(np.random.default_rng(seed))
    if kind == "AP":
        figures = coco_ap.keypoint_figures(labels, found)
        hits = matches.keypoint_matches(labels, found)
    else:
        figures = coco_ap.box_figures(labels, [poses.boxes for poses in found])
        hits = matches.box_matches(labels, [poses.boxes for poses in found])

    once = np.ones((1, len(labels.photographs)), np.int64)
    precision = matches.average_precision(hits, once)[0]

    assert precision.mean() == pytest.approx(figures[kind], abs=1e-6)
    assert precision[0] == pytest.approx(figures[f"{kind}50"], abs=1e-6)


def test_a_photograph_that_counts_twice_counts_like_two() -> None:
    labels, found = labelled.crowded(np.random.default_rng(5))
    weights = np.ones((1, len(labels.photographs)), np.int64)
    weights[0, [0, 3]] = 2, 0
    chosen = [0, 0, 1, 2, *range(4, len(found))]
    repeated = labelled.labels_of([labels.photographs[index].people for index in chosen])

    weighted = matches.average_precision(matches.keypoint_matches(labels, found), weights)

    figures = coco_ap.keypoint_figures(repeated, [found[index] for index in chosen])
    assert weighted.mean() == pytest.approx(figures["AP"], abs=1e-6)


def test_a_draw_without_people_has_no_precision() -> None:
    labels = labelled.labels_of([labelled.people([]), labelled.people([LARGE])])
    hits = matches.keypoint_matches(labels, labelled.perfect(labels))

    precision = matches.average_precision(hits, np.array([[2, 0], [1, 1]]))

    assert np.isnan(precision[0]).all()
    np.testing.assert_allclose(precision[1], 1, atol=1e-9)


def _moved(labels: Annotations, away: FloatArray) -> list[Poses]:
    shift = np.stack([away, np.zeros_like(away)], axis=1)
    return [
        replace(poses, keypoints=(poses.keypoints + shift).astype(np.float32))
        for poses in labelled.perfect(labels)
    ]


def _pycocotools(
    folder: Path, labels: Annotations, entries: list[dict[str, Any]], kind: str
) -> Any:
    """Run the original evaluation, which talks on stdout."""
    run: Callable[[], None]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(labelled.write(folder / "labels.json", labels)))
        evaluation = COCOeval(truth, truth.loadRes(entries), kind)
        for run in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
            run()
    return evaluation
