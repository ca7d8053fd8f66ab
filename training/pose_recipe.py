"""The recipes of the default pose models: CPNs that start from their teachers.

1. Cut out people of every source and ask both teachers, mirrored too (kept on disk).
2. RefineNet and heads on the frozen Lite-HRNet pyramid.
3. The last stage of the backbone, the pyramid and RefineNet together, at a small rate.
4. The same, each crop seen anew every time: turned, cut off, hidden, badly photographed.
5. Everything, at a smaller rate; then again, with hand labels in full and far more often.
6. The same with the network's own answers among the targets, twice, and the mean of both.

`--init pose` starts from what ships, at step 4. `pose-lite` is step 5 on smaller crops.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from network import checkpoint
from network.backbones.lite_hrnet import load_tinypose
from network.cpn import LiteCpn, LiteCpnConfig
from pose.crops import to_batch
from pose.errors import InputError
from pose.types import ByteArray
from training import distill
from training.blend import averaged, blended
from training.coco_dataset import count_by_source, read_people
from training.deployed_part import deployed, frozen_part
from training.distill_job import SEEN_ANEW, DistillConfig, DistillJob
from training.distill_view import Framing
from training.loop import LoopConfig, run_loop
from training.occluders import cut_out
from training.own_answers import own_answers
from training.pose_card import CARD, LITE_CARD, LITE_SIZE_WH
from training.pose_phases import FROM_SHIPPED, PHASES, Phase
from training.recipes import Config
from training.start import check_start, start_from

log = logging.getLogger(__name__)

# Crops per source: everyday scenes are not to drown in sport.
CROPS = {
    "lspet": 4000, "lsp_train": 1353, "parse": 393, "buffy": 900, "ccp": 1500,
    "coco_stretched": 3900, "coco_train": 426, "flickr8k": 1800, "masked_faces": 1500,
    "hseg": 538, "offices": 350, "walks": 150, "video_frames": 350,
}  # fmt: skip
# Of the mixed list, so many are cut out: what two cores do in half an hour.
KEPT = 16_384
LITE_CPN = LiteCpnConfig(
    level_channels=24, final_channels=24, final_squeeze=8, bottlenecks=(0, 0, 1, 1)
)
# A small network has no room for everything: everyday people first.
LITE_FRAMING = Framing(
    padding=LITE_CARD.crop_padding, any_turn_chance=0.04, cut_chance=0.12, turn_deg=9.0
)
LITE_SHARES = {"lspet": 0.6, "coco_train": 2.0, "coco_stretched": 2.0, "flickr8k": 1.5}
LITE = LoopConfig(
    steps=8700,
    rate=1e-3,
    warmup_steps=100,
    validate_every=500,
    ema_decay=0.997,
    clip_norm=1.0,
)


def train_lite(config: Config) -> Path:
    """The small size: the base model's backbone on smaller crops, a small RefineNet anew."""
    base_weights = Path("runs/pose-base") / "phase3_late" / "blend.pt"
    check_start(config.init)
    if not base_weights.is_file():  # no pose-base was trained here: its backbone ships too
        base_weights = Path("pose")
    cache = kept_crops(config, Path("runs/pose-base/cache"))
    network = LiteCpn(LITE_CPN)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.init:
        start_from(network, config.init, lambda: some_pictures(cache))
    else:
        base = LiteCpn()
        start_from(base, base_weights, lambda: some_pictures(cache))
        network.backbone.load_state_dict(base.backbone.state_dict())
        network.heads.load_state_dict(base.heads.state_dict())
    target = DistillConfig(
        "image",
        config.batch or 24,
        backbone_rate=1.0,
        size_wh=LITE_SIZE_WH,
        framing=LITE_FRAMING,
        paste_chance=0.06,
        source_share=LITE_SHARES,
    )
    job = DistillJob(network, cache, LITE_CARD, target, people=cut_out_people(config))
    loop = replace(LITE, steps=config.steps or LITE.steps, rate=config.rate or LITE.rate)
    before = copy.deepcopy(network)
    weights = run_loop(job, loop, config.folder)
    if not config.init:
        return weights  # its RefineNet began with nothing that is worth mixing in
    return blended(job, before, weights, config.folder / "blend.pt")


def train(config: Config) -> Path:
    """Run all phases; returns the weights of the last one."""
    check_start(config.init)
    first_teacher = config.data / "teachers" / "tinypose_256x192_A.onnx"
    cache = kept_crops(config, config.folder / "cache")
    people = cut_out_people(config)
    if config.init:
        network = started(config.init, cache)
    else:
        network = LiteCpn().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        start_from_teacher(network, first_teacher)
    weights: Path | None = None
    for number, phase in enumerate(PHASES, start=1):
        if config.init and number <= FROM_SHIPPED:
            continue
        if weights is not None:
            checkpoint.fill(network, checkpoint.load(weights).get("network"), weights)
        weights = run_phase(phase, network, cache, people, config, number)
    assert weights is not None
    return weights


def run_phase(
    phase: Phase,
    network: LiteCpn,
    cache: distill.Cache,
    people: list[ByteArray],
    config: Config,
    number: int,
) -> Path:
    """Train one phase; returns its weights, mixed with those that it began with."""
    start = phase.lesson.start
    folder = config.folder / f"phase{number}_{start}"
    folder.mkdir(parents=True, exist_ok=True)
    early = own = None
    if start != "image":
        early = deployed(frozen_part(network, start))
    if early is not None and start not in SEEN_ANEW:
        distill.remember_features(cache, start, early)
    if phase.lesson.own_share:
        answer = deployed(network.export())
        own = own_answers(folder / "own.npy", cache, lambda crops: answer(crops)[0])
    lesson = replace(phase.lesson, batch=config.batch or phase.lesson.batch)
    loop = phase.loop
    loop = replace(loop, steps=config.steps or loop.steps, rate=config.rate or loop.rate)
    before = copy.deepcopy(network)
    ends = []
    for run in range(phase.runs):
        network.load_state_dict(before.state_dict())
        job = DistillJob(network, cache, CARD, lesson, early, people, own)
        place = folder if phase.runs == 1 else folder / f"run{run + 1}"
        ends.append(run_loop(job, replace(loop, seed=1000 * run), place))
    weights = ends[0] if phase.runs == 1 else averaged(ends, folder / "mean.pt")
    if start in SEEN_ANEW:
        weights = blended(job, before, weights, folder / "blend.pt")
    return weights


def started(init: Path, cache: distill.Cache) -> LiteCpn:
    """A base network with the weights of a checkpoint or of an ONNX file of ours."""
    network = LiteCpn()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    start_from(network, init, lambda: some_pictures(cache))
    return network


def some_pictures(cache: distill.Cache) -> torch.Tensor:
    """(64, 3, H, W) of the cache, from which BatchNorm takes its statistics."""
    looks = np.flatnonzero(cache.done)[:64]
    return torch.from_numpy(to_batch(cache.crops[looks], CARD))


def cut_out_people(config: Config) -> list[ByteArray]:
    """People who may step in front of others; see `training.occluders`."""
    people = config.images or config.data / "people"
    return cut_out(people / "masks", people)


def kept_crops(config: Config, folder: Path) -> distill.Cache:
    """Cut out the chosen people and ask both teachers, or go on where that stopped."""
    cv2.setNumThreads(1)
    people_dir, teachers = config.data / "people", config.data / "teachers"
    labels = people_dir / "annotations"
    people = read_people(
        config.annotations or labels / "person_keypoints_train.json",
        config.images or people_dir,
        None if config.annotations else labels / "teacher_train.json",
        min_side=40,
    )
    people = [p for p in people if p.by_hand or p.guess[:, 2].mean() >= 0.3]
    chosen = distill.choose(people, CROPS, default=2000, seed=0)[:KEPT]
    log.info("%d crops: %s", len(chosen), count_by_source(chosen))
    return distill.build_cache(
        folder,
        chosen,
        [teachers / "tinypose_256x192_A.onnx", teachers / "tinypose_256x192_B.onnx"],
        views=0,
        workers=config.workers,
    )


def start_from_teacher(network: LiteCpn, file: Path) -> None:
    """Load PP-TinyPose's tensors into the backbone, and its last layer into the finest head."""
    if not file.is_file():
        raise InputError(f"expected PP-TinyPose's ONNX file at {file}, found none")
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(file)).graph.initializer}
    weight, bias = load_tinypose(network.backbone, tensors)
    head = network.heads[0]
    assert isinstance(head, nn.Conv2d) and head.bias is not None
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight.copy()))
        head.bias.copy_(torch.from_numpy(bias.copy()))
