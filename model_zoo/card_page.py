"""A model card as a page to read: what travels inside the network file, in Markdown."""

from __future__ import annotations

from pose.card import ModelCard

PAGE_HEAD = "| | |\n|---|---|\n| task | "  # how every page begins, under its title


def card_page(card: ModelCard) -> str:
    """Write a card as Markdown; the page says nothing that the card does not."""
    width, height = card.input_size_wh
    size = f"any multiple of 32, trained at {width}" if card.any_size else f"{width} x {height}"
    facts = {
        "task": "crop of one person -> heatmaps" if card.task == "pose" else "frame -> boxes",
        "architecture": card.architecture,
        "input": f"{size}, {card.channels.upper()}, mean {_list(card.mean)}, std {_list(card.std)}",
        "decoder": card.decoder,
        "keypoints": card.skeleton or "none",
        "precision": card.precision,
    }
    told = {
        "Training data": card.data,
        "Initialisation": card.initialisation,
        "Teacher": card.teacher,
        "Training": card.training,
        "Time spent": card.time_spent,
        "Limits": card.limits,
        "Licence": card.licence,
    }
    lines = [f"# {card.name}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    for title, text in told.items():
        lines += ["", f"## {title}", "", text or "Not said."]
    lines += ["", "## Train it again", "", "```sh", card.command or "# not said", "```"]
    lines += ["", "## Measured", "", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {value:g} |" for name, value in card.measured.items()]
    return "\n".join(lines) + "\n"


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
