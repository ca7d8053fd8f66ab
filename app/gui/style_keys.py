"""Keys that change what is drawn, without a look at the controls."""

from __future__ import annotations

from PyQt5.QtCore import QCoreApplication

from app.gui.controls import ControlPanel
from app.gui.shortcuts import Shortcut
from app.steps.draw import DrawStyle

_PRIVACY = ("none", "faces", "black")
_TRAIL_S = 2.0


def style_keys(panel: ControlPanel) -> list[Shortcut]:
    """One key for each part of the drawing; all of them turn the panel's own controls."""

    def style() -> DrawStyle:
        return panel.controls.dials.style

    def turn(name: str) -> None:
        panel.set_style(**{name: not getattr(style(), name)})

    def trails() -> None:
        panel.set_style(trail_s=0.0 if style().trail_s else _TRAIL_S)

    def colours() -> None:
        panel.set_style(colours="person" if style().colours == "confidence" else "confidence")

    def privacy() -> None:
        after = _PRIVACY.index(style().privacy) + 1
        panel.set_style(privacy=_PRIVACY[after % len(_PRIVACY)])

    def say(text: str) -> str:
        return QCoreApplication.translate("LivePage", text)

    return [
        Shortcut("K", say("Skeletons"), lambda: turn("show_skeletons")),
        Shortcut("I", say("Ids"), lambda: turn("show_ids")),
        Shortcut("B", say("Boxes"), lambda: turn("show_boxes")),
        Shortcut("N", say("Names of joints"), lambda: turn("show_names")),
        Shortcut("T", say("Trails"), trails),
        Shortcut("C", say("Colours: person or certainty"), colours),
        Shortcut("V", say("Privacy: nothing, faces, black"), privacy),
    ]
