"""The recipes of the default pose models: CPNs that start from their teachers.

1. Cut out people of every source and ask both teachers, mirrored too (kept on disk).
2. RefineNet and heads on the frozen Lite-HRNet pyramid.
3. The last stage of the backbone, the pyramid and RefineNet together, at a small rate.
4. The same, each crop seen anew every time: turned, cut off, hidden, badly photographed.
5. Everything, at a smaller rate; then again, with hand labels in full and far more often.

`--init pose` starts from what ships, at step 4. `pose-lite` is step 5 on smaller crops.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from model_zoo.zoo import MODELS, model_path
from network import checkpoint
from network.backbones.lite_hrnet import load_tinypose
from network.cpn import LiteCpn, LiteCpnConfig
from network.shipped import load_shipped
from pose.crops import to_batch
from pose.errors import InputError
from pose.types import ByteArray
from training import distill
from training.blend import blended
from training.coco_dataset import count_by_source, read_people
from training.distill_job import SEEN_ANEW, DistillConfig, DistillJob, Start
from training.distill_view import Framing
from training.loop import LoopConfig, run_loop
from training.occluders import cut_out
from training.pose_card import CARD, LITE_CARD, LITE_SIZE_WH
from training.recipes import Config

log = logging.getLogger(__name__)

# Crops per source: everyday scenes are not to drown in sport.
CROPS = {
    "lspet": 4000, "lsp_train": 1353, "parse": 393, "buffy": 900, "ccp": 1500,
    "coco_stretched": 3900, "coco_train": 426, "flickr8k": 1800, "masked_faces": 1500,
    "hseg": 538, "offices": 350, "walks": 150, "video_frames": 350,
}  # fmt: skip
# Of the mixed list, so many are cut out: what two cores do in half an hour.
KEPT = 16_384
# Half of all wrong joints of Leeds Sports Pose are those of people who do not stand.
TURNED_SHARE = 2.5
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
# How often a crop's source is drawn while training: exact hand labels and everyday scenes more.
SHARES = {
    "lsp_train": 3.0, "lspet": 1.3, "parse": 1.5, "coco_train": 2.0, "coco_stretched": 1.5,
}  # fmt: skip
HAND_SHARES = {**SHARES, "lsp_train": 6.0, "lspet": 2.2, "parse": 2.0}


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the recipe: what is learned, and for how long."""

    lesson: DistillConfig
    loop: LoopConfig


_SHORT = LoopConfig(
    steps=1300, rate=5e-4, warmup_steps=60, validate_every=300, ema_decay=0.997, clip_norm=1.0
)
_ANEW = DistillConfig("image", source_share=SHARES, turned_share=TURNED_SHARE, backbone_rate=0.35)
PHASES: tuple[Phase, ...] = (
    Phase(DistillConfig("pyramid"), LoopConfig(1500, 2e-3, amp=True, validate_every=300)),
    Phase(
        DistillConfig("early"),
        LoopConfig(2600, 5e-4, warmup_steps=60, amp=True, validate_every=400, ema_decay=0.995),
    ),
    Phase(replace(_ANEW, start="late", backbone_rate=0.3), replace(_SHORT, ema_decay=0.996)),
    Phase(_ANEW, replace(_SHORT, steps=800, rate=4e-4, validate_every=200)),
    # Hand labels in full; where a crowd's and the teachers contradict each other, neither.
    Phase(
        DistillConfig(
            "image",
            exact_share=1.0,
            hand_share=0.7,
            doubted_weight=0.0,
            paste_chance=0.06,
            framing=Framing(any_turn_chance=0.06, cut_chance=0.12),
            source_share=HAND_SHARES,
            turned_share=2.0,
            backbone_rate=0.5,
        ),
        replace(_SHORT, rate=6e-4),
    ),
)
FROM_SHIPPED = 2  # phases that `--init` has behind it


def train_lite(config: Config) -> Path:
    """The small size: the base model's backbone on smaller crops, a small RefineNet anew."""
    cache = kept_crops(config, Path("runs/pose-base/cache"))
    network = LiteCpn(LITE_CPN)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.init:
        fill(network, config.init, cache)
    else:
        base = LiteCpn()
        fill(base, Path("runs/pose-base") / "phase3_late" / "blend.pt", cache)
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
            network.load_state_dict(checkpoint.load(weights)["network"])
        start = phase.lesson.start
        early = None if start == "image" else _frozen(network, start)
        if early is not None and start not in SEEN_ANEW:
            distill.remember_features(cache, start, early)
        lesson = replace(phase.lesson, batch=config.batch or phase.lesson.batch)
        job = DistillJob(network, cache, CARD, lesson, early, people)
        loop = phase.loop
        loop = replace(loop, steps=config.steps or loop.steps, rate=config.rate or loop.rate)
        folder = config.folder / f"phase{number}_{start}"
        before = copy.deepcopy(network)
        weights = run_loop(job, loop, folder)
        if start in SEEN_ANEW:
            weights = blended(job, before, weights, folder / "blend.pt")
    assert weights is not None
    return weights


def started(init: Path, cache: distill.Cache) -> LiteCpn:
    """A base network with the weights of a checkpoint or of an ONNX file of ours."""
    network = LiteCpn()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fill(network, init, cache)
    return network


def fill(network: LiteCpn, init: Path, cache: distill.Cache) -> None:
    """Fill a network with the weights of a checkpoint, an ONNX file of ours or one of the zoo."""
    if init.suffix == ".onnx" or str(init) in MODELS:
        looks = np.flatnonzero(cache.done)[:64]
        pictures = torch.from_numpy(to_batch(cache.crops[looks], CARD))
        load_shipped(network, model_path(str(init)), pictures)
    else:
        network.load_state_dict(checkpoint.load(init)["network"])


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
        labels / "teacher_train.json",
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


class _Early(nn.Module):
    def __init__(self, network: LiteCpn) -> None:
        super().__init__()
        self.backbone = network.backbone

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.backbone.early(image)


def _frozen(network: LiteCpn, start: Start) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The backbone up to `start`, on ONNX Runtime: three times faster than torch on a CPU."""
    deployed = network.export()
    part = deployed.backbone if start == "pyramid" else _Early(deployed)
    width, height = distill.SIZE_WH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frozen.onnx"
        with warnings.catch_warnings():
            # Sizes become constants on purpose: every crop has the same.
            warnings.filterwarnings("ignore", "Converting a tensor to a Python")
            warnings.simplefilter("ignore", DeprecationWarning)
            image = torch.zeros(1, 3, height, width)
            torch.onnx.export(part.eval(), (image,), file, opset_version=17, dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(file), options)
    name = session.get_inputs()[0].name

    def forward(crops: np.ndarray) -> list[np.ndarray]:
        batch = to_batch(crops, CARD)
        answers = [session.run(None, {name: one[None]}) for one in batch]
        return [np.concatenate(level) for level in zip(*answers, strict=True)]

    return forward
