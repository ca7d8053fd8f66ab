"""The pause button: recordings wait, cameras go on; clocks and waits are the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from typing_extensions import Self

from app.sources.player import Player
from pose.types import Frame


class Recording:
    """Frames 0, 1, … at 100 a second; live if told."""

    name, size_wh, fps = "recording", (4, 4), 100.0
    frame_count: int | None = 3

    def __init__(self, count: int = 3, live: bool = False) -> None:
        self.is_live, self._count = live, count
        self.entered = self.left = 0

    def __enter__(self) -> Self:
        self.entered += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self.left += 1

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(index, index / 100, np.zeros((4, 4, 3), np.uint8))


def test_a_recording_plays_once() -> None:
    with Player(Recording()) as player:
        assert [frame.index for frame in player] == [0, 1, 2]


def test_an_empty_recording_ends_even_if_repeated() -> None:
    with Player(Recording(0), repeat=True) as player:
        assert list(player) == []


def test_repeated_it_goes_on_with_numbers_and_times() -> None:
    recording = Recording()
    with Player(recording, repeat=True) as player:
        frames = []
        for frame in player:
            frames.append(frame)
            if len(frames) == 7:
                player.stop()

    assert [frame.index for frame in frames] == list(range(7))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(7) / 100, atol=1e-9)
    assert recording.entered == recording.left == 3


def test_it_keeps_the_recordings_pace() -> None:
    import time

    began_s = time.monotonic()
    with Player(Recording(11)) as player:
        count = len(list(player))

    assert count == 11 and time.monotonic() - began_s >= 0.1


def test_a_paused_recording_waits_and_loses_nothing() -> None:
    with Player(Recording()) as player:
        player.pause(True)
        got: list[int] = []
        reader = threading.Thread(target=lambda: got.extend(frame.index for frame in player))
        reader.start()
        reader.join(0.1)
        assert reader.is_alive() and got == [] and player.paused

        player.pause(False)
        reader.join(10)

    assert got == [0, 1, 2]


def test_stop_ends_a_pause() -> None:
    with Player(Recording()) as player:
        player.pause(True)
        reader = threading.Thread(target=lambda: list(player))
        reader.start()
        player.stop()
        reader.join(10)

    assert not reader.is_alive()


def test_what_a_paused_camera_shows_is_let_go() -> None:
    with Player(Recording(live=True)) as player:
        player.pause(True)
        assert list(player) == []
        player.pause(False)
        assert [frame.index for frame in player] == [0, 1, 2]


@pytest.mark.parametrize("name", ["name", "size_wh", "fps", "frame_count"])
def test_it_tells_what_the_source_tells(name: str) -> None:
    assert getattr(Player(Recording()), name) == getattr(Recording(), name)
    assert Player(Recording()).is_live and Player(Recording()).state is None
