"""Fine-tuning the person detector: what the training loop needs to know of it.

The network starts from RTMDet-nano and a frozen copy of that start stays beside it as teacher.
Half of every batch are photographs where everybody is labelled by hand; the other half keeps the
network honest on scenes that COCO has few of (queues, masks, webcams, sport, no people at all).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from network.described import describe
from network.person_detector import PersonDetector, candidates, load_rtmdet
from pose import boxes, crops
from pose.errors import InputError
from pose.types import Boxes, FloatArray
from training.detector_ap import average_precision
from training.person_card import CARD
from training.person_dataset import Photograph, held_in, read_photographs
from training.person_loss import LossShares, SceneLabels, detector_losses
from training.person_scene import Framing, PersonScene, draw_scene, read_picture

TEACHER_FILE = "teachers/rtmdet_nano_person.onnx"
# how often a source is drawn, against its number of photographs
SOURCE_SHARES = {
    "lspet": 0.12,
    "lsp_train": 0.25,
    "ccp": 0.15,
    "buffy": 0.6,
    "parse": 0.7,
    "offices": 2.0,
    "walks": 1.0,
    "video_frames": 2.0,
    "hseg": 1.5,
}


@dataclass(frozen=True)
class PersonTraining:
    """What the recipe may change.

    Attributes:
        batch: Scenes per step.
        sizes_wh: Inputs of the network, drawn per batch; letterboxed photographs are rarely square.
        hand_share: Part of a batch that is completely labelled by hand.
        trunk_rate: Learning rate of backbone and neck against the head's.
        framing: Augmentation.
        shares: Weights of the losses.
        held_in: Photographs set aside for choosing.
    """

    batch: int = 16
    sizes_wh: tuple[tuple[int, int], ...] = (
        (320, 320),
        (320, 320),
        (320, 256),
        (320, 224),
        (256, 320),
        (384, 288),
    )
    hand_share: float = 0.6
    trunk_rate: float = 0.25
    framing: Framing = field(default_factory=Framing)
    shares: LossShares = field(default_factory=LossShares)
    held_in: int = 200


@dataclass(frozen=True)
class PersonBatch:
    """Frames (N, 3, H, W) and their labels."""

    frames: Tensor
    labels: list[SceneLabels]


class PersonJob:
    """A `training.loop.Job`: RTMDet-nano's weights, fine-tuned as a centre detector."""

    def __init__(
        self,
        data: Path,
        training: PersonTraining | None = None,
        annotations: Path | None = None,
        images: Path | None = None,
    ) -> None:
        self.training = training or PersonTraining()
        people = data / "people"
        labels = people / "annotations"
        photographs = read_photographs(
            annotations or labels / "person_keypoints_train.json",
            images or people,
            None if annotations else labels / "teacher_train.json",
        )
        learned, aside = held_in(photographs, self.training.held_in)
        self._held_in = [photographs[i] for i in aside]
        chosen = [photographs[i] for i in learned]
        self._by_hand = [p for p in chosen if p.complete and len(p.xyxy)]
        self._others = [p for p in chosen if not (p.complete and len(p.xyxy))] or self._by_hand
        if not self._by_hand:
            raise InputError("expected photographs whose people are all labelled by hand, got none")
        self._masked = [p for p in chosen if p.mask is not None]
        shares = np.array([SOURCE_SHARES.get(p.source, 1.0) for p in self._others])
        self._chances = shares / shares.sum()
        network = PersonDetector()
        load_rtmdet(network, data / TEACHER_FILE)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._teacher = deepcopy(network).eval().requires_grad_(False)
        self.network: nn.Module = network

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """The head at `rate`, the trunk slower."""
        head = [p for n, p in self.network.named_parameters() if n.startswith("levels.")]
        trunk = [p for n, p in self.network.named_parameters() if not n.startswith("levels.")]
        return [
            {"params": head, "lr": rate},
            {"params": trunk, "lr": rate * self.training.trunk_rate},
        ]

    def batches(self, seed: int) -> Iterator[PersonBatch]:
        """As many batches as show every hand-labelled photograph once."""
        rng = np.random.default_rng(seed)
        per_batch = max(1, round(self.training.batch * self.training.hand_share))
        order = rng.permutation(len(self._by_hand))
        for start in range(0, max(1, len(order) - per_batch + 1), per_batch):
            shown = [self._by_hand[i] for i in order[start : start + per_batch]]
            count = self.training.batch - len(shown)
            others = rng.choice(len(self._others), count, p=self._chances)
            yield self._batch(rng, [*shown, *(self._others[i] for i in others)])

    def _batch(self, rng: np.random.Generator, shown: Sequence[Photograph]) -> PersonBatch:
        size_wh = self.training.sizes_wh[rng.integers(len(self.training.sizes_wh))]
        scenes = [
            draw_scene(
                rng,
                photograph,
                size_wh,
                self.training.framing,
                lambda r: self._by_hand[r.integers(len(self._by_hand))],
                (lambda r: self._masked[r.integers(len(self._masked))]) if self._masked else None,
            )
            for photograph in shown
        ]
        return as_batch(scenes)

    def losses(self, batch: PersonBatch) -> dict[str, Tensor]:
        """Losses against labels and the frozen start."""
        device = next(self.network.parameters()).device
        frames = batch.frames.to(device, memory_format=torch.channels_last)
        labels = [
            SceneLabels(s.xyxy.to(device), s.weights.to(device), s.ignored.to(device), s.complete)
            for s in batch.labels
        ]
        with torch.no_grad():
            taught = self._teacher.to(device)(frames)
        return detector_losses(self.network(frames), taught, labels, self.training.shares)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Box AP on the photographs held in, at the size of the card; `score` is AP50 + AP."""
        found = [(people.xyxy, people.scores) for people in self.found(network)]
        figures = average_precision(self._held_in, found)
        return {**figures, "score": figures["AP50"] + figures["AP"]}

    @property
    def held_in(self) -> Sequence[Photograph]:
        """Photographs that nothing is learned from."""
        return self._held_in

    @torch.no_grad()
    def found(self, network: nn.Module) -> list[Boxes]:
        """What a network finds on the photographs held in, at the size of the card."""
        device = next(network.parameters()).device
        found = []
        for photograph in self._held_in:
            canvas, to_frame = crops.letterbox(read_picture(photograph), CARD)
            frames = torch.from_numpy(crops.to_batch(canvas[None], CARD)).to(device)
            xyxy, logits = candidates(network(frames.to(memory_format=torch.channels_last)))
            scores = logits[0].sigmoid().cpu().numpy()
            likely = scores > 0.01
            placed = xyxy[0].cpu().numpy()[likely] * to_frame[0, 0]
            placed = boxes.clip(placed, photograph.size_wh)
            kept = boxes.nms(placed, scores[likely])
            found.append(Boxes(placed[kept], scores[likely][kept]))
        return found

    def describe(self) -> dict[str, Any]:
        """The network's configuration and the card, as plain data."""
        return {"network": describe(self.network), "card": CARD.to_json()}


def as_batch(scenes: Sequence[PersonScene]) -> PersonBatch:
    """Normalise and stack scenes of one size."""
    images = np.stack([scene.image for scene in scenes])
    labels = [
        SceneLabels(
            torch.from_numpy(_f32(scene.xyxy)),
            torch.from_numpy(_f32(scene.weights)),
            torch.from_numpy(_f32(scene.ignored)),
            scene.complete,
        )
        for scene in scenes
    ]
    return PersonBatch(torch.from_numpy(crops.to_batch(images, CARD)), labels)


def _f32(values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)
