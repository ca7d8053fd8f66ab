"""Sources by name, with their modes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.commands.demo import CLIP
from app.gui.page import Desk
from app.gui.source_picker import SourcePicker, SourceSettings
from app.sources.listing import Listed, Mode

CAMERA = Listed("/dev/video0", "Desk camera", (Mode((1280, 720), 60.0), Mode((640, 480), 30.0)))
SCREEN = Listed("screen://", "Screen")


@pytest.fixture
def picker(desk: Desk, qtbot: QtBot) -> SourcePicker:
    picker = SourcePicker(desk.offload, lambda: [CAMERA, SCREEN])
    qtbot.addWidget(picker)
    with qtbot.waitSignal(picker.looked, timeout=20_000):
        picker.look()
    return picker


def test_the_clip_is_there_before_anything_was_found(desk: Desk, qtbot: QtBot) -> None:
    picker = SourcePicker(desk.offload, list)
    qtbot.addWidget(picker)

    assert picker.text == str(CLIP) and not picker.first_camera


def test_a_camera_is_chosen_by_name_and_mode(picker: SourcePicker) -> None:
    assert picker.box.findText("Desk camera") >= 0 and picker.first_camera == "/dev/video0"

    picker.choose("/dev/video0", tell=False)
    picker.modes.setCurrentIndex(1)

    assert picker.options.camera_size_wh == (1280, 720) and picker.options.camera_fps == 60.0
    assert not picker.modes.isHidden()
    picker.choose("screen://", tell=False)
    assert picker.modes.isHidden() and picker.options.camera_size_wh is None


def test_files_and_addresses_join_the_list_and_are_remembered(
    picker: SourcePicker, tmp_path: Path
) -> None:
    clip = tmp_path / "walk.mp4"
    clip.touch()
    for text in (str(clip), "rtsp://10.0.0.7/door", "rtsp://a:secret@10.0.0.8/door"):
        picker.choose(text, tell=False)

    known = picker.settings
    assert known.text == ""  # it held a password
    assert set(known.recent) == {str(clip), "rtsp://10.0.0.7/door"}
    clip.unlink()
    picker.restore(known)
    assert picker.box.findData(str(clip)) < 0


def test_choosing_tells(picker: SourcePicker, qtbot: QtBot) -> None:
    with qtbot.waitSignal(picker.chosen):
        picker.choose("rtsp://10.0.0.9/yard")
    assert picker.text == "rtsp://10.0.0.9/yard"


def test_a_look_that_fails_leaves_the_list_usable(desk: Desk, qtbot: QtBot) -> None:
    def broken() -> list[Listed]:
        raise OSError("no devices")

    picker = SourcePicker(desk.offload, broken)
    qtbot.addWidget(picker)
    with qtbot.waitSignal(picker.looked, timeout=20_000):
        picker.look()

    assert picker.refresh.isEnabled() and picker.settings == SourceSettings(text=str(CLIP))


def test_a_text_that_no_disc_could_hold_is_forgotten(picker: SourcePicker) -> None:
    known = SourceSettings(text="x" * 300, recent=("x" * 300, "screen://0,0,64,48"))

    picker.restore(known)

    assert picker.box.findData("x" * 300) < 0
    assert picker.box.findData("screen://0,0,64,48") >= 0


def test_the_mode_of_a_camera_is_remembered_until_it_is_found(desk: Desk, qtbot: QtBot) -> None:
    """Also where the window is closed before the cameras were found."""
    known = SourceSettings("/dev/video0", (640, 480), 30.0)
    picker = SourcePicker(desk.offload, lambda: [CAMERA, SCREEN])
    qtbot.addWidget(picker)
    picker.restore(known)
    assert picker.options.camera_size_wh == (640, 480)
    assert (picker.settings.size_wh, picker.settings.fps) == ((640, 480), 30.0)

    with qtbot.waitSignal(picker.looked, timeout=20_000):
        picker.look()
    picker.restore(known)

    assert picker.modes.currentText() == str(CAMERA.modes[1])
    picker.modes.setCurrentIndex(0)
    picker.modes.activated.emit(0)
    assert picker.options.camera_size_wh is None, "as the camera likes"
