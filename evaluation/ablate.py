"""Train small variants of CPN under one budget, and print the paper's ablation tables beside ours.

Rows that are finished are kept: the same command goes on where it was stopped, or only prints.
The backbone (PP-TinyPose's Lite-HRNet, which knows poses already) is frozen and run once; all that
stands on it, which is what the paper's tables compare, is trained anew for each row.

Example:
    main.py ablate --data ../shared/data --out runs/ablate
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from app.sinks.part_file import write_whole
from app.steps.estimate import decode
from evaluation import bootstrap
from evaluation.ablation_crops import Exam, Features, Lesson, exam, frozen, lesson
from evaluation.ablation_job import CARD, AblationJob, answers
from evaluation.ablation_rows import VARIANTS, Variant
from evaluation.ablation_tables import Outcome, as_json, as_text
from evaluation.annotations import Annotations, read_annotations
from evaluation.budget import remember, remembered
from evaluation.predict import Predictions
from evaluation.scores import Scores, score
from network import checkpoint
from network.backbones.lite_hrnet import LiteHrnet, load_tinypose
from network.described import build
from pose.errors import InputError, UsageError
from pose.skeleton import COCO_17
from pose.types import Heatmaps
from training.coco_dataset import Person, is_held_in, read_people
from training.cpn_options import CpnOptions
from training.distill import choose
from training.loop import LoopConfig, run_loop
from training.mask_pictures import with_mask_pictures

_log = logging.getLogger(__name__)

_LABELS, _TEACHER = "person_keypoints_train.json", "teacher_train.json"
# Everyday scenes, sport, and those who have mask pictures; of the rest of the folder nobody.
SOURCES = {
    "lsp_train": 0.4, "lspet": 0.15, "parse": 0.1, "coco_train": 0.05, "ccp": 0.2, "hseg": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Config:
    """What the rows share.

    Attributes:
        data: Folder with `people/` (photographs, labels, masks) and `teachers/`.
        out: Where crops and finished rows are kept.
        annotations: COCO keypoints to judge on, with true boxes; the data's LSP test if not given.
        images: Folder of their photographs.
        people: People to learn from, each in four ways.
        steps: Optimiser steps of each row.
        batch: Crops per step.
        rate: Highest learning rate.
        limit: Judge on so many photographs, spread evenly; 0 for all.
        rows: Train only these variants; all if none is named.
        threads: CPU threads.
        only_print: Train nothing; print what is finished.
        json: Print one JSON object instead of tables.
    """

    data: Path = Path("../shared/data")
    out: Path = Path("runs/ablate")
    annotations: Path | None = None
    images: Path | None = None
    people: int = 300
    steps: int = 120
    batch: int = 32
    rate: float = 4e-3
    limit: int = 0
    rows: tuple[str, ...] = ()
    threads: int = 1
    only_print: bool = False
    json: bool = False


def run(config: Config) -> None:
    """Train what is missing, judge everything that is finished, and print.

    Raises:
        UsageError: The options do not fit together, or the folder was made with others.
        InputError: Labels, photographs or weights cannot be used.
        OutputError: A checkpoint could not be written.
    """
    unknown = [name for name in config.rows if name not in VARIANTS]
    if unknown:
        raise UsageError(f"--rows: expected some of {', '.join(VARIANTS)}, got {unknown[0]!r}")
    if min(config.people, config.steps, config.batch, config.threads) < 1:
        raise UsageError("expected --people, --steps, --batch and --threads of 1 or more")
    if config.limit < 0:
        raise UsageError(f"expected --limit of 0 or more, got {config.limit}")
    if not 0 < config.rate < math.inf:
        raise UsageError(f"expected --rate of more than 0, got {config.rate:g}")
    cv2.setNumThreads(1)
    torch.set_num_threads(config.threads)
    remember(config.out, _budget(config), config.only_print)
    people_dir = config.data / "people"
    backbone = start(config.data / "teachers" / "tinypose_256x192_A.onnx")
    features = frozen(backbone)
    if not config.only_print:
        people = _people(config, people_dir)
        for name in config.rows or VARIANTS:
            if not _weights(config, name).is_file():
                _train(config, name, people, backbone, features)
    annotations = read_annotations(
        config.annotations or people_dir / "annotations" / "person_keypoints_val_lsp.json",
        config.images or people_dir,
    )
    annotations = annotations.spread(config.limit or len(annotations.photographs))
    crops = exam(
        config.out / f"exam_{len(annotations.photographs)}.npz", annotations, CARD, features
    )
    outcome = judged(config.out, annotations, crops)
    about = _about(config, annotations)
    sys.stdout.write(as_json(outcome) + "\n" if config.json else as_text(outcome, about))


def start(file: Path) -> LiteHrnet:
    """The backbone, with the weights of a public network.

    Raises:
        InputError: The file is missing, or is another network.
    """
    if not file.is_file():
        raise InputError(f"expected PP-TinyPose's ONNX file at {file}, found none")
    backbone = LiteHrnet()
    try:
        graph = onnx.load(str(file)).graph
        load_tinypose(backbone, {t.name: numpy_helper.to_array(t) for t in graph.initializer})
    except (ValueError, DecodeError) as error:
        raise InputError(f"{file}: expected PP-TinyPose as ONNX ({error})") from error
    return backbone


def judged(folder: Path, annotations: Annotations, crops: Exam) -> Outcome:
    """Every finished variant, and every ensemble of finished ones, on one exam.

    Args:
        folder: Where rows are kept.
        annotations: The labels.
        crops: Of their people.
    """
    finished = [name for name in VARIANTS if (folder / name / "final.pt").is_file()]
    weights = bootstrap.draw(len(annotations.photographs))
    seen: dict[str, np.ndarray] = {}

    def scores(members: tuple[str, ...]) -> Scores | None:
        if not set(members) <= set(finished):
            return None
        for name in members:
            if name not in seen:
                state = checkpoint.load(folder / name / "final.pt")
                network = build(state["describe"]["network"])
                network.load_state_dict(state["network"])
                seen[name] = answers(network, crops)
        values = np.asarray(np.mean([seen[name] for name in members], axis=0), np.float32)
        found = _predictions(crops, values)
        return score(annotations, found, COCO_17, weights, true_boxes=True)

    costs = {name: folder / name / "cost.json" for name in finished}
    minutes = {name: json.loads(p.read_text()) for name, p in costs.items() if p.is_file()}
    return Outcome.of(scores, minutes)


def _predictions(crops: Exam, values: np.ndarray) -> Predictions:
    poses = decode(Heatmaps(values, crops.to_frame, crops.boxes), CARD)
    ends = np.cumsum([0, *crops.counts])
    by_photograph = [poses[slice(*span)] for span in pairwise(ends)]
    return Predictions(tuple(each.boxes for each in by_photograph), tuple(by_photograph))


def _people(config: Config, people_dir: Path) -> list[Person]:
    labels = people_dir / "annotations"
    everybody = read_people(labels / _LABELS, people_dir, labels / _TEACHER, min_side=60)
    masked = with_mask_pictures(everybody, people_dir, people_dir / "masks")
    suited = [
        person
        for person in masked
        if person.source in SOURCES
        and not is_held_in(person)
        and (person.by_hand or person.mask is not None)
    ]
    wanted = {source: round(share * config.people) for source, share in SOURCES.items()}
    chosen = choose(suited, wanted, default=0, seed=0)
    if not chosen:
        raise UsageError(f"expected more --people to learn from, got {config.people}: that is none")
    return chosen


def _train(
    config: Config,
    name: str,
    people: list[Person],
    backbone: LiteHrnet,
    features: Features,
) -> None:
    variant: Variant = VARIANTS[name]
    options = CpnOptions(augment=variant.augmented)
    kind = "augmented" if variant.augmented else "plain"
    crops: Lesson = lesson(config.out / f"{kind}.npz", people, CARD, options, features)
    job = AblationJob(variant, crops, backbone.state_dict(), config.batch)
    loop = LoopConfig(
        steps=config.steps,
        rate=config.rate,
        warmup_steps=min(50, config.steps),
        weight_decay=1e-5,
        optimiser="adam",
        ema_decay=0.99,
        clip_norm=0.0,
        validate_every=config.steps,
        save_every=100,
    )
    _log.info("row %s", name)
    started = time.process_time()
    run_loop(job, loop, config.out / name)
    cost = {"cpu_minutes": (time.process_time() - started) / 60}
    write_whole(config.out / name / "cost.json", json.dumps(cost).encode())


def _weights(config: Config, name: str) -> Path:
    return config.out / name / "final.pt"


def _budget(config: Config) -> dict[str, int | float | str]:
    return {name: getattr(config, name) for name in ("people", "steps", "batch", "rate")}


def _about(config: Config, annotations: Annotations) -> str:
    budget = remembered(config.out) or _budget(config)
    return (
        f"Ours: {CARD.architecture} with the backbone frozen, {budget['people']} people to learn "
        f"from, {budget['steps']} steps of {budget['batch']} crops a row; judged on "
        f"{annotations.people_with_keypoints} people of {len(annotations.photographs)} photographs "
        "with true boxes. Differences are to the row with M = 8."
    )
