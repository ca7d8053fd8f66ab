"""What a first run says: which parts of this machine are missing, and what runs instead."""

from __future__ import annotations

from PyQt5.QtCore import QCoreApplication

from app.gui.machine_page import as_text
from app.gui.notices import Notice
from app.machine import look


def first_words(topic: str) -> Notice:
    """What a first run without a camera says, in the words of `doctor`.

    Args:
        topic: Of the notice: a later one of the same takes its place.
    """
    findings = {each.name: each for each in look()}
    missing = [
        f"{name}: {findings[name].detail}"
        for name in ("Cameras", "NVIDIA GPU")
        if name in findings and not findings[name].present
    ]
    text = QCoreApplication.translate(
        "LivePage", "This is the clip that ships. {0}. The networks run on the CPU."
    ).format("; ".join(missing))
    return Notice(text, as_text(list(findings.values())), kind="news", topic=topic)
