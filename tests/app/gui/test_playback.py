"""The clock of a film: seconds are due while it plays, and none while it holds."""

from __future__ import annotations

from PyQt5.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.gui.playback import Playback


def test_time_goes_on_from_where_it_was_told_and_stands_still_when_held(qtbot: QtBot) -> None:
    owner = QObject()
    playback = Playback(owner)
    due: list[float] = []
    playback.due.connect(due.append)
    qtbot.wait(40)
    assert not playback.playing and not due

    playback.play_from(7.0)
    qtbot.waitUntil(lambda: len(due) >= 3)

    assert playback.playing
    assert due[0] >= 7.0 and due == sorted(due)
    playback.hold()
    count = len(due)
    qtbot.wait(40)
    assert not playback.playing and len(due) == count
