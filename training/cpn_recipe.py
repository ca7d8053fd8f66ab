"""The recipe of the winning entry: CPN on a ResNet-50, from the photographs themselves.

Adam at 5e-4, halved on schedule, weight decay 1e-5, four examples per person and pass, GlobalNet
on visible joints, RefineNet with OHKM top 8 (CPN, CVPR 2018, section 4.1; tf-cpn). On two CPU
cores this is for tests and small trials: the authors showed their network twenty million crops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from network import checkpoint
from network.cpn import Cpn
from network.described import describe
from pose import heatmap
from pose.card import ModelCard
from pose.errors import InputError
from training.coco_dataset import Person, is_held_in, read_people
from training.loop import LoopConfig, run_loop
from training.loss import cpn_losses
from training.pose_dataset import Example, PoseDataset
from training.recipes import Config
from training.schedule import halved_every
from training.train import device_of

CROPS_PER_HALVING = 3_600_000
CROPS_IN_ALL = 21_000_000
CARD = ModelCard(
    name="cpn50-256x192",
    task="pose",
    architecture="CPN, ResNet-50, 256x192",
    input_size_wh=(192, 256),
    decoder="heatmap_cpn",
    heatmap_peak=255.0,
    skeleton="coco_17",
)


class CpnJob:
    """A `training.loop.Job` over photographs of people."""

    def __init__(
        self,
        network: Cpn,
        people: list[Person],
        card: ModelCard,
        batch: int,
        workers: int,
        device: torch.device,
    ) -> None:
        self.network: nn.Module = network.to(device)
        self._net, self._card, self._batch, self._workers = network, card, batch, workers
        self._device = device
        self._train = [p for p in people if not is_held_in(p)]
        self._held_in = [p for p in people if is_held_in(p)][:512]
        if not self._train:
            raise InputError("expected people with labelled joints to learn from, found none")

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Everything trains at one rate."""
        return [{"params": list(self.network.parameters()), "lr": rate}]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        """One pass: every person in four ways."""
        data = PoseDataset(self._train, self._card, seed=seed)
        order = torch.Generator().manual_seed(seed)
        return iter(self._loader(data, shuffle=True, generator=order))

    def _loader(self, data: PoseDataset, **options: Any) -> DataLoader[Any]:
        return DataLoader(
            data,
            batch_size=min(self._batch, len(data)),
            num_workers=self._workers,
            collate_fn=_collate,
            drop_last=options.get("shuffle", False),
            **options,
        )

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """GlobalNet's and RefineNet's losses."""
        batch = {name: value.to(self._device, non_blocking=True) for name, value in batch.items()}
        levels = list(batch["targets"].unbind(dim=1))
        return cpn_losses(
            self._net.all_heatmaps(batch["image"]),
            levels,
            levels[-1],
            batch["visible"],
            batch["labelled"],
        )

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Part of known joints found within a tenth of the crop's width, on held-in people."""
        hits, known = 0, 0
        data = PoseDataset(self._held_in, self._card, training=False)
        for batch in self._loader(data) if self._held_in else ():
            answer = network(batch["image"].to(self._device)).float().cpu().numpy()
            found, _ = heatmap.decode_cpn(answer, self._card.heatmap_peak)
            away = np.linalg.norm(found - batch["points"].numpy(), axis=-1)
            labelled = batch["labelled"].numpy() > 0
            hits += int((away[labelled] < answer.shape[3] / 10).sum())
            known += int(labelled.sum())
        return {"score": hits / max(known, 1), "joints": float(known)}

    def describe(self) -> dict[str, Any]:
        """The network and its card."""
        return {"network": describe(self._net), "card": self._card.to_json()}


def train_256x192(config: Config) -> Path:
    """CPN-50 at 256x192."""
    return _train(config, CARD, batch=32)


def train_384x288(config: Config) -> Path:
    """CPN-50 at 384x288."""
    card = replace(
        CARD,
        name="cpn50-384x288",
        architecture="CPN, ResNet-50, 384x288",
        input_size_wh=(288, 384),
    )
    return _train(config, card, batch=24)


def _train(config: Config, card: ModelCard, batch: int) -> Path:
    cv2.setNumThreads(1)
    folder = config.data / "people"
    people = read_people(
        config.annotations or folder / "annotations/person_keypoints_train.json",
        config.images or folder,
        None if config.annotations else folder / "annotations/teacher_train.json",
    )
    network = Cpn()
    if config.init:
        load_backbone(network.backbone, config.init)
    device, batch = device_of(config), config.batch or batch
    loop = LoopConfig(
        steps=config.steps or CROPS_IN_ALL // batch,
        rate=config.rate or 5e-4 * batch / 32,
        weight_decay=1e-5,
        ema_decay=0.9998,
        amp=device.type == "cuda",
        channels_last=True,
        validate_every=2000,
        save_every=500,
    )
    job = CpnJob(network, people, card, batch, config.workers, device)
    halving = halved_every(CROPS_PER_HALVING // batch, loop.warmup_steps)
    return run_loop(job, loop, config.folder, halving)


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


def _collate(examples: list[Example]) -> dict[str, Tensor]:
    names = ("image", "targets", "visible", "labelled", "points")
    return {
        name: torch.from_numpy(np.stack([getattr(example, name) for example in examples]))
        for name in names
    }
