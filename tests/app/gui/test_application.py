"""What comes before the window: the guard, the display, exceptions, signals; as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt5.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app.gui.application import exceptions_told, forget_opencv_plugins, signals_caught
from app.gui.live_page import LiveSettings
from app.gui.presets import Controls
from app.gui.settings import Settings
from app.people import PeopleConfig
from tests.app import drawn
from tests.app.gui.xvfb import Xvfb

ROOT = Path(__file__).resolve().parents[3]
ORDERS = ("import cv2\nimport PyQt5.QtWidgets\n", "import PyQt5.QtWidgets\nimport cv2\n")
OPEN = """
from app.gui.application import make_application
application = make_application()
from PyQt5.QtWidgets import QLabel
label = QLabel("seen")
label.show()
application.processEvents()
print(application.platformName(), label.grab().width() > 0)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.mark.parametrize("order", ORDERS, ids=["cv2 first", "PyQt5 first"])
def test_both_orders_of_imports_open_a_window_offscreen(order: str) -> None:
    done = run(order + OPEN, QT_QPA_PLATFORM="offscreen")

    assert done.stdout == "offscreen True\n", done.stderr


@pytest.mark.parametrize("order", ORDERS, ids=["cv2 first", "PyQt5 first"])
def test_both_orders_of_imports_open_a_window_on_x(order: str, xvfb: Xvfb) -> None:
    """Where opencv-python's own Qt plugins abort the process; offscreen does not show it."""
    done = run(order + OPEN, QT_QPA_PLATFORM="xcb", DISPLAY=xvfb.display)

    assert done.stdout == "xcb True\n", done.stderr


def test_the_guard_takes_back_only_what_opencv_did(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    folder = os.path.dirname(os.path.abspath(cv2.__file__))
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", f"{folder}/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/usr/share/fonts")

    forget_opencv_plugins()

    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/usr/share/fonts"


@pytest.mark.parametrize("display", ["", ":4711"])
def test_without_a_display_there_is_one_line_and_69(display: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "DISPLAY")}
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=ROOT,
        env={**environment, "QT_QPA_PLATFORM": "", **({"DISPLAY": display} if display else {})},
        capture_output=True,
        text=True,
        timeout=110,
    )

    assert done.returncode == 69, done.stderr
    assert done.stderr.startswith("error: the window needs a screen")
    assert done.stderr.count("\n") == 1


def test_an_exception_in_a_slot_is_told_and_the_loop_goes_on(qtbot: QtBot) -> None:
    told: list[BaseException] = []
    after: list[int] = []

    def broken() -> None:
        raise ZeroDivisionError("in a slot")

    with qtbot.captureExceptions(), exceptions_told(told.append):
        QTimer.singleShot(0, broken)
        QTimer.singleShot(20, lambda: after.append(1))
        qtbot.waitUntil(lambda: bool(after))

    assert [str(error) for error in told] == ["in a slot"]


def test_a_signal_reaches_the_window_at_once(qtbot: QtBot) -> None:
    received: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    with signals_caught(received.append):
        os.kill(os.getpid(), signal.SIGINT)
        qtbot.waitUntil(lambda: received == [signal.SIGINT])

    assert signal.getsignal(signal.SIGINT) is before


# ---- the whole program, as a process --------------------------------


@pytest.fixture
def start(tmp_path: Path, networks: PeopleConfig) -> Callable[..., subprocess.Popen[str]]:
    """Starts `main.py gui` offscreen, with settings that choose the fake networks."""
    settings = Settings(tmp_path / "config" / "cascaded-pose" / "window.json")
    settings.put(Controls(people=networks))
    settings.put(LiveSettings(welcomed=True))
    settings.flush()
    clip = drawn.write_clip(tmp_path / "walk.mp4", 40)

    def go(*flags: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "main.py", "gui", str(clip), *flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "XDG_CONFIG_HOME": str(tmp_path / "config"),
                "QT_QPA_PLATFORM": "offscreen",
                "OMP_NUM_THREADS": "1",
                **environment,
            },
        )

    return go


@pytest.mark.slow
def test_it_measures_the_time_to_the_painted_pixel(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    out, err = start("--seconds", "1", "--json").communicate(timeout=110)

    seen = json.loads(out)
    assert seen["painted"] > 0, err
    assert 0 < seen["painted_ms_p50"] <= seen["painted_ms_p95"] <= seen["painted_ms_max"]
    assert seen["result_ms"] <= seen["painted_ms_max"]
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_closes_the_window_cleanly(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: int, code: int
) -> None:
    """The settings file is rewritten once the window has begun, which tells us that it has."""
    remembered = tmp_path / "config" / "cascaded-pose" / "window.json"
    before = remembered.read_text()
    process = start()
    try:
        while process.poll() is None and remembered.read_text() == before:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == code, err
    assert "Traceback" not in err
