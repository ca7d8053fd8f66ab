"""The model card: everything a program must know to feed a network and to read its answer.

It travels inside the file (ONNX `metadata_props`, the header of an engine), as JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

from pose.errors import ModelFileError, UsageError
from pose.skeleton import Skeleton, skeleton_named

CARD_KEY = "pose_model_card"
LONGEST_SIDE = 4096  # pixels: of what a detector takes; our exported one counts its cells up to it
Task = Literal["pose", "person"]
Channels = Literal["rgb", "bgr"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One network, as its user must know it.

    Attributes:
        name: Short name, as in `model_zoo`.
        task: `pose` (crop -> heatmaps) or `person` (frame -> boxes).
        architecture: In words: `cpn lite_hrnet 256x192`.
        input_size_wh: Width and height of the input; for a detector with `any_size`, the largest
            side that it was trained for.
        any_size: The input may be any multiple of 32 in each direction.
        channels: Order that the network wants; frames are BGR.
        mean: Subtracted per channel, in `channels` order, 0 to 255.
        std: Divided by, per channel, after the mean.
        decoder: Name of the decoder in `app.steps`: `heatmap_quarter`, `heatmap_cpn` or
            `heatmap_dark` for poses; `centre`, `yolox` or `rtmdet` for boxes.
        heatmap_peak: Value of a perfect heatmap's maximum; scores are divided by it.
        skeleton: Name in `pose.skeleton`; empty for detectors.
        crop_padding: A person's box is grown by this factor before it is cut.
        precision: `fp32`, `fp16` or `int8`.
        built_for: What an engine was built for (GPU, TensorRT, CUDA); empty for ONNX.
        data: Training data with counts and licences.
        initialisation: Where the weights started.
        teacher: Whose answers were learned, if any.
        licence: Licence of the weights, and notes.
        training: How it was trained, in a few sentences.
        time_spent: How long that took, and on what.
        limits: Who and what is under-represented, and where it fails.
        command: The one command that trains it again.
        measured: Accuracy and time, by name of the figure, its data or machine in the name.
    """

    name: str
    task: Task
    architecture: str
    input_size_wh: tuple[int, int]
    decoder: str
    any_size: bool = False
    channels: Channels = "rgb"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    heatmap_peak: float = 1.0
    skeleton: str = ""
    crop_padding: float = 1.25
    precision: str = "fp32"
    built_for: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    initialisation: str = ""
    teacher: str = ""
    licence: str = ""
    training: str = ""
    time_spent: str = ""
    limits: str = ""
    command: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def aspect(self) -> float:
        """Width over height of the input."""
        return self.input_size_wh[0] / self.input_size_wh[1]

    @property
    def keypoints(self) -> Skeleton:
        """The skeleton that `skeleton` names; ModelFileError if unknown."""
        return skeleton_named(self.skeleton)

    def to_json(self) -> str:
        """JSON text, keys in the order of the fields."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes, source: str = "the card") -> ModelCard:
        """Read a card; ModelFileError says which field is missing, unknown or of the wrong kind."""
        try:
            values = json.loads(text)
        except ValueError as error:  # neither UTF-8 nor JSON
            raise ModelFileError(
                f"{source}: expected a model card in JSON, got {text[:40]!r}"
            ) from error
        if not isinstance(values, dict):
            raise ModelFileError(
                f"{source}: expected a JSON object as model card, got {type(values).__name__}"
            )
        unknown = sorted(set(values) - {known.name for known in fields(cls)})
        if unknown:
            raise ModelFileError(
                f"{source}: the card has unknown fields {unknown}; update this program"
            )
        for known in fields(cls):
            expected = _KINDS.get(str(known.type))
            value = values.get(known.name)
            if known.name in values and expected and not _is(value, expected):
                raise ModelFileError(
                    f"{source}: {known.name} must be {known.type}, got {value!r}; mend the card"
                )
        for key in ("input_size_wh", "mean", "std"):
            if key in values:
                values[key] = _numbers(
                    values[key], 2 if key == "input_size_wh" else 3, f"{source}: {key}"
                )
        if "input_size_wh" in values:
            values["input_size_wh"] = tuple(int(side) for side in values["input_size_wh"])
        try:
            card = cls(**values)
        except TypeError as error:
            raise ModelFileError(f"{source}: the card is incomplete: {error}") from error
        if card.task not in ("pose", "person") or card.channels not in ("rgb", "bgr"):
            raise ModelFileError(
                f"{source}: expected task pose or person and channels rgb or bgr, "
                f"got {card.task!r}, {card.channels!r}"
            )
        if min(card.input_size_wh) < 1 or min(card.std) <= 0 or not card.heatmap_peak > 0:
            raise ModelFileError(
                f"{source}: input size, std and heatmap peak must be positive; mend the card"
            )
        return card


def sized(card: ModelCard, side: int) -> ModelCard:
    """The card of a detector that is given frames of another size.

    Args:
        card: With `any_size`.
        side: Longest side of the input in pixels, a multiple of 32, at most `LONGEST_SIDE`.

    Raises:
        UsageError: The network has one size, the side is none, or more than an engine was built
            for.
    """
    if not card.any_size:
        raise UsageError(f"{card.name} takes pictures of {card.input_size_wh} only; leave the size")
    if side < 32 or side % 32 or side > LONGEST_SIDE:
        raise UsageError(
            f"expected a longest side of a multiple of 32 pixels up to {LONGEST_SIDE}, got {side}"
        )
    if card.built_for and side > max(card.input_size_wh):
        raise UsageError(
            f"the engine of {card.name} was built for sides up to {max(card.input_size_wh)}, "
            f"asked for {side}; build one: main.py build --onnx {card.name} --side {side}"
        )
    return replace(card, input_size_wh=(side, side))


# The annotations that JSON can break, by their text.
_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "float": (int, float),
    "Mapping[str, str]": (dict,),
    "Mapping[str, float]": (dict,),
}


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether JSON gave one of these kinds; Python counts true and false as int."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _numbers(values: object, count: int, what: str) -> tuple[float, ...]:
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(_is(v, (int, float)) and math.isfinite(v) for v in values)
    ):
        raise ModelFileError(f"{what} must be {count} numbers, got {values!r}")
    return tuple(values)
