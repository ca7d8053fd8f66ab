"""Networks by description: what a checkpoint says beside its weights, and the network it means.

A description is plain data: `family` (a key of `FAMILIES`) and that family's configuration. A new
family is one line in the table. What stands on one of `BACKBONES` also says which, as its `kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from network.backbones import BACKBONES, backbone_name
from network.backbones.cspnext import CspNextConfig
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import Cpn, CpnConfig, LiteCpn, LiteCpnConfig
from network.fpn_baseline import FpnBaseline, FpnBaselineConfig
from network.global_net import GlobalNetConfig
from network.hourglass import HourglassConfig, StackedHourglass
from network.mask_head import MaskHeadConfig
from network.person_detector import PersonDetector, PersonDetectorConfig
from network.refine_net import RefineNetConfig
from pose.errors import ModelFileError


def _backbone(values: Mapping[str, Any]) -> Any:
    rest = dict(values)
    kind = rest.pop("kind")
    if kind not in tuple(BACKBONES):
        raise ValueError(f"expected a backbone of {sorted(BACKBONES)}, got {kind!r}")
    return BACKBONES[kind][0](**rest)


def _cpn(values: Mapping[str, Any]) -> Cpn:
    mask = values.get("mask_head")  # older checkpoints do not speak of it
    return Cpn(
        CpnConfig(
            _backbone(values["backbone"]),
            GlobalNetConfig(**values["global_net"]),
            RefineNetConfig(**values["refine_net"]),
            MaskHeadConfig(**mask) if mask else None,
        )
    )


def _fpn_baseline(values: Mapping[str, Any]) -> FpnBaseline:
    backbone, pyramid = _backbone(values["backbone"]), GlobalNetConfig(**values["global_net"])
    return FpnBaseline(FpnBaselineConfig(backbone, pyramid, levels=values["levels"]))


def _hourglass(values: Mapping[str, Any]) -> StackedHourglass:
    return StackedHourglass(HourglassConfig(**values))


def _lite_cpn(values: Mapping[str, Any]) -> LiteCpn:
    rest = {key: value for key, value in values.items() if key != "backbone"}
    return LiteCpn(LiteCpnConfig(backbone=LiteHrnetConfig(**values["backbone"]), **rest))


def _person_detector(values: Mapping[str, Any]) -> PersonDetector:
    rest = {key: value for key, value in values.items() if key != "trunk"}
    return PersonDetector(PersonDetectorConfig(trunk=CspNextConfig(**values["trunk"]), **rest))


FAMILIES: Mapping[str, tuple[type[nn.Module], Callable[[Mapping[str, Any]], nn.Module]]] = {
    "cpn": (Cpn, _cpn),
    "fpn_baseline": (FpnBaseline, _fpn_baseline),
    "hourglass": (StackedHourglass, _hourglass),
    "lite_cpn": (LiteCpn, _lite_cpn),
    "person_detector": (PersonDetector, _person_detector),
}

# What configurations and torch raise of a number or a kind that cannot be: a width of -3 is a
# RuntimeError, one of 10 million a RuntimeError or a MemoryError.
_UNFIT = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


def describe(network: nn.Module) -> dict[str, Any]:
    """What is needed to build the network again; JSON holds it."""
    for family, (kind, _) in FAMILIES.items():
        if isinstance(network, kind):
            values = asdict(network.config)  # type: ignore[call-overload]
            if isinstance(network, (Cpn, FpnBaseline)):
                values["backbone"]["kind"] = backbone_name(network.config.backbone)
            return {"family": family, **values}
    raise TypeError(f"{type(network).__name__} is not in network.described.FAMILIES")


def build(description: object) -> nn.Module:
    """Build the network that `describe` described; its weights are not loaded.

    Raises:
        ModelFileError: No description, an unknown family, or a configuration that it does not have.
    """
    if not isinstance(description, Mapping):
        raise ModelFileError(
            f"expected the description of a network, got a {type(description).__name__}"
        )
    family = description.get("family", "")
    if family not in tuple(FAMILIES):  # a list, which JSON may have here, is no key of a dict
        raise ModelFileError(f"expected a network of {sorted(FAMILIES)}, got {family!r}")
    values = {key: _tuples(value) for key, value in description.items() if key != "family"}
    try:
        return FAMILIES[family][1](values)
    except _UNFIT as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelFileError(f"a description of {family} does not fit: {words}") from error


def _tuples(value: Any) -> Any:
    """JSON has lists only, configurations have tuples only."""
    if isinstance(value, Mapping):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value
