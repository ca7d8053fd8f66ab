"""Training a LiteCpn on a cache of crops: first RefineNet on kept features, then deeper.

`start` says from where the network is run, and so what can train:

    pyramid   features of the frozen backbone, kept in the cache; RefineNet and heads train
    early     the branches before the stage of four, kept; that stage and all after it train
    late      the same stage and all after it train, but each crop is seen anew each time: the
              frozen part runs on ONNX Runtime, three times as fast as torch
    image     each crop seen anew each time; everything trains
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from network.cpn import CpnOutput, LiteCpn
from network.described import describe
from pose import affine, heatmap
from pose.card import ModelCard
from pose.crops import to_batch
from pose.errors import InputError
from pose.skeleton import COCO_17
from pose.types import ByteArray
from training.augment import Camera, photographed
from training.distill import CORNER_XY, SIZE_WH, Cache
from training.distill_exam import Asked, hits_of_each, oks_of_each
from training.distill_targets import STRIDE, mixed_targets
from training.distill_view import PLAIN, Framing, draw_view, sure_maxima
from training.hand_labels import EXACT
from training.loss import distillation_losses
from training.occluders import step_before
from training.teacher import unmirrored

Start = Literal["pyramid", "early", "late", "image"]
Early = Callable[[np.ndarray], list[np.ndarray]]
SEEN_ANEW = ("late", "image")
_FLIP = np.array(COCO_17.flip)


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """What a crop's target is made of, and how batches are drawn.

    Attributes:
        start: See the module's text.
        batch: Crops per step.
        hand_share: Weight of a hand label's Gaussian against the teachers' heatmap.
        exact_share: The same where the labels are exact.
        agree_px: A hand label farther than this many heatmap pixels from the teachers' maximum
            counts only where its source is exact; see `training.hand_labels`.
        hardest: M of OHKM.
        backbone_rate: Factor on the learning rate of the backbone's parts.
        size_wh: The network's input; another than the crops' own needs `start` "image".
        framing: How a crop is seen anew.
        camera: What happens to its pixels.
        paste_chance: How often somebody steps in front of the person.
        source_share: Factor on how often a source is drawn; 1 where not named.
        turned_share: The same for people who do not stand.
        doubted_weight: In the loss, of joints where a hand label that is not exact and the
            teachers contradict each other, though they agree about the person: either may be wrong.
        own_share: Weight of the network's own answers, given beside, against the teachers'.
    """

    start: Start = "pyramid"
    batch: int = 24
    hand_share: float = 0.5
    exact_share: float = 0.8
    agree_px: float = 5.0
    hardest: int = 8
    backbone_rate: float = 0.1
    size_wh: tuple[int, int] = SIZE_WH
    framing: Framing = field(default_factory=Framing)
    camera: Camera = field(default_factory=Camera)
    paste_chance: float = 0.12
    source_share: dict[str, float] = field(default_factory=dict)
    turned_share: float = 1.0
    doubted_weight: float = 1.0
    own_share: float = 0.0


class DistillJob:
    """A `training.loop.Job` over a cache."""

    def __init__(
        self,
        network: LiteCpn,
        cache: Cache,
        card: ModelCard,
        config: DistillConfig,
        early: Early | None = None,
        people: Sequence[ByteArray] = (),
        own: np.ndarray | None = None,
    ) -> None:
        """Take what is to be trained.

        Args:
            network: Is trained in place.
            cache: Crops and targets.
            card: Travels with the weights.
            config: Choices.
            early: For `late`: (N, H, W, 3) uint8 BGR -> what the frozen part answers.
            people: Cut out, from `training.occluders`; nobody steps in front if empty.
            own: What the network said of every crop of the cache, of `training.own_answers`.
        """
        self.network: nn.Module = network
        self._net, self._cache, self._card, self._config = network, cache, card, config
        self._early, self._people, self._own = early, people, own
        kept = config.start not in SEEN_ANEW
        ready = np.flatnonzero(cache.done)
        self._features = cache.features(config.start) if kept else []
        if self._features:
            ready = ready[ready < cache.features_ready(config.start)]
        self._train = ready[~cache.held_in[ready]]
        self._held_in = ready[cache.held_in[ready]]
        shares = np.array([config.source_share.get(source, 1.0) for source in cache.sources])
        shares[cache.turned != 0] *= config.turned_share
        self._chance = shares[self._train]
        self._batch = min(config.batch, len(self._train))
        if not self._batch:
            raise InputError(f"{cache.folder}: expected crops to learn from, found none")

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """RefineNet and heads at `rate`, the backbone's trained parts slower, the rest frozen."""
        net, start = self._net, self._config.start
        new = [*net.refine_net.parameters(), *net.heads.parameters()]
        groups: list[dict[str, Any]] = [{"params": new, "lr": rate}]
        deep: list[nn.Module] = []
        if start in ("early", "late"):
            deep = [net.backbone.transitions[3], net.backbone.stages[2], net.backbone.pyramid]
        if start == "image":
            deep = [net.backbone]
        for module in net.backbone.modules():
            module.requires_grad_(False)
        for module in deep:
            module.requires_grad_(True)
        if deep:
            slow = [p for module in deep for p in module.parameters()]
            groups.append({"params": slow, "lr": rate * self._config.backbone_rate})
        return groups

    def batches(self, seed: int) -> Iterator[np.ndarray]:
        """Indices of crops; the first number of each batch seeds its augmentation."""
        rng = np.random.default_rng([seed, 11])
        count = len(self._train)
        chosen = self._train[rng.random(count) < self._chance]
        # Shares above 1: draw the whole part again, and the rest by chance.
        for again in range(1, int(np.ceil(self._chance.max(initial=1)))):
            more = self._train[rng.random(count) < self._chance - again]
            chosen = np.concatenate([chosen, more])
        size = self._batch
        order = rng.permutation(chosen if len(chosen) >= size else self._train)
        for first in range(0, len(order) - size + 1, size):
            yield np.concatenate([[seed * 1_000_003 + first], order[first : first + size]])

    def losses(self, batch: np.ndarray) -> dict[str, Tensor]:
        """Distance to the mixed targets."""
        rng = np.random.default_rng(int(batch[0]))
        index = np.sort(batch[1:])
        target, doubted = self._targets(index)
        if self._config.start in SEEN_ANEW:
            crops, target, mirrored = self._seen_anew(rng, index, target)
            doubted[mirrored] = doubted[mirrored][:, _FLIP]
            output = self._answer(crops)
        else:
            output = self._forward(index)
        weight = torch.from_numpy(np.where(doubted, self._config.doubted_weight, 1.0)).float()
        return distillation_losses(
            CpnOutput([x.float() for x in output.levels], output.refined.float()),
            torch.from_numpy(target),
            weight,
            self._config.hardest,
        )

    def _seen_anew(
        self, rng: np.random.Generator, index: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Crops and heatmaps of one view each, as a camera would have; who is mirrored."""
        config, crops, maps = self._config, [], []
        mirrored = np.zeros(len(index), bool)
        for place, (number, one) in enumerate(zip(index, target, strict=True)):
            canvas, turned = self._cache.canvas[number], float(self._cache.turned[number])
            if rng.random() < 0.5:
                mirrored[place] = True
                one, canvas, turned = unmirrored(one), canvas[:, ::-1], -turned
            if rng.random() < config.paste_chance:
                joints = sure_maxima(one) + np.array(CORNER_XY)
                canvas = step_before(rng, canvas, joints, self._people)
            view = draw_view(rng, one, turned, config.size_wh, config.framing)
            crops.append(photographed(rng, view.image(canvas, config.size_wh), config.camera))
            maps.append(view.heatmaps(one, config.size_wh))
        return np.stack(crops), np.stack(maps), mirrored

    def _answer(self, crops: np.ndarray) -> CpnOutput:
        if self._early is None:
            image = torch.from_numpy(to_batch(crops, self._card))
            return self._net.all_heatmaps(image.contiguous(memory_format=torch.channels_last))
        kept = [torch.from_numpy(np.asarray(x, np.float32)) for x in self._early(crops)]
        kept = [x.contiguous(memory_format=torch.channels_last) for x in kept]
        return self._net.heatmaps(self._net.backbone.late(kept))

    def _forward(self, index: np.ndarray) -> CpnOutput:
        net = self._net
        kept = [torch.from_numpy(level[index].astype(np.float32)) for level in self._features]
        kept = [x.contiguous(memory_format=torch.channels_last) for x in kept]
        pyramid = kept if self._config.start == "pyramid" else net.backbone.late(kept)
        return net.heatmaps(pyramid)

    def _targets(self, index: np.ndarray, own: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Of what is to be learned: (N, K, h, w) float32, and (N, K) which labels are doubted.

        Args:
            index: Crops.
            own: Whether the network's own answers take part; not where it is judged.
        """
        config = self._config
        soft = self._cache.targets[index].astype(np.float32) / 255
        if self._own is not None and own:
            mine = self._own[index].astype(np.float32) / 255
            soft = soft * np.float32(1 - config.own_share) + mine * np.float32(config.own_share)
        return mixed_targets(
            soft,
            self._cache.hand[index],
            [self._cache.sources[i] for i in index],
            hand_share=config.hand_share,
            exact_share=config.exact_share,
            agree_px=config.agree_px,
        )

    @property
    def held_in(self) -> np.ndarray:
        """Indices of the crops that nothing is learned from."""
        return np.asarray(self._held_in)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """OKS against the mixed targets, PCK against hand labels, on held-in photographs."""
        asked = self.ask(network, self._held_in)
        return {
            "score": _mean(oks_of_each(asked)),
            "pck": _mean(hits_of_each(asked)),
            "mse": _mean(asked.errors) * 1000,
            "people": float(len(asked.found)),
        }

    @torch.no_grad()
    def ask(self, network: nn.Module, numbers: np.ndarray, spoiled: bool = False) -> Asked:
        """What a network says of some crops, each as the photograph shows the person.

        Args:
            network: In place of the one that trains.
            numbers: Which crops.
            spoiled: Ask views as drawn for training instead, the same in every call.
        """
        assert isinstance(network, LiteCpn)
        mine, self._net = self._net, network.eval()
        parts = []
        try:
            for first in range(0, len(numbers), 16):
                parts.append(self._ask(numbers[first : first + 16], spoiled))
        finally:
            self._net = mine
        return Asked.joined(parts)

    def _ask(self, index: np.ndarray, spoiled: bool) -> Asked:
        target, _ = self._targets(index, own=False)
        points, scores = heatmap.decode_dark(target)
        wanted = np.where(scores[..., None] > 0.3, points, np.float32(np.nan))
        labels = self._cache.hand[index]
        exact = np.array([self._cache.sources[i] in EXACT for i in index])[:, None, None]
        labelled = exact & (labels[..., 2:] > 0)
        hand = np.where(labelled, labels[..., :2] / STRIDE, np.float32(np.nan))
        if self._config.start not in SEEN_ANEW:
            answer = self._forward(index).refined.float().numpy()
            found, errors = heatmap.decode_dark(answer)[0], ((answer - target) ** 2)
            return Asked(found, wanted, hand, errors.mean((1, 2, 3)))
        size_wh, padding = self._config.size_wh, self._config.framing.padding
        crops, maps, views = [], [], []
        for number, one in zip(index, target, strict=True):
            turned, canvas = float(self._cache.turned[number]), self._cache.canvas[number]
            rng = np.random.default_rng([5, int(number)])
            framing = replace(Framing() if spoiled else PLAIN, padding=padding)
            view = draw_view(rng, one, turned, size_wh, framing)
            crop = view.image(canvas, size_wh)
            crops.append(photographed(rng, crop, Camera()) if spoiled else crop)
            maps.append(view.heatmaps(one, size_wh))
            views.append(view)
        answer = self._answer(np.stack(crops)).refined.float().numpy()
        errors = ((answer - np.stack(maps)) ** 2).mean((1, 2, 3))
        maps_wh = (SIZE_WH[0] // STRIDE, SIZE_WH[1] // STRIDE)
        back = affine.inverse(np.stack([view.between(maps_wh, size_wh) for view in views]))
        found = affine.apply(back, heatmap.decode_dark(answer)[0])
        in_sight = np.stack(maps).max((2, 3)) > 0.2  # what a view cut off is not asked for
        wanted = np.where(in_sight[..., None], wanted, np.float32(np.nan))
        hand = np.where(in_sight[..., None], hand, np.float32(np.nan)) if spoiled else hand
        return Asked(found, wanted, hand, errors)

    def describe(self) -> dict[str, Any]:
        """The network and its card."""
        return {"network": describe(self._net), "card": self._card.to_json()}


def _mean(values: np.ndarray) -> float:
    """Of those who have a value; 0 if nobody has."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
