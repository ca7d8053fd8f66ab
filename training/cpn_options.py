"""Every choice of the CPN recipes, with the winning entry's value as default.

The slides, the paper, tf-cpn (the authors' code) and pytorch-cpn do not agree everywhere; where
they differ, the flag's help names the values, and docs/training.md says which was taken and why.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pose.errors import UsageError

Pixels = Literal["tf-cpn", "pytorch-cpn", "imagenet"]
Like = Literal["paper", "tf-cpn", "pytorch-cpn"]


@dataclass(frozen=True)
class CpnOptions:
    """Choices of the cpn, fpn and hourglass recipes; the others have no such flags."""

    people: Literal["coco", "sample"] = "coco"
    """Whose files lie under --data: COCO's, or `people/` of the sample data with teachers."""
    like: Like = "paper"
    """Whose network: where a stride sits, merges, shortcuts, enlargement (docs/cpn.md)."""
    pixels: Pixels = "tf-cpn"
    """Input: BGR minus mean, /255; RGB minus mean, /255; or RGB with ImageNet's mean and std."""
    outside: Literal["mean", "black"] = "mean"
    """Beyond the photograph: the mean colour (both codes), or black as the application cuts."""

    extend: tuple[float, float] = (0.1, 0.15)
    """A box grows by these parts of its width and height on each side, then to the aspect."""
    loosen: float = 1.25
    """Crops for training are cut this much larger than crops to be answered."""
    augment: bool = True
    """Draw scale, rotation and mirroring; without it every crop is the plain one."""
    samples: int = 4
    """Crops per person and pass: scaled; and mirrored; and turned; and turned."""
    scale: tuple[float, float] = (0.7, 1.35)
    """Range of a crop's size, drawn uniformly (slides and both codes; paper 0.7 to 1.3)."""
    scale_limit: bool = True
    """No crop is larger than the loosened one, so that 1.35 acts as 1.25 (both codes)."""
    rotation_deg: float = 45.0
    """Largest rotation either way (slides and both codes; paper 40)."""
    colour: float = 0.0
    """Each colour channel times 1 - this to 1 + this (pytorch-cpn 0.2, the others none)."""
    camera: bool = False
    """Add what webcams do to pictures (ours): light, blur, noise, compression."""

    kernels: Literal["paper", "tf-cpn"] = "paper"
    """Blur of P2..P5's targets: 7 9 11 15 (the entry, as its author says) or 15 11 9 7 (tf-cpn)."""
    global_weight: float = 0.5
    """Of the mean of GlobalNet's level losses (tf-cpn 0.5; pytorch-cpn sums, which makes it 2)."""
    hidden: Literal["empty", "ignored"] = "empty"
    """GlobalNet on invisible joints: learns an empty heatmap (both codes), or nothing."""
    hardest: int = 8
    """M of RefineNet's online hard keypoints mining; 17 is a plain squared error."""
    global_hardest: int = 17
    """The same for GlobalNet's levels; 17 is the mean over all (both codes)."""

    mask_weight: float = 0.0
    """Weight of the person-mask loss (slides: segmentation supervision); 0 builds no mask head."""
    mask_images: Path | None = None
    """Folder of mask pictures named as the photographs; else COCO's `segmentation` is used."""

    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    """Adam in both codes; the paper's text says SGD."""
    weight_decay: float = 1e-5
    """Added to the gradient; with adamw taken from the weight itself."""
    decay_on: Literal["convolutions", "all"] = "convolutions"
    """What decays: weights of convolutions (tf-cpn), or every parameter (pytorch-cpn)."""
    bn_momentum: float = 0.01
    """How fast BatchNorm's statistics follow (tf-cpn 0.01; pytorch-cpn 0.1)."""
    crops: int = 21_000_000
    """Crops in all (tf-cpn; pytorch-cpn 19 million)."""
    halve_every: int = 3_600_000
    """Crops after which the rate is halved (tf-cpn; pytorch-cpn every 6 of 32 epochs)."""
    rate_for: int = 0
    """Crops per step that the rate is meant for; 0 takes the recipe's (32, or 24 at 384x288)."""
    scale_rate: Literal["linear", "no"] = "linear"
    """Multiply the rate by crops per step / rate_for (Goyal et al. 2017), or leave it."""
    warmup_crops: int = 300_000
    """Crops over which a multiplied rate is reached from the plain one."""
    accumulate: int = 1
    """Batches whose gradients are added before a step; BatchNorm still sees one batch."""
    sync_norm: bool = True
    """With several processes: BatchNorm over all of them (tf-cpn: one GPU's statistics)."""
    ema: float = 0.0
    """Of a running mean of the weights (ours; the sources keep none, 0)."""
    clip_norm: float = 0.0
    """Largest gradient norm (ours; the sources do not clip, 0)."""

    def check(self) -> None:
        """UsageError where a number cannot be; which of them are wise is the user's to say."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(low <= number <= high for number in numbers):
                told = " ".join(f"{number:g}" for number in numbers)
                most = "or more" if high == _NO_END else f"to {high:g}"
                flag = name.replace("_", "-")
                raise UsageError(f"expected --cpn.{flag} of {low:g} {most}, got {told}")
        if self.scale[0] > self.scale[1]:
            raise UsageError(
                "expected --cpn.scale with the smaller number first, got {:g} {:g}".format(
                    *self.scale
                )
            )


_NO_END = sys.float_info.max
_RANGES: Mapping[str, tuple[float, float]] = {
    "extend": (0, _NO_END),
    "loosen": (0.1, 10),
    "samples": (1, _NO_END),
    "scale": (0.1, 10),
    "rotation_deg": (0, 180),
    "colour": (0, 1),
    "global_weight": (0, _NO_END),
    "hardest": (1, _NO_END),
    "global_hardest": (1, _NO_END),
    "mask_weight": (0, _NO_END),
    "weight_decay": (0, _NO_END),
    "bn_momentum": (0, 1),
    "crops": (1, _NO_END),
    "halve_every": (1, _NO_END),
    "rate_for": (0, _NO_END),
    "warmup_crops": (0, _NO_END),
    "accumulate": (1, _NO_END),
    "ema": (0, 1),
    "clip_norm": (0, _NO_END),
}
