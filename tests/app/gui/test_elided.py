"""Labels that give way instead of pushing the window apart."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.gui.elided import ElidedLabel

PATH = "/home/somebody/Videos/a very long name of a folder/cascaded-pose/batch"


@pytest.mark.parametrize(("text", "elided"), [("", False), ("walk", False), (PATH, True)])
@pytest.mark.parametrize("middle", [False, True])
def test_what_does_not_fit_is_in_the_tooltip(
    qtbot: QtBot, text: str, elided: bool, middle: bool
) -> None:
    label = ElidedLabel(text, middle=middle)
    qtbot.addWidget(label)
    label.resize(120, 24)
    label.show()
    label.grab()

    assert label.text() == text
    assert (label.shown != text) is elided
    assert label.toolTip() == (text if elided else "")
    assert label.minimumSizeHint().width() <= 60
    if elided:
        assert label.shown.endswith("…") is not middle


def test_with_room_again_it_says_everything(qtbot: QtBot) -> None:
    label = ElidedLabel(PATH)
    qtbot.addWidget(label)
    label.resize(2000, 24)
    label.grab()

    assert label.shown == PATH and label.toolTip() == ""
