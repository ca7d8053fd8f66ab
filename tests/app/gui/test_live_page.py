"""The live page as its user sees it, over a scripted camera and fake networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PyQt5.QtCore import QElapsedTimer, Qt, QTimer
from pytestqt.qtbot import QtBot

from app.commands.demo import CLIP
from app.gui.first_run import first_words
from app.gui.live_page import LivePage
from app.gui.main_window import MainWindow
from app.gui.page import Desk
from app.gui.presets import BUILT_IN, DEFAULT, Controls, Presets
from app.gui.session import State
from app.gui.settings import Settings
from app.gui.shortcuts import obey
from app.gui.source_picker import SourceSettings
from app.sources.listing import Listed
from app.sources.live import LinkState
from pose.errors import UnavailableError
from tests.app.gui.scripted import Scripted

WITHIN_MS = 20_000
LOOKED = LivePage._looked


def running(live: LivePage, script: Scripted, qtbot: QtBot, frames: int = 2) -> None:
    live.start()
    script.give(frames)
    qtbot.waitUntil(lambda: live.view.scene is not None, timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: live.session.state is State.RUNNING, timeout=WITHIN_MS)


def ticked(ticks: list[float], wanted: int) -> bool:
    return len(ticks) >= wanted


def next_scene(live: LivePage, script: Scripted, qtbot: QtBot) -> np.ndarray:
    before = live.view.scene
    script.give(1)
    qtbot.waitUntil(lambda: live.view.scene is not before, timeout=WITHIN_MS)
    assert live.view.scene is not None and live.view.scene.drawing is not None
    return live.view.scene.drawing


def test_start_shows_people_and_stop_keeps_the_last_picture(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    running(live, script, qtbot)
    scene = live.view.scene
    assert scene is not None and len(scene.tracks) == 1
    assert live.bar.start.text() == "Stop"

    live.bar.start.click()
    qtbot.waitUntil(lambda: live.session.state is State.IDLE, timeout=WITHIN_MS)

    assert live.view.scene is not None
    assert live.bar.start.text() == "Start"


def test_what_is_drawn_changes_with_the_next_frame(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    """No new pipeline: the very next frame wears the new style."""
    running(live, script, qtbot)
    entered = script.entered
    plain = next_scene(live, script, qtbot)

    live.panel.set_style(privacy="black")
    black = next_scene(live, script, qtbot)
    live.panel.set_dial(min_score=0.99)
    empty = next_scene(live, script, qtbot)

    assert (plain == 0).mean() < 0.7 < (black == 0).mean() < 1.0
    assert (empty == 0).all()
    assert script.entered == entered


def test_a_still_picture_wears_a_new_style_at_once(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    running(live, script, qtbot)
    live.stop()
    qtbot.waitUntil(lambda: live.session.state is State.IDLE, timeout=WITHIN_MS)

    live.panel.set_style(privacy="black")

    assert live.view.scene is not None and live.view.scene.drawing is not None
    assert (live.view.scene.drawing == 0).mean() > 0.7


def test_another_network_rebuilds_the_pipeline_and_keeps_the_picture(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    running(live, script, qtbot)

    live.panel.set_people(batch=7)
    live.panel.set_people(batch=8)
    qtbot.waitUntil(lambda: live.session.state is State.SWITCHING, timeout=WITHIN_MS)
    assert live.view.scene is not None
    qtbot.waitUntil(lambda: script.entered == 2, timeout=WITHIN_MS)
    script.give(2)
    qtbot.waitUntil(lambda: live.session.state is State.RUNNING, timeout=WITHIN_MS)

    assert live.session.request is not None and live.session.request.people.batch == 8


def test_a_lost_camera_says_reconnecting(live: LivePage, script: Scripted, qtbot: QtBot) -> None:
    running(live, script, qtbot)

    script.state = LinkState.LOST
    qtbot.waitUntil(lambda: "Reconnecting" in live.view.accessibleDescription(), timeout=WITHIN_MS)
    script.state = LinkState.LIVE
    script.give(1)
    qtbot.waitUntil(lambda: live.view.accessibleDescription() == "", timeout=WITHIN_MS)


def test_an_error_is_one_line_with_details(
    live: LivePage, script: Scripted, qtbot: QtBot, open_window: Callable[[], MainWindow]
) -> None:
    running(live, script, qtbot)
    window = live.desk.tell.__self__  # type: ignore[attr-defined]

    script.fail(UnavailableError("camera 0: expected pictures; check its cable"))
    qtbot.waitUntil(lambda: window.notices.notice is not None, timeout=WITHIN_MS)

    notice = window.notices.notice
    assert notice.text == "camera 0: expected pictures; check its cable"
    assert "Traceback" in notice.details
    live.start()  # a new attempt takes it away
    assert window.notices.notice is None


def test_keys_turn_what_they_say(live: LivePage, qtbot: QtBot) -> None:
    by_keys = {each.keys: each for each in live.shortcuts()}
    style = lambda: live.panel.controls.dials.style  # noqa: E731

    for keys in ("B", "N", "T", "C", "V", "M"):
        by_keys[keys].call()

    assert style().show_boxes and style().show_names and style().trail_s > 0
    assert (style().colours, style().privacy, style().mirror) == ("confidence", "faces", True)
    assert len({each.keys for each in live.shortcuts()}) == len(live.shortcuts())


def test_a_slider_under_the_mouse_moves_a_dial(live: LivePage, qtbot: QtBot) -> None:
    slider = live.panel.score.slider
    before = live.panel.controls.dials.min_score

    qtbot.keyClick(slider, Qt.Key_Right)

    assert live.panel.controls.dials.min_score == pytest.approx(before + 0.05)


def test_presets_reset_and_memory(live: LivePage, desk: Desk, settings: Settings) -> None:
    panel, mine = live.panel, live.panel.controls
    presets = Presets(settings)

    for name in BUILT_IN:
        panel.apply(presets.get(name, panel.controls))
        assert presets.name_of(panel.controls) == name
    panel.set_style(line_scale=2.5)
    panel.keep_preset("Thick")
    assert presets.is_own("Thick") and presets.name_of(panel.controls) == "Thick"
    kept = panel.controls
    panel.reset()
    assert panel.controls == DEFAULT
    panel.apply(presets.get("Thick", panel.controls))
    assert panel.controls == kept != mine

    live.close_down()
    assert settings.get(Controls) == kept
    assert settings.get(SourceSettings).text == "0"
    with pytest.raises(ValueError, match="not a name"):
        presets.save("Fast", kept)


def test_pause_and_mirror(live: LivePage, script: Scripted, qtbot: QtBot) -> None:
    running(live, script, qtbot)
    plain = next_scene(live, script, qtbot)

    live.bar.mirror.click()
    mirrored = next_scene(live, script, qtbot)
    live.bar.pause.click()

    # the person walks 4 pixels a frame; where nobody is, a mirror shows the other side
    assert (plain != mirrored).any()
    assert "Paused" in live.view.accessibleDescription()
    live.bar.pause.click()
    assert "Paused" not in live.view.accessibleDescription()


def test_full_screen_shows_the_picture_alone(live: LivePage, qtbot: QtBot) -> None:
    live.toggle_full_screen()
    assert live.panel.isHidden() and live.meters.isHidden() and live.picker.isHidden() is False
    assert live.bar.isHidden()

    live.leave_full_screen()
    assert not live.panel.isHidden() and not live.bar.isHidden()


def test_meters_show_what_the_meter_measured(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    """The same figures as `main.py benchmark` prints: those of the pipeline's own meter."""
    running(live, script, qtbot, frames=1)
    for _ in range(12):
        next_scene(live, script, qtbot)
    with qtbot.waitSignal(live.session.ended, timeout=WITHIN_MS) as ended:
        live.stop()
    reading = ended.args[0]

    plotted = live.meters.plot.mean_ms()
    assert list(plotted) == ["detect", "estimate", "track", "smooth", "draw"]
    assert set(reading.stage_s) == {*plotted, "read", "write"}
    for name, ms in plotted.items():
        assert ms == pytest.approx(1000 * reading.stage_s[name], rel=0.35, abs=0.3), name
    assert live.meters.latencies_s and min(live.meters.latencies_s) >= 0
    live.meters.heard(reading)
    live.meters.refresh()
    assert live.meters.figures["people"].text == str(reading.people_now)
    assert live.meters.figures["cpu"].text.endswith("%")


def test_nothing_blocks_the_gui_thread(live: LivePage, script: Scripted, qtbot: QtBot) -> None:
    """A watchdog ticks in the window while everything is started, switched, and stopped.

    The source hangs in every place it can; each call of the page must return at once, and the
    ticks must go on between.
    """
    script.hangs = True
    ticks: list[float] = []
    watchdog = QTimer()
    watchdog.timeout.connect(lambda: ticks.append(time.monotonic()))
    watchdog.start(5)

    slow = []
    for call in (
        live.start,
        lambda: live.panel.set_people(flip=True),
        lambda: live.panel.set_style(privacy="black"),
        live._rebuild,
        lambda: live.pause(True),
        live.picker.look,
        live.stop,
        live.toggle,
        live.close_down,
    ):
        watch = QElapsedTimer()
        watch.start()
        call()
        slow.append(watch.elapsed())
        wanted = len(ticks) + 3
        qtbot.waitUntil(partial(ticked, ticks, wanted), timeout=WITHIN_MS)

    assert max(slow) < 1000, slow  # a join would have waited for the source, which never comes
    watchdog.stop()


def test_a_first_run_says_what_is_missing_in_the_doctors_words() -> None:
    notice = first_words("source")

    assert notice.kind == "news"
    assert "Cameras" in notice.details and "NVIDIA GPU" in notice.details
    assert "\n" not in notice.text


def test_an_address_with_a_password_is_neither_shown_nor_kept(live: LivePage) -> None:
    live.picker.choose("rtsp://admin:hunter2@10.0.0.7/door", tell=False)

    assert live.picker.text.endswith("hunter2@10.0.0.7/door")
    shown = [live.picker.box.itemText(i) for i in range(live.picker.box.count())]
    assert not any("hunter2" in text for text in shown)
    assert "hunter2" not in str(live.picker.settings)


@pytest.mark.parametrize(
    ("found", "plays"),
    [
        ([], str(CLIP)),
        ([Listed("screen://", "Screen")], str(CLIP)),
        ([Listed("/dev/video0", "Desk camera")], "/dev/video0"),
    ],
    ids=["nothing", "a screen", "a camera"],
)
def test_a_first_run_plays_what_is_at_hand(
    desk: Desk,
    script: Scripted,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    found: list[Listed],
    plays: str,
) -> None:
    """Without a camera the clip that ships, and a line that says so; the next run waits."""
    monkeypatch.setattr(LivePage, "_looked", LOOKED)
    bar = desk.tell.__self__.notices  # type: ignore[attr-defined]
    for run in (1, 2):
        page = LivePage(desk, lambda: found, lambda text, options: script.opened(text))
        with qtbot.waitSignal(page.picker.looked, timeout=WITHIN_MS):
            pass
        if run == 1:
            script.give(1)
            qtbot.waitUntil(lambda: script.opens == [plays], timeout=WITHIN_MS)
            if plays == str(CLIP):
                qtbot.waitUntil(lambda: bar.notice is not None, timeout=WITHIN_MS)
                assert "clip that ships" in bar.notice.text and "Cameras" in bar.notice.details
        page.close_down()
        assert page.closed(10)
        page.deleteLater()

    assert script.opens == [plays]


def test_space_presses_the_button_that_the_keyboard_chose(live: LivePage, qtbot: QtBot) -> None:
    key = next(each for each in live.shortcuts() if each.keys == "Space")
    started: list[bool] = []
    boxes = live.panel.checks["show_boxes"]

    live.setFocus()
    obey(replace(key, call=lambda: started.append(True)))
    boxes.setFocus(Qt.TabFocusReason)
    qtbot.waitUntil(boxes.hasFocus)
    obey(replace(key, call=lambda: started.append(True)))

    assert started == [True]
    assert live.panel.controls.dials.style.show_boxes
    assert not boxes.focusPolicy() & Qt.ClickFocus, "a click leaves Space to the page"


def test_full_screen_ends_with_the_page_and_when_somebody_else_ends_it(
    live: LivePage, qtbot: QtBot
) -> None:
    for end in (live.left, live.full_screen_ended):
        live.toggle_full_screen()
        assert live.bar.isHidden()
        end()
        assert not live.bar.isHidden() and not live.panel.isHidden()


@pytest.mark.parametrize("name", ["Fast", " Fast ", ""])
def test_a_preset_that_cannot_be_called_so_is_told(live: LivePage, qtbot: QtBot, name: str) -> None:
    with qtbot.waitSignal(live.panel.name_refused):
        live.panel.keep_preset(name)

    assert not Presets(live.desk.settings).is_own(name.strip())


def test_a_preset_of_ones_own_can_be_deleted_though_it_equals_another(live: LivePage) -> None:
    live.panel.apply(DEFAULT)

    live.panel.keep_preset("Mine")

    assert live.panel.preset.key == "Mine" and not live.panel.delete_preset.isHidden()
