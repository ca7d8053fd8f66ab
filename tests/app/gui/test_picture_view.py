"""The picture on the screen, measured in its pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.gui.bridge import fit, fitted_wh
from app.gui.picture_view import PictureView
from pose.types import ByteArray, Frame, Scene, Tracks

ROOT = Path(__file__).resolve().parents[3]


def scene(image: ByteArray, arrived_s: float = 0.0) -> Scene:
    return Scene(Frame(0, 0.0, image), Tracks.empty(17), arrived_s=arrived_s)


def shown(view: PictureView) -> QImage:
    return view.grab().toImage()


@pytest.fixture
def view(qtbot: QtBot) -> PictureView:
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 400)
    view.show()
    return view


@pytest.mark.parametrize(("width", "height"), [(200, 100), (100, 200), (64, 64)])
def test_it_is_never_stretched(view: PictureView, width: int, height: int) -> None:
    view.show_scene(scene(np.full((height, width, 3), 255, np.uint8)))

    image = shown(view)
    white = [
        (x, y)
        for x in range(image.width())
        for y in range(image.height())
        if QColor(image.pixel(x, y)).lightness() > 250
    ]
    xs, ys = zip(*white, strict=True)

    wide, high = max(xs) - min(xs) + 1, max(ys) - min(ys) + 1
    assert (wide, high) == fitted_wh((width, height), view.room_wh)  # as large as may be


def test_colours_are_those_of_the_frame(view: PictureView) -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    image[:] = (10, 120, 250)  # BGR

    view.show_scene(scene(image))

    assert QColor(shown(view).pixel(200, 200)).getRgb()[:3] == (250, 120, 10)


def test_the_time_to_the_painted_pixel_is_told_once_a_picture(qtbot: QtBot) -> None:
    now_s = 12.0
    view = PictureView(clock=lambda: now_s)
    qtbot.addWidget(view)
    with qtbot.waitExposed(view):
        view.show()
    told: list[float] = []
    view.painted.connect(told.append)
    image = np.zeros((50, 50, 3), np.uint8)

    view.show_picture(fit(scene(image, arrived_s=11.5), view.room_wh))
    qtbot.waitUntil(lambda: bool(told))
    view.repaint()

    assert told == [0.5]


def test_words_lie_over_the_picture_and_are_told_to_screen_readers(view: PictureView) -> None:
    view.show_scene(scene(np.full((50, 50, 3), 200, np.uint8)))
    before = QColor(shown(view).pixel(5, 5)).lightness()

    view.say("Reconnecting…", "again and again")

    assert QColor(shown(view).pixel(5, 5)).lightness() < before
    assert "Reconnecting" in view.accessibleDescription()


def test_without_a_picture_it_is_a_stage(view: PictureView) -> None:
    assert view.picture_rect.isEmpty()
    view.clear()
    shown(view)


HIDPI = """
import numpy as np
from app.gui.application import make_application
application = make_application()
from app.gui.bridge import fit, fitted_wh
from app.gui.picture_view import PictureView
from pose.types import Frame, Scene, Tracks
view = PictureView()
view.resize(400, 400)
view.show()
board = (np.indices((800, 800)).sum(axis=0) % 2 * 255).astype(np.uint8)  # each pixel its own
view.show_scene(Scene(Frame(0, 0.0, np.repeat(board[..., None], 3, axis=2)), Tracks.empty(17)))
image = view.grab().toImage()
greys = {image.pixel(x, 7) & 255 for x in range(image.width())}
print(view.room_wh, image.width(), sorted(greys))
"""


def test_a_hidpi_screen_gets_every_pixel() -> None:
    """With two pixels to a unit a board of single pixels stays one: nothing was scaled up."""

    done = subprocess.run(
        [sys.executable, "-c", HIDPI],
        cwd=ROOT,
        env={
            **os.environ,
            "QT_SCALE_FACTOR": "2",
            "QT_FONT_DPI": "96",
            "QT_QPA_PLATFORM": "offscreen",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.stdout.split(maxsplit=3)[:3] == ["(800,", "800)", "800"], done.stderr
    assert done.stdout.strip().endswith("[0, 255]")
