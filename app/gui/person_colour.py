"""The colour of a person in the window: the same as on the picture."""

from __future__ import annotations

from PyQt5.QtGui import QColor

from app.steps.palette import id_colour


def person_colour(identity: int) -> QColor:
    """Of an id."""
    b, g, r = id_colour(identity)
    return QColor(r, g, b)
