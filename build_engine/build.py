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
from network.described import build
from network.person_detector import PersonDetector
from pose.card import ModelCard
from pose.errors import InputError, OutputError


@dataclass(frozen=True)
class Config:
    """Checkpoint of `main.py train` -> ONNX with its card, compared with torch, and a page."""

    checkpoint: Path
    """Checkpoint of a run: best.pt, final.pt or last.pt."""
    onnx: Path
    """ONNX file to write."""
    measured: Path | None = None
    """JSON object of figures to put into the card (`main.py evaluate --json`)."""
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
    if config.measured:
        card = replace(card, measured={**card.measured, **_figures(config.measured)})
    deployed = network.export() if isinstance(network, PersonDetector) else network
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


def _figures(path: Path) -> dict[str, float]:
    try:
        values = json.loads(path.read_text())
        return {str(name): round(float(value), 4) for name, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected a JSON object of numbers: {error}") from error
