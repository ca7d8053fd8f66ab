"""Icons take the colour of the words beside them, whatever the theme."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import QSize
from PyQt5.QtGui import QColor, QIcon
from PyQt5.QtWidgets import QApplication

from app.gui.icons import icon
from app.gui.theme import DARK, LIGHT, Colours, apply_theme


def _ink(drawn: QIcon, mode: QIcon.Mode = QIcon.Normal) -> str:
    """The colour in the middle of an icon that is filled there."""
    return QColor(drawn.pixmap(QSize(24, 24), mode).toImage().pixel(12, 12)).name()


@pytest.mark.parametrize(("theme", "colours"), [("dark", DARK), ("light", LIGHT)])
def test_an_icon_follows_the_theme_that_it_was_not_made_in(
    qapp: QApplication, theme: str, colours: Colours
) -> None:
    apply_theme(qapp, "light" if theme == "dark" else "dark")
    plain, main, own = icon("stop"), icon("stop", on_accent=True), icon("stop", "#e5484d")
    apply_theme(qapp, theme)

    assert _ink(plain) == colours.text
    assert _ink(main) == colours.on_accent
    assert _ink(own) == "#e5484d"


def test_an_icon_that_cannot_be_pressed_is_as_faint_as_its_words(qapp: QApplication) -> None:
    apply_theme(qapp, "dark")
    enabled, disabled = _ink(icon("stop")), _ink(icon("stop"), QIcon.Disabled)

    assert enabled != disabled
    assert _ink(icon("stop", "#e5484d", on_accent=True), QIcon.Disabled) == disabled
