"""Does segmentation supervision teach the mask, and what does it do to the joints? A paired trial.

Small CPNs learn the people of the sample data that have a mask picture (1,293 street and portrait
photographs; their joints are a teacher's), with the mask head and without, from the same first
weights and the same crops in the same order, for several seeds. A fifth of the photographs is never
learned: on those both are asked for joints and masks, each person scaled, mirrored and turned as
the recipe does it, and the differences are paired by person.

    main.py train --recipe mask-trial --data ../shared/data
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from network import checkpoint
from network.backbones.small_resnet import SmallResnetConfig
from network.cpn import Cpn, CpnConfig
from network.global_net import GlobalNetConfig
from network.mask_head import MaskHeadConfig
from network.refine_net import RefineNetConfig
from pose import heatmap
from pose.card import ModelCard
from pose.errors import InputError
from training.coco_dataset import Person, is_held_in, read_people
from training.cpn_job import Batch, CpnJob, mask_iou, together
from training.cpn_options import CpnOptions
from training.loop import LoopConfig, run_loop
from training.mask_pictures import with_mask_pictures
from training.pose_dataset import PoseDataset
from training.progress import Progress
from training.recipes import Config

log = logging.getLogger(__name__)

SEEDS = 3
PASSES = 1  # cut out in advance and kept: every person so many times in four ways
STEPS, BATCH, RATE = 240, 32, 3e-3
# CPN's 255 is for half a million steps: at these rates the last BatchNorm's scale, which starts at
# 1, would never come near it. A mean square of such maps' normalised values is near this.
PEAK = 8.0
WEIGHT = 0.2  # a tenth of the heatmaps' losses at the start, on maps this small and this low
HELD_IN_PERCENT = 20
OPTIONS = CpnOptions(bn_momentum=0.1, pixels="imagenet", rotation_deg=30)
CARD = ModelCard(
    name="mask-trial",
    task="pose",
    architecture="CPN on a narrow residual network, 64x48",
    input_size_wh=(48, 64),
    decoder="heatmap_quarter",
    heatmap_peak=PEAK,
    skeleton="coco_17",
    crop_padding=1.3,
)
LEFT_SHOULDER, RIGHT_HIP = 5, 12


@dataclass(frozen=True, slots=True)
class Trial:
    """What one network knows about the people held in.

    Attributes:
        hits: (N,) part of each person's known joints within 0.2 of the torso, over all crops of
            the person; NaN for none.
        iou: (N,) of the masks, the same; empty without a mask head.
    """

    hits: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True, slots=True)
class Report:
    """The result, as it is printed and kept in `report.json`.

    Attributes:
        people: How many learned, and how many were asked.
        pck_without: PCK@0.2 of the torso per seed, joints only.
        pck_with: The same with the mask head.
        difference: Mean of (with - without) over seeds and people, and its 95 % interval.
        pck_of_mean_pose: PCK of the mean of all learned crops as everybody's answer.
        iou: Mean IoU of the masks per seed.
        iou_of_mean_mask: That of the mean mask as everybody's answer.
        iou_gain: Mean of (mask - mean mask), and its 95 % interval.
    """

    people: tuple[int, int]
    pck_without: tuple[float, ...]
    pck_with: tuple[float, ...]
    difference: tuple[float, float, float]
    pck_of_mean_pose: float
    iou: tuple[float, ...]
    iou_of_mean_mask: float
    iou_gain: tuple[float, float, float]

    def lines(self) -> list[str]:
        """A table for people."""

        def row(name: str, values: Sequence[float]) -> str:
            each = "  ".join(f"{value:.3f}" for value in values)
            return f"{name:28} {np.mean(values):.3f}   ({each})"

        def gain(name: str, points: tuple[float, float, float]) -> str:
            middle, low, high = (100 * value for value in points)
            return f"{name:28} {middle:+.2f}   (95 % interval {low:+.2f} to {high:+.2f})"

        return [
            f"{self.people[0]} people learned, {self.people[1]} asked; mean over seeds (each seed)",
            row("PCK@0.2 without mask head", self.pck_without),
            row("PCK@0.2 with mask head", self.pck_with),
            gain("difference, points of PCK", self.difference),
            f"{'PCK@0.2 of the mean pose':28} {self.pck_of_mean_pose:.3f}",
            row("IoU of the mask", self.iou),
            f"{'IoU of the mean mask':28} {self.iou_of_mean_mask:.3f}",
            gain("difference, points of IoU", self.iou_gain),
        ]


def train(config: Config) -> Path:
    """Run all arms and report; answers the last weights with a mask head."""
    cv2.setNumThreads(1)
    folder = config.data / "people"
    people = masked_people(folder)
    held_in = [person for person in people if is_held_in(person, HELD_IN_PERCENT)]
    learn = [person for person in people if not is_held_in(person, HELD_IN_PERCENT)]
    kept = keep(PoseDataset(learn, CARD, options=replace(OPTIONS, samples=4 * PASSES)), "crops")
    # Plain crops of people who stand are so alike that their mean is a good answer.
    asked = keep(PoseDataset(held_in, CARD, seed=1, options=OPTIONS), "people held in")
    trials: dict[float, list[Trial]] = {0.0: [], WEIGHT: []}
    weights = config.folder
    for seed in range(SEEDS):
        for weight, results in trials.items():
            job = KeptJob(network(seed, weight), learn, replace(OPTIONS, mask_weight=weight), kept)
            steps = config.steps or STEPS
            loop = LoopConfig(
                steps=steps,
                rate=config.rate or RATE,
                warmup_steps=min(100, steps // 4),
                optimiser="adam",
                weight_decay=OPTIONS.weight_decay,
                ema_decay=0.98,
                clip_norm=0,
                channels_last=True,
                validate_every=steps,
                save_every=100,
                seed=1000 * seed,
            )
            arm = f"seed{seed}_{'mask' if weight else 'plain'}"
            weights = run_loop(job, loop, config.folder / arm)
            job.network.load_state_dict(checkpoint.load(weights)["network"])
            results.append(ask(job.network, asked))
    report = compare(trials[0.0], trials[WEIGHT], len(learn), nothing_learned(kept, asked))
    for line in report.lines():
        log.info("%s", line)
    (config.folder / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
    return weights


def masked_people(folder: Path) -> list[Person]:
    """The sample data's people that have a mask picture."""
    labels = folder / "annotations"
    people = read_people(
        labels / "person_keypoints_train.json", folder, labels / "teacher_train.json"
    )
    people = with_mask_pictures(people, folder, folder / "masks")
    return [
        person for person in people if person.mask is not None and person.source != "coco_train"
    ]


def network(seed: int, mask_weight: float) -> Cpn:
    """A narrow CPN; its first weights are the same with a mask head and without."""
    torch.manual_seed(seed)
    width = 32
    return Cpn(
        CpnConfig(
            SmallResnetConfig(widths=(16, 32, 64, 96)),
            GlobalNetConfig(channels=width, head_squeeze=False),
            RefineNetConfig(
                in_channels=(width,) * 4,
                level_channels=width,
                final_channels=width,
                final_squeeze=width // 2,
            ),
            # Made last, so that it takes no random number from the others.
            MaskHeadConfig(channels=16) if mask_weight else None,
        )
    )


def keep(data: PoseDataset, what: str) -> Batch:
    """All examples of a data set as one batch in memory."""
    if not len(data):
        raise InputError(f"expected {what} with masks, found none")
    examples = []
    with Progress(what, len(data)) as progress:
        for index in range(len(data)):
            examples.append(data[index])
            progress.advance()
    return together(examples)


class KeptJob(CpnJob):
    """A `CpnJob` that draws from examples in memory."""

    def __init__(
        self, network: Cpn, people: Sequence[Person], options: CpnOptions, kept: Batch
    ) -> None:
        super().__init__(network, people, [], CARD, options, BATCH)
        self._kept = kept

    def batches(self, seed: int) -> Iterator[Batch]:
        """One pass in an order that depends on the seed alone."""
        order = torch.randperm(
            len(self._kept["image"]), generator=torch.Generator().manual_seed(seed)
        )
        for chosen in torch.split(order, BATCH):
            if len(chosen) == BATCH:
                yield {name: value[chosen] for name, value in self._kept.items()}


@torch.no_grad()
def ask(network: torch.nn.Module, asked: Batch) -> Trial:
    """Joints and masks of the people held in."""
    answering = network.eval()
    assert isinstance(answering, Cpn)
    refined, masks = [], []
    for image in torch.split(asked["image"], BATCH):
        output = answering.all_heatmaps(image)
        refined.append(output.refined.numpy())
        masks += [] if output.mask is None else [output.mask.numpy()]
    # CPN's own decoder blurs by 21 pixels, more than these maps are wide. Its targets round down.
    found = heatmap.decode_quarter(np.concatenate(refined), CARD.heatmap_peak)[0] + np.float32(0.5)
    hits = hit_parts(found, asked["points"], asked["visible"])
    if not masks:
        return Trial(per_person(hits), np.zeros(0))
    return Trial(
        per_person(hits), per_person(mask_iou(np.concatenate(masks), asked["mask"].numpy()))
    )


def per_person(values: np.ndarray) -> np.ndarray:
    """(4 N,) of crops -> (N,) means over the ways of each person; NaN where all are."""
    ways = values.reshape(-1, OPTIONS.samples)
    known = np.isfinite(ways)
    total = np.where(known, ways, 0).sum(1)
    return np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)


def hit_parts(found: np.ndarray, points: Tensor, visible: Tensor) -> np.ndarray:
    """Part of each person's surely known joints that was found.

    Args:
        found: (N, K, 2) heatmap pixels.
        points: (N, K, 2) heatmap pixels, NaN where unknown.
        visible: (N, K) 1 for joints to count.

    Returns:
        (N,); NaN where the torso or all joints are unknown.
    """
    wanted = points.numpy()
    torso = np.linalg.norm(wanted[:, LEFT_SHOULDER] - wanted[:, RIGHT_HIP], axis=-1)
    away = np.linalg.norm(found - wanted, axis=-1)
    counted = (visible.numpy() > 0) & np.isfinite(wanted).all(-1) & np.isfinite(torso)[:, None]
    hits = (np.where(np.isfinite(away), away, np.inf) < 0.2 * torso[:, None]) & counted
    number = counted.sum(1)
    return np.where(number > 0, hits.sum(1) / np.maximum(number, 1), np.nan)


def nothing_learned(kept: Batch, asked: Batch) -> Trial:
    """What the mean of the learned people knows of the others: their mean pose and mean mask."""
    points = np.nanmean(kept["points"].numpy(), axis=0)
    masks = asked["mask"].numpy()
    mean_mask = np.repeat(kept["mask"].numpy().mean(0)[None], len(masks), axis=0)
    everybody = np.repeat(points[None], len(masks), axis=0)
    hits = hit_parts(everybody, asked["points"], asked["visible"])
    return Trial(per_person(hits), per_person(mask_iou(mean_mask - 0.5, masks)))


def compare(
    without: Sequence[Trial],
    with_mask: Sequence[Trial],
    learned: int,
    mean: Trial,
) -> Report:
    """Pair the arms by seed and person, and the masks with the mean mask."""
    plain = np.stack([trial.hits for trial in without])  # (seeds, N)
    masked = np.stack([trial.hits for trial in with_mask])
    paired = np.isfinite(plain).all(0)
    masks = np.stack([trial.iou for trial in with_mask])
    return Report(
        people=(learned, plain.shape[1]),
        pck_without=tuple(float(np.nanmean(trial.hits)) for trial in without),
        pck_with=tuple(float(np.nanmean(trial.hits)) for trial in with_mask),
        difference=interval((masked - plain)[:, paired]),
        pck_of_mean_pose=float(np.nanmean(mean.hits)),
        iou=tuple(float(trial.iou.mean()) for trial in with_mask),
        iou_of_mean_mask=float(mean.iou.mean()),
        iou_gain=interval(masks - mean.iou),
    )


def interval(gain: np.ndarray, draws: int = 2000) -> tuple[float, float, float]:
    """The mean of (seeds, N) differences, and its 95 % interval over seeds and people."""
    rng = np.random.default_rng(0)
    seeds, people = gain.shape
    means = [
        gain[rng.integers(0, seeds, seeds)][:, rng.integers(0, people, people)].mean()
        for _ in range(draws)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(gain.mean()), float(low), float(high)
