"""The control panel shows everything it holds, in whatever font the desktop has."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.gui.controls import ControlPanel
from app.gui.presets import Presets
from app.gui.settings import Settings


@pytest.mark.parametrize("points", [7, 11, 18])
def test_nothing_in_the_panel_is_cut_off_at_its_edge(qtbot: QtBot, points: int) -> None:
    panel = ControlPanel(Presets(Settings(None)))
    qtbot.addWidget(panel)
    panel.setStyleSheet(f"* {{ font-size: {points}pt; }}")
    panel.resize(panel.width(), 400)
    panel.show()

    qtbot.waitUntil(lambda: panel.widget().width() <= panel.viewport().width(), timeout=5000)
    assert panel.horizontalScrollBar().maximum() == 0
