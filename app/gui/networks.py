"""Which networks the controls offer: those of the model zoo, by what their cards say."""

from __future__ import annotations

from model_zoo.zoo import MODELS, card_of
from pose.errors import PoseAppError


def network_choices() -> dict[str, list[tuple[str, str]]]:
    """task -> (name, words); reads the models' files, so call it off the GUI thread."""
    choices: dict[str, list[tuple[str, str]]] = {}
    for name in MODELS:
        try:
            card = card_of(name)
        except PoseAppError:  # not in this copy; `doctor` tells
            continue
        width, height = card.input_size_wh
        words = f"{name} ({width} × {height})"
        choices.setdefault(card.task, []).append((name, words))
    return choices
