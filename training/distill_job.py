"""Training a LiteCpn on a cache of crops: first RefineNet on kept features, then deeper.

`start` says from where the network is run, and so what can train:

    pyramid   features of the frozen backbone, kept in the cache; RefineNet and heads train
    early     the branches before the stage of four, kept; that stage and all after it train
    image     the crops themselves, mirrored and photographed anew each time; everything trains
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from network.cpn import CpnOutput, LiteCpn
from network.described import describe
from pose import affine, heatmap
from pose.card import ModelCard
from pose.crops import to_batch
from pose.oks import oks
from pose.skeleton import COCO_17
from training.augment import Camera, photographed
from training.distill import SIZE_WH, Cache
from training.distill_view import View, draw_view, plain_view
from training.loss import distillation_losses
from training.teacher import unmirrored

Start = Literal["pyramid", "early", "image"]
TRUSTED = frozenset({"lsp_train", "parse", "coco_train"})
SIGMA = 2.0
STRIDE = 4


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """What a crop's target is made of, and how batches are drawn.

    Attributes:
        start: See the module's text.
        batch: Crops per step.
        hand_share: Weight of a hand label's Gaussian against the teachers' heatmap.
        agree_px: A hand label farther than this many heatmap pixels from the teachers' maximum
            counts only where its source is trusted (LSPET has swapped sides and gross errors).
        hardest: M of OHKM.
        backbone_rate: Factor on the learning rate of the backbone's parts.
        size_wh: The network's input; another than the crops' own needs `start` "image".
        source_share: Factor on how often a source is drawn; 1 where not named.
    """

    start: Start = "pyramid"
    batch: int = 24
    hand_share: float = 0.5
    agree_px: float = 5.0
    hardest: int = 8
    backbone_rate: float = 0.1
    size_wh: tuple[int, int] = SIZE_WH
    source_share: dict[str, float] = field(default_factory=dict)


class DistillJob:
    """A `training.loop.Job` over a cache."""

    def __init__(
        self, network: LiteCpn, cache: Cache, card: ModelCard, config: DistillConfig
    ) -> None:
        self.network: nn.Module = network
        self._net, self._cache, self._card, self._config = network, cache, card, config
        ready = np.flatnonzero(cache.done)
        self._features = cache.features(config.start) if config.start != "image" else []
        if self._features:
            ready = ready[ready < cache.features_ready(config.start)]
        self._train = ready[~cache.held_in[ready]]
        self._held_in = ready[cache.held_in[ready]]
        shares = np.array([config.source_share.get(source, 1.0) for source in cache.sources])
        self._chance = shares[self._train]

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """RefineNet and heads at `rate`, the backbone's trained parts slower, the rest frozen."""
        net, start = self._net, self._config.start
        new = [*net.refine_net.parameters(), *net.heads.parameters()]
        groups: list[dict[str, Any]] = [{"params": new, "lr": rate}]
        deep: list[nn.Module] = []
        if start == "early":
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
        order = rng.permutation(chosen)
        size = self._config.batch
        for first in range(0, len(order) - size + 1, size):
            yield np.concatenate([[seed * 1_000_003 + first], order[first : first + size]])

    def losses(self, batch: np.ndarray) -> dict[str, Tensor]:
        """Distance to the mixed targets."""
        rng = np.random.default_rng(int(batch[0]))
        index = np.sort(batch[1:])
        target = self._targets(index)
        if self._config.start == "image":
            crops = self._crops(index)
            mirrored = rng.random(len(index)) < 0.5
            target[mirrored] = unmirrored(target[mirrored])
            crops[mirrored] = crops[mirrored][:, :, ::-1]
            views = [draw_view(rng, maps, SIZE_WH, self._config.size_wh) for maps in target]
            crops, target = self._seen(views, crops, target)
            crops = np.stack([photographed(rng, crop, Camera()) for crop in crops])
            output = self._net.all_heatmaps(torch.from_numpy(to_batch(crops, self._card)))
        else:
            output = self._forward(index)
        weight = torch.ones(target.shape[:2])
        return distillation_losses(
            CpnOutput([x.float() for x in output.levels], output.refined.float()),
            torch.from_numpy(target),
            weight,
            self._config.hardest,
        )

    def _crops(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self._cache.crops[index])

    def _seen(
        self, views: list[View], crops: np.ndarray, maps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Crops and maps through one view each, at the network's own size."""
        size_wh = self._config.size_wh
        moved = [view.image(crop, size_wh) for view, crop in zip(views, crops, strict=True)]
        warped = [view.heatmaps(one, size_wh) for view, one in zip(views, maps, strict=True)]
        return np.stack(moved), np.stack(warped)

    def _forward(self, index: np.ndarray) -> CpnOutput:
        net = self._net
        kept = [torch.from_numpy(level[index].astype(np.float32)) for level in self._features]
        kept = [x.contiguous(memory_format=torch.channels_last) for x in kept]
        pyramid = kept if self._config.start == "pyramid" else net.backbone.late(kept)
        return net.heatmaps(pyramid)

    def _targets(self, index: np.ndarray) -> np.ndarray:
        """(N, K, h, w) float32: the teachers' heatmaps, drawn towards hand labels."""
        soft = self._cache.targets[index].astype(np.float32) / 255
        hand = self._cache.hand[index]
        points = np.where(hand[..., 2:] > 0, hand[..., :2] / STRIDE, np.nan).astype(np.float32)
        height, width = soft.shape[2:]
        row, column = np.divmod(soft.reshape(*soft.shape[:2], -1).argmax(-1), width)
        apart = np.hypot(points[..., 0] - column, points[..., 1] - row)
        trusted = np.array([self._cache.sources[i] in TRUSTED for i in index])[:, None]
        with np.errstate(invalid="ignore"):
            inside = (points >= 0).all(-1) & (points[..., 0] < width) & (points[..., 1] < height)
            use = np.isfinite(apart) & inside & (trusted | (apart <= self._config.agree_px))
        drawn = heatmap.encode(points, (width, height), SIGMA)
        share = np.where(use, self._config.hand_share, 0).astype(np.float32)[..., None, None]
        return np.asarray(soft * (1 - share) + np.nan_to_num(drawn) * share, np.float32)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """OKS against the mixed targets, PCK against hand labels, on held-in photographs."""
        assert isinstance(network, LiteCpn)
        mine, self._net = self._net, network.eval()
        found, wanted, errors = [], [], []
        whole = plain_view(SIZE_WH, self._config.size_wh)
        maps_wh = (SIZE_WH[0] // STRIDE, SIZE_WH[1] // STRIDE)
        back = affine.inverse(whole.between(maps_wh, self._config.size_wh)[None])
        try:
            for first in range(0, len(self._held_in), 16):
                index = self._held_in[first : first + 16]
                target = self._targets(index)
                points, scores = heatmap.decode_dark(target)
                wanted.append(np.where(scores[..., None] > 0.3, points, np.nan))
                if self._config.start == "image":
                    crops, target = self._seen([whole] * len(index), self._crops(index), target)
                    batch = torch.from_numpy(to_batch(crops, self._card))
                    answer = self._net.all_heatmaps(batch).refined.float().numpy()
                else:
                    answer = self._forward(index).refined.float().numpy()
                errors.append(((answer - target) ** 2).mean((1, 2, 3)))
                points, _ = heatmap.decode_dark(answer)
                found.append(affine.apply(np.repeat(back, len(points), 0), points))
        finally:
            self._net = mine
        hand = self._cache.hand[self._held_in]
        return {
            "score": _mean_oks(np.concatenate(found), np.concatenate(wanted)),
            "pck": _pck(np.concatenate(found), hand),
            "mse": float(np.concatenate(errors).mean()) * 1000,
            "people": float(len(hand)),
        }

    def describe(self) -> dict[str, Any]:
        """The network and its card."""
        return {"network": describe(self._net), "card": self._card.to_json()}


def _mean_oks(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean OKS in the crop, taking a body to fill a third of it."""
    values = []
    area = np.array([64 * 48 / 3], np.float32)
    for one, truth in zip(found, wanted, strict=True):
        visible = np.isfinite(truth).all(-1)
        if visible.any():
            values.append(
                float(oks(one[None], truth[None], visible[None], area, COCO_17.oks_sigmas)[0, 0])
            )
    return float(np.mean(values)) if values else 0.0


def _pck(found: np.ndarray, hand: np.ndarray) -> float:
    """Part of hand-labelled joints found within 0.2 of the torso (left shoulder to right hip)."""
    points = np.where(hand[..., 2:] > 0, hand[..., :2] / STRIDE, np.nan)
    torso = np.linalg.norm(points[:, 5] - points[:, 12], axis=-1)
    away = np.linalg.norm(found - points, axis=-1) / torso[:, None]
    known = np.isfinite(points).all(-1) & np.isfinite(torso)[:, None]
    hits = np.where(np.isfinite(away), away, np.inf) < 0.2
    return float(hits[known].mean()) if known.any() else 0.0
