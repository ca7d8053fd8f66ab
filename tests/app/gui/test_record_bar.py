"""Recording from the window: one button, a timer, snapshots, what goes wrong in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.gui.record_bar import RecordBar, RecordSettings
from app.gui.recorder import Recorder
from app.gui.settings import Settings
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app.gui.told import Told
from tests.app.sinks.scenes import scene


class Shown:
    """What stands on the screen, and whether faces may be saved."""

    scene: Scene | None = None
    clean_allowed = True


@pytest.fixture
def told(settings: Settings) -> Iterator[Told]:
    told = Told(settings)
    yield told
    assert told.offload.close(5)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def bar(told: Told, shown: Shown, qtbot: QtBot, tmp_path: Path) -> RecordBar:
    told.desk.settings.put(RecordSettings(folder=str(tmp_path / "films")))
    owner = QObject()
    recorder = Recorder(lambda: COCO_17, told.offload, lambda: shown.clean_allowed, parent=owner)
    bar = RecordBar(recorder, told.desk, lambda: shown.scene, lambda: shown.clean_allowed)
    owner.setParent(bar)
    bar.recorder_for_tests = recorder
    qtbot.addWidget(bar)
    return bar


def recorder_of(bar: RecordBar) -> Recorder:
    recorder = bar.recorder_for_tests
    assert isinstance(recorder, Recorder)
    return recorder


def test_one_button_records_with_a_timer_and_one_more_press_ends_it(
    bar: RecordBar, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    recorder = recorder_of(bar)
    bar.show()
    assert not bar.timer_label.isVisible()

    with recorder:
        bar.button.click()
        assert "waits" in bar.timer_label.text()
        with qtbot.waitSignal(recorder.begun):
            recorder(scene(0, count=1))
        assert bar.timer_label.isVisible() and "0:00:0" in bar.timer_label.text()
        bar.button.click()
        with qtbot.waitSignal(recorder.ended) as ended:
            recorder(scene(1, count=1))

    assert not bar.timer_label.isVisible()
    names = sorted(path.suffix for path in (tmp_path / "films").iterdir())
    assert names == [".csv", ".jsonl", ".mp4"]
    assert len(ended.args[0]) == 3
    assert "Saved people_" in told.last


def test_a_take_ends_without_a_further_picture(
    bar: RecordBar, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    """The view is paused, or the camera gone, when the button is pressed."""
    recorder = recorder_of(bar)
    with recorder:
        bar.toggle()
        with qtbot.waitSignal(recorder.begun):
            recorder(scene(0, count=1))

        with qtbot.waitSignal(recorder.ended):
            bar.toggle()
        assert "Saved people_" in told.last and not recorder.writing
        names = sorted(path.suffix for path in (tmp_path / "films").iterdir())
        assert names == [".csv", ".jsonl", ".mp4"]


def test_a_pipeline_that_does_not_come_back_ends_the_wish(bar: RecordBar, qtbot: QtBot) -> None:
    recorder = recorder_of(bar)
    recorder._waits.setInterval(1)
    with recorder:
        bar.toggle()
        recorder(scene(0))

    qtbot.waitUntil(lambda: not recorder.wanted)
    assert not bar.timer_label.isVisible()


def test_trouble_is_one_line_and_the_button_is_back(
    bar: RecordBar, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "films").touch()  # a file where the folder should be
    recorder = recorder_of(bar)

    with recorder, qtbot.waitSignal(recorder.failed):
        bar.toggle()
        recorder(scene(0))

    assert "cannot write" in told.last and "\n" not in told.last
    assert not recorder.wanted and bar.button.accessibleName() == "Record"


def test_a_snapshot_saves_what_is_shown(
    bar: RecordBar, shown: Shown, told: Told, qtbot: QtBot, tmp_path: Path
) -> None:
    bar.snapshot()
    assert "no picture" in told.last

    shown.scene = scene(0)
    bar.snapshot()
    qtbot.waitUntil(lambda: "Saved" in told.last)
    assert [path.suffix for path in (tmp_path / "films").iterdir()] == [".png"]

    shown.clean_allowed = False
    bar.snapshot()
    qtbot.waitUntil(lambda: "privacy" in told.last)


def test_what_is_recorded_is_chosen_and_remembered(bar: RecordBar, told: Told) -> None:
    menu = bar.options_button.menu()
    actions = {action.text(): action for action in menu.actions()}

    actions["Both videos"].trigger()
    actions["Keypoints as CSV and JSON Lines"].trigger()

    assert (bar.plan().video, bar.plan().records) == ("both", ())
    assert told.desk.settings.get(RecordSettings).video == "both"


def test_the_keys_are_r_and_s(bar: RecordBar) -> None:
    keys = {shortcut.keys: shortcut.call for shortcut in bar.shortcuts()}

    assert set(keys) == {"R", "S"}
    keys["R"]()
    assert recorder_of(bar).wanted
    assert np.isclose(recorder_of(bar).seconds, 0)
