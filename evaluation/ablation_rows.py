"""The ablation tables: which small networks are compared, and what was published for large ones.

Published AP: COCO minival, ResNet-50, 256x192, with people found by a detector (CPN, CVPR 2018);
of augmentation, segmentation and ensemble, the gain that the slides of the 2017 challenge name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LEVELS = 4
BASE = "ohkm-8"


@dataclass(frozen=True, slots=True)
class Variant:
    """One network to train.

    Attributes:
        refine: Whether RefineNet stands on the pyramid; without, it is the FPN baseline.
        hardest: M of OHKM; 17 is a plain squared error.
        levels: How many levels RefineNet joins, from the finest.
        augmented: Learns from scaled, mirrored and turned crops, or from plain ones.
        masks: Learns people's masks as well.
        kernels: Order of the levels' target sizes; `training.cpn_options`.
        seed: Of the weights and of the order.
    """

    refine: bool = True
    hardest: int = 8
    levels: int = LEVELS
    augmented: bool = True
    masks: bool = False
    kernels: str = "paper"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        what: As the paper names it.
        members: Names of `VARIANTS`; heatmaps of several are averaged.
        published: AP, or a gain where it begins with a sign.
    """

    what: str
    members: tuple[str, ...]
    published: str


_PLAIN = Variant()
VARIANTS: dict[str, Variant] = {
    "fpn": replace(_PLAIN, refine=False),
    BASE: _PLAIN,
    "ohkm-17": replace(_PLAIN, hardest=17),
    "ohkm-6": replace(_PLAIN, hardest=6),
    "ohkm-10": replace(_PLAIN, hardest=10),
    "ohkm-12": replace(_PLAIN, hardest=12),
    "ohkm-14": replace(_PLAIN, hardest=14),
    "levels-2": replace(_PLAIN, levels=1),
    "levels-2-3": replace(_PLAIN, levels=2),
    "levels-2-4": replace(_PLAIN, levels=3),
    "plain-crops": replace(_PLAIN, augmented=False),
    "masks": replace(_PLAIN, masks=True),
    "other-targets": replace(_PLAIN, kernels="tf-cpn", seed=1),
}

TABLES: dict[str, tuple[Row, ...]] = {
    "Stages": (
        Row("ResNet-50-FPN baseline (GlobalNet alone)", ("fpn",), "66.6"),
        Row("GlobalNet + RefineNet", ("ohkm-17",), "68.6"),
        Row("GlobalNet + RefineNet with OHKM", (BASE,), "69.4"),
    ),
    "Online hard keypoints mining": (
        Row("M = 6", ("ohkm-6",), "68.8"),
        Row("M = 8", (BASE,), "69.4"),
        Row("M = 10", ("ohkm-10",), "69.0"),
        Row("M = 12", ("ohkm-12",), "69.0"),
        Row("M = 14", ("ohkm-14",), "69.0"),
        Row("M = 17", ("ohkm-17",), "68.6"),
    ),
    "Levels that RefineNet joins": (
        Row("C2", ("levels-2",), "68.3"),
        Row("C2 and C3", ("levels-2-3",), "68.4"),
        Row("C2 to C4", ("levels-2-4",), "69.1"),
        Row("C2 to C5", (BASE,), "69.4"),
    ),
    "Techniques": (
        Row("without augmentation", ("plain-crops",), "-0.4"),
        Row("with segmentation supervision", ("masks",), "+0.2 to +0.6"),
        Row("another training: other seed, other target sizes", ("other-targets",), "not given"),
        Row("ensemble of two: heatmaps merged", (BASE, "other-targets"), "+1.1 to +1.5"),
    ),
}
