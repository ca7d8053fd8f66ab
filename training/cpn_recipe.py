"""The recipes of the winning entry: CPN and its baselines on COCO, from the photographs themselves.

Adam at 5e-4 halved on schedule, weight decay 1e-5, four crops per person and pass, GlobalNet on
visible joints, RefineNet with OHKM top 8 (CPN, CVPR 2018, section 4.1; tf-cpn). Every choice is a
flag of `training.cpn_options`; docs/training.md says where the sources disagree. On two CPU cores
this is for tests and small trials: the authors showed their network twenty million crops.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn

from network import checkpoint, published
from network.backbones.inception_resnet import InceptionResnetConfig
from network.backbones.resnet import ResnetConfig
from network.cpn import Cpn, CpnConfig
from network.fpn_baseline import FpnBaseline
from network.hourglass import HourglassConfig, StackedHourglass
from network.mask_head import MaskHeadConfig
from pose.card import ModelCard
from pose.errors import InputError, UsageError
from training import distributed
from training.coco_dataset import Person, is_held_in, read_people
from training.coco_files import coco_files
from training.cpn_job import CpnJob
from training.cpn_options import CpnOptions, Like, Pixels
from training.loop import LoopConfig, run_loop
from training.mask_pictures import with_mask_pictures
from training.recipes import Config
from training.schedule import halved_every, linearly_scaled
from training.train import device_of

log = logging.getLogger(__name__)

RATE = 5e-4
LOOKED_AT = 512  # people that are looked at in between
CODE_MEANS_BGR = (102.9801, 115.9465, 122.7717)
# What the network is fed: order of channels, mean, deviation.
PIXELS: Mapping[Pixels, dict[str, Any]] = {
    "tf-cpn": {"channels": "bgr", "mean": CODE_MEANS_BGR, "std": (255.0,) * 3},
    "pytorch-cpn": {"channels": "rgb", "mean": CODE_MEANS_BGR[::-1], "std": (255.0,) * 3},
    "imagenet": {
        "channels": "rgb",
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
    },
}
CPNS: Mapping[Like, Callable[[], CpnConfig]] = {
    "paper": CpnConfig,
    "tf-cpn": published.tf_cpn,
    "pytorch-cpn": published.pytorch_cpn,
}
# Boxes whose height decides grow by 1 + 2 * 0.15; the application has one factor for both sides.
CARD = ModelCard(
    name="cpn50-256x192",
    task="pose",
    architecture="CPN, ResNet-50, 256x192",
    input_size_wh=(192, 256),
    decoder="heatmap_cpn",
    heatmap_peak=255.0,
    skeleton="coco_17",
    crop_padding=1.3,
    **PIXELS["tf-cpn"],
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, its input, and the batch that its rate is meant for."""

    architecture: str
    network: Callable[[CpnOptions], nn.Module]
    size_wh: tuple[int, int] = (192, 256)
    batch: int = 32


def _cpn(backbone: Any) -> Callable[[CpnOptions], nn.Module]:
    return lambda options: Cpn(cpn_config(backbone, options))


def cpn_config(backbone: Any, options: CpnOptions) -> CpnConfig:
    """A CPN on a backbone, with the switches of `options.like` and a mask head if one trains."""
    config = CPNS[options.like]()
    if isinstance(backbone, ResnetConfig):
        backbone = replace(config.backbone, depth=backbone.depth)
    mask = MaskHeadConfig(resize=config.global_net.resize) if options.mask_weight else None
    return replace(config, backbone=backbone, mask_head=mask)


def _fpn(_: CpnOptions) -> nn.Module:
    return FpnBaseline()


def _hourglass(stages: int) -> Recipe:
    return Recipe(
        f"stacked hourglass, {stages} stages, 256x192",
        lambda _: StackedHourglass(HourglassConfig(stages=stages)),
    )


LARGE = ((288, 384), 24)  # input size, batch
RECIPES: Mapping[str, Recipe] = {
    "cpn50-256x192": Recipe("CPN, ResNet-50, 256x192", _cpn(ResnetConfig(50))),
    "cpn50-384x288": Recipe("CPN, ResNet-50, 384x288", _cpn(ResnetConfig(50)), *LARGE),
    "cpn101-256x192": Recipe("CPN, ResNet-101, 256x192", _cpn(ResnetConfig(101))),
    "cpn101-384x288": Recipe("CPN, ResNet-101, 384x288", _cpn(ResnetConfig(101)), *LARGE),
    "cpn-ir-v2-256x192": Recipe("CPN, Inception-ResNet-v2, 256x192", _cpn(InceptionResnetConfig())),
    "cpn-ir-v2-384x288": Recipe(
        "CPN, Inception-ResNet-v2, 384x288", _cpn(InceptionResnetConfig()), *LARGE
    ),
    "fpn50-256x192": Recipe("ResNet-50 feature pyramid, 256x192", _fpn),
    "hourglass1-256x192": _hourglass(1),
    "hourglass2-256x192": _hourglass(2),
    "hourglass4-256x192": _hourglass(4),
    "hourglass8-256x192": _hourglass(8),
}


def train(config: Config) -> Path:
    """Train the recipe that the config names, in as many processes as torchrun started."""
    cv2.setNumThreads(1)
    recipe, options = RECIPES[config.recipe], config.cpn
    device = device_of(config)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    learn, look = people_of(config)
    card = card_of(config.recipe, recipe, options)
    with distributed.group(device):
        network = recipe.network(options)
        if config.init:
            load_backbone(backbone_of(network, config.recipe), config.init)
        else:
            log.warning("no --init: the entry's backbones start from ImageNet, this one does not")
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = options.bn_momentum
        batch = config.batch or recipe.batch
        job = CpnJob(network, learn, look, card, options, batch, config.workers, device)
        if options.sync_norm and distributed.processes() > 1:
            job.network = distributed.with_synchronised_norm(job.network, device)
        crops = batch * distributed.processes() * options.accumulate
        loop, halving = plan(config, recipe, crops, device)
        log.info("%d crops a step, highest rate %.2e, %d steps", crops, loop.rate, loop.steps)
        return run_loop(job, loop, config.folder, halving)


def plan(
    config: Config, recipe: Recipe, crops_per_step: int, device: torch.device
) -> tuple[LoopConfig, Callable[[int], float]]:
    """How long and how fast, when a step shows so many crops over all processes."""
    options = config.cpn
    rate = highest = config.rate or RATE
    if options.scale_rate == "linear":
        highest = linearly_scaled(rate, crops_per_step, options.rate_for or recipe.batch)
    loop = LoopConfig(
        steps=config.steps or max(1, options.crops // crops_per_step),
        rate=highest,
        weight_decay=options.weight_decay,
        optimiser=options.optimiser,
        ema_decay=options.ema,
        clip_norm=options.clip_norm,
        accumulate=options.accumulate,
        amp=device.type == "cuda",
        channels_last=True,
        validate_every=2000,
        save_every=500,
    )
    period = max(1, options.halve_every // crops_per_step)
    # A rate that was not multiplied upwards starts as it is.
    warmup = options.warmup_crops // crops_per_step if highest > rate else 0
    return loop, halved_every(period, warmup, start=rate / highest)


def people_of(config: Config) -> tuple[list[Person], list[Person]]:
    """Whom to learn from and whom to look at in between.

    Raises:
        InputError: Files are missing, or hold nobody with joints.
    """
    options = config.cpn
    if config.annotations is None and options.people == "coco":
        files = coco_files(config.data)
        learn = read_people(files.train, files.train_images, min_side=0)
        look = read_people(files.val, files.val_images, min_side=0)[:LOOKED_AT]
        return _masked(learn, files.train_images, options), look
    folder = config.data / "people"
    images = config.images or folder
    people = read_people(
        config.annotations or folder / "annotations/person_keypoints_train.json",
        images,
        None if config.annotations else folder / "annotations/teacher_train.json",
    )
    people = _masked(people, images, options)
    learn = [person for person in people if not is_held_in(person)]
    return learn, [person for person in people if is_held_in(person)][:LOOKED_AT]


def _masked(people: list[Person], images: Path, options: CpnOptions) -> list[Person]:
    if options.mask_images is None:
        return people
    return with_mask_pictures(people, images, options.mask_images)


def card_of(name: str, recipe: Recipe, options: CpnOptions) -> ModelCard:
    """What will travel with the weights."""
    return replace(
        CARD,
        name=name,
        architecture=recipe.architecture,
        input_size_wh=recipe.size_wh,
        command=f"main.py train --recipe {name}",
        training="Adam, rate halved on schedule, OHKM; docs/training.md",
        **PIXELS[options.pixels],
    )


def backbone_of(network: nn.Module, name: str) -> nn.Module:
    """The part that ImageNet weights are for; UsageError where there is none."""
    backbone = getattr(network, "backbone", None)
    if backbone is None:
        raise UsageError(f"--init: {name} has no backbone that weights could start")
    assert isinstance(backbone, nn.Module)
    return backbone


def load_backbone(backbone: nn.Module, file: Path) -> None:
    """Load the tensors that fit by name and shape, such as an ImageNet ResNet's.

    Raises:
        InputError: Fewer than half of the backbone's tensors are in the file.
    """
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        tensors = load_file(file)
    else:
        state = checkpoint.load(file)
        tensors = state.get("network", state)
    own = backbone.state_dict()
    fitting = {k: v.float() for k, v in tensors.items() if k in own and v.shape == own[k].shape}
    wanted = [name for name in own if not name.endswith("num_batches_tracked")]
    if len(fitting) < len(wanted) / 2:
        raise InputError(
            f"{file}: expected a {type(backbone).__name__} like {backbone.config}, "
            f"only {len(fitting)} of {len(wanted)} tensors fit"
        )
    backbone.load_state_dict(fitting, strict=False)
