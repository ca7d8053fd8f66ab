"""The bridge: only the newest scene, fitted and never stretched."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.gui.bridge import SceneBridge, fit, fitted_wh
from pose.types import Frame, Scene, Tracks


def scene(index: int, size_wh: tuple[int, int] = (64, 48)) -> Scene:
    image = np.full((size_wh[1], size_wh[0], 3), index, np.uint8)
    return Scene(Frame(index, index / 30, image), Tracks.empty(17))


def test_the_window_gets_the_newest_scene_and_no_other(qtbot: QtBot) -> None:
    bridge = SceneBridge()
    told: list[None] = []
    bridge.arrived.connect(lambda: told.append(None))

    assert bridge.take() is None
    for index in range(5):
        bridge(scene(index))
    picture = bridge.take()

    assert picture is not None and picture.scene.frame.index == 4
    assert bridge.take() is None
    assert bridge.replaced == 4
    assert len(told) == 1  # nothing piles up where the window is slow


@pytest.mark.parametrize(
    ("size_wh", "room_wh", "fits"),
    [
        ((1280, 720), (0, 0), (1280, 720)),
        ((1280, 720), (640, 640), (640, 360)),
        ((1280, 720), (2560, 720), (1280, 720)),
        ((480, 640), (1000, 320), (240, 320)),
        ((64, 48), (640, 480), (640, 480)),
        ((5000, 2), (100, 100), (100, 1)),
    ],
)
def test_a_picture_fits_its_room_and_keeps_its_shape(
    size_wh: tuple[int, int], room_wh: tuple[int, int], fits: tuple[int, int]
) -> None:
    pixels = fit(scene(7, size_wh), room_wh).pixels

    assert (pixels.shape[1], pixels.shape[0]) == fits
    assert pixels.shape[2] == 4 and pixels.flags.c_contiguous
    assert (pixels[..., :3] == 7).all()
    if min(room_wh):
        assert fitted_wh(size_wh, room_wh) == fits


def test_colours_keep_their_places() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[...] = (10, 20, 30)  # BGR

    pixels = fit(Scene(Frame(0, 0.0, image), Tracks.empty(17)), (4, 4)).pixels

    assert pixels[0, 0].tolist() == [10, 20, 30, 255]  # what QImage's Format_RGB32 is in memory
