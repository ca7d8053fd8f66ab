"""Turn trained weights into a network file that the application runs.

Example:
    main.py build --checkpoint runs/pose-base/phase2_early/final.pt --onnx pose.onnx
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from build_engine.export_onnx import export
from model_zoo.card_page import card_page
from network.checkpoint import load
from network.cpn import LiteCpn
from network.described import build
from network.person_detector import PersonDetector
from pose.card import ModelCard
from pose.errors import InputError, OutputError, UsageError

FIGURES = (
    "AP", "AP50", "AP75", "APm", "APl", "AR", "PCK", "PCKh",
    "detector_AP", "detector_AP50", "detector_AP50_large", "detector_AP50_medium",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Checkpoint of `main.py train` -> ONNX with its card, compared with torch, and a page."""

    checkpoint: Path
    """Checkpoint of a run: best.pt, final.pt or last.pt."""
    onnx: Path
    """ONNX file to write."""
    measured: tuple[str, ...] = ()
    """Figures for the card: WHAT=FILE, the file from `main.py evaluate --json`; may be several."""
    name: str = ""
    """Name on the card, instead of the recipe's."""


def run(config: Config) -> None:
    """Export and say what was written."""
    state = load(config.checkpoint)
    if "network" not in state or "describe" not in state:
        raise InputError(
            f"{config.checkpoint}: expected a checkpoint of main.py train, "
            f"got one with {sorted(state)[:6]}"
        )
    described = state["describe"]
    network = build(described["network"])
    network.load_state_dict(state.get("ema", state["network"]))
    card = ModelCard.from_json(described["card"], str(config.checkpoint))
    if config.name:
        card = replace(card, name=config.name)
    for what in config.measured:
        card = replace(card, measured={**card.measured, **_figures(what)})
    deployed = network.export() if isinstance(network, (PersonDetector, LiteCpn)) else network
    written = export(deployed, card, config.onnx)
    write_page(card, config.onnx)
    sys.stdout.write(
        f"{written.path}: {written.file_bytes / 1e6:.2f} MB, "
        f"differs from torch by at most {written.difference:.1e}\n"
    )


def write_page(card: ModelCard, network: Path) -> Path:
    """Write the card beside its network, to read; OutputError if it cannot be written."""
    path = network.with_suffix(".md")
    try:
        path.write_text(card_page(card), "utf-8")
    except OSError as error:
        raise OutputError(f"could not write {path}: {error}") from error
    return path


def _figures(what: str) -> dict[str, float]:
    """`true boxes=a.json` -> {"AP, true boxes": 0.61, ...}."""
    label, _, file = what.rpartition("=")
    if not label:
        raise UsageError(f"expected --measured WHAT=FILE, got {what!r}")
    try:
        values = json.loads(Path(file).read_text("utf-8"))
        found = {name: float(values[name]) for name in FIGURES if name in values}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{file}: expected the JSON of main.py evaluate: {error}") from error
    if not found:
        raise InputError(f"{file}: expected some of {', '.join(FIGURES)}, found none")
    return {f"{name}, {label}": round(value, 4) for name, value in found.items()}
