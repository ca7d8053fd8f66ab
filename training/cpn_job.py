"""A CPN, or one of its baselines, that learns from photographs of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from network.cpn import CpnOutput
from network.described import describe
from pose import heatmap
from pose.card import ModelCard
from pose.errors import InputError
from training import distributed
from training.coco_dataset import Person
from training.cpn_options import CpnOptions
from training.loss import baseline_losses, cpn_losses, mask_loss
from training.pose_dataset import Example, PoseDataset

_FIELDS = (
    "image", "targets", "refine_target", "visible", "labelled", "points", "mask", "mask_known",
)  # fmt: skip
Batch = dict[str, Tensor]


class CpnJob:
    """A `training.loop.Job` over photographs of people.

    Args:
        network: Has `all_heatmaps`; one without `refine_net` learns as a baseline.
        people: Whom to learn from.
        held_in: Whom to look at in between.
        card: Input size and normalisation.
        options: Of the recipe.
        batch: Crops per step and process.
        workers: Processes that prepare crops.
        device: Where the network is to be.
    """

    def __init__(
        self,
        network: nn.Module,
        people: Sequence[Person],
        held_in: Sequence[Person],
        card: ModelCard,
        options: CpnOptions,
        batch: int,
        workers: int = 0,
        device: torch.device | None = None,
    ) -> None:
        if not people:
            raise InputError("expected people with labelled joints to learn from, found none")
        self._device = device or torch.device("cpu")
        self.network: nn.Module = network.to(self._device)
        self._card, self._options, self._workers = card, options, workers
        self._people, self._held_in = people, held_in
        count = len(PoseDataset(people, card, options=options)) // distributed.processes()
        self._batch = min(batch, count)
        if not self._batch:
            raise InputError(
                f"expected a crop for each of {distributed.processes()} processes, "
                f"got {len(people)} people"
            )

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Everything trains at one rate; what does not decay has a group of its own."""
        if self._options.decay_on == "all":
            return [{"params": list(self.network.parameters()), "lr": rate}]
        decaying = [m.weight for m in self.network.modules() if isinstance(m, nn.Conv2d)]
        known = {id(p) for p in decaying}
        rest = [p for p in self.network.parameters() if id(p) not in known]
        return [
            {"params": decaying, "lr": rate},
            {"params": rest, "lr": rate, "weight_decay": 0.0},
        ]

    def batches(self, seed: int) -> Iterator[Batch]:
        """One pass: every person in all ways, in one order; each process takes its share."""
        data = PoseDataset(self._people, self._card, seed=seed, options=self._options)
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
        world = distributed.processes()
        mine = order[distributed.rank() : len(order) // world * world : world].tolist()
        return in_one_line(self._loader(data, sampler=mine, drop_last=True))

    def _loader(self, data: PoseDataset, **options: Any) -> DataLoader[Any]:
        return DataLoader(
            data,
            batch_size=self._batch,
            num_workers=self._workers,
            collate_fn=together,
            pin_memory=self._device.type == "cuda",
            **options,
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """GlobalNet's, RefineNet's and the mask's, or a baseline's."""
        batch = {name: value.to(self._device, non_blocking=True) for name, value in batch.items()}
        network: Any = self.network
        output: CpnOutput = network.all_heatmaps(batch["image"])
        levels = list(batch["targets"].unbind(dim=1))
        if not hasattr(network, "refine_net"):
            if len(levels) != len(output.levels):  # the stages of an hourglass are alike
                levels = [batch["refine_target"]] * len(output.levels)
            return baseline_losses(output, levels, batch["labelled"])
        options = self._options
        losses = cpn_losses(
            output,
            levels,
            batch["refine_target"],
            batch["visible"],
            batch["labelled"],
            options.hardest,
            global_weight=options.global_weight,
            global_hardest=options.global_hardest,
            hidden=options.hidden,
        )
        if output.mask is not None:
            loss = mask_loss(output.mask.float(), batch["mask"], batch["mask_known"])
            losses["mask"] = options.mask_weight * loss
        return losses

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Part of known joints found within a tenth of the crop's width; the mask's IoU."""
        hits, known = 0, 0
        overlaps: list[np.ndarray] = []
        data = PoseDataset(self._held_in, self._card, training=False, options=self._options)
        answering: Any = network.eval()
        for batch in in_one_line(self._loader(data)) if self._held_in else ():
            output: CpnOutput = answering.all_heatmaps(batch["image"].to(self._device))
            refined = output.refined.float().cpu().numpy()
            found, _ = heatmap.decode_cpn(refined, self._card.heatmap_peak)
            away = np.linalg.norm(found - batch["points"].numpy(), axis=-1)
            labelled = batch["labelled"].numpy() > 0
            with np.errstate(invalid="ignore"):  # a joint that was not found is no hit
                hits += int((away[labelled] < refined.shape[3] / 10).sum())
            known += int(labelled.sum())
            if output.mask is not None:
                masked = batch["mask_known"].numpy() > 0
                logits = output.mask.float().cpu().numpy()
                overlaps.append(mask_iou(logits[masked], batch["mask"].numpy()[masked]))
        figures = {"score": hits / max(known, 1), "joints": float(known)}
        if overlaps:
            iou = np.concatenate(overlaps)
            figures |= {"mask_iou": float(iou.mean()) if len(iou) else 0.0, "masks": len(iou)}
        return figures

    def describe(self) -> dict[str, Any]:
        """The network and its card."""
        return {"network": describe(self.network), "card": self._card.to_json()}


def in_one_line(loader: DataLoader[Any]) -> Iterator[Batch]:
    """The loader's batches; a worker's InputError without the worker's traceback around it."""
    try:
        yield from loader
    except InputError as error:
        raise InputError(str(error).rpartition(f"{type(error).__name__}: ")[2]) from error


def mask_iou(logits: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Overlap of the found and the true person, each where it is likelier than not.

    Args:
        logits: (N, h, w).
        coverage: (N, h, w), 0 to 1.

    Returns:
        (N,) float64; 1 where both are empty.
    """
    found, wanted = logits > 0, coverage > 0.5
    shared = (found & wanted).sum((1, 2))
    union = (found | wanted).sum((1, 2))
    return np.where(union > 0, shared / np.maximum(union, 1), 1.0)


def together(examples: list[Example]) -> Batch:
    """Examples -> one batch."""
    return {
        name: torch.from_numpy(np.stack([getattr(example, name) for example in examples]))
        for name in _FIELDS
    }
