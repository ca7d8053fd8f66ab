"""The parts of the default pose model's recipe: what each learns, and for how long.

`training.pose_recipe` tells the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.distill_job import DistillConfig
from training.distill_view import Framing
from training.loop import LoopConfig

# Half of all wrong joints of Leeds Sports Pose are those of people who do not stand.
TURNED_SHARE = 2.5
# How often a crop's source is drawn while training: exact hand labels and everyday scenes more.
SHARES = {
    "lsp_train": 3.0, "lspet": 1.3, "parse": 1.5, "coco_train": 2.0, "coco_stretched": 1.5,
}  # fmt: skip
HAND_SHARES = {**SHARES, "lsp_train": 6.0, "lspet": 2.2, "parse": 2.0}
OWN_SHARES = {**SHARES, "lsp_train": 4.0, "lspet": 1.8, "parse": 1.8}


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the recipe.

    Attributes:
        lesson: What is learned.
        loop: For how long.
        runs: Trainings that differ in the order of the data only; the mean of their weights counts.
    """

    lesson: DistillConfig
    loop: LoopConfig
    runs: int = 1


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
    # By now the network knows of sport what its teachers do not; each run fills a core for an hour.
    Phase(
        DistillConfig(
            "image",
            exact_share=0.9,
            own_share=0.5,
            paste_chance=0.08,
            framing=Framing(any_turn_chance=0.09, cut_chance=0.15),
            source_share=OWN_SHARES,
            turned_share=2.0,
            backbone_rate=0.5,
        ),
        replace(_SHORT, steps=1500, rate=6e-4, validate_every=500, ema_decay=0.998),
        runs=2,
    ),
)
FROM_SHIPPED = 2  # phases that `--init` has behind it
