"""A camera that fails in every way we know of: lost within 2 s, back within 2 s.

The camera is a script: at each moment of a clock that only the test moves, it does one thing.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from app.sources.camera import cameras_present, is_camera, open_camera
from app.sources.live import LinkState, Live, Watchdog
from pose.errors import UnavailableError
from pose.types import ByteArray, Frame

FAULT_BEGINS_S, FAULT_ENDS_S = 1.0, 6.0
FRAME_S = 0.1


class Clock:
    """Time that passes only where the camera or the source waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


Fault = Callable[["ScriptedCamera"], tuple[bool, Any]]


class ScriptedCamera:
    """Stands in for `cv2.VideoCapture`: noise each 100 ms, and a fault from 1 s to 6 s."""

    def __init__(self, clock: Clock, fault: Fault | None = None) -> None:
        self.clock = clock
        self.opened = 0
        self.open_now = 0
        self.last: ByteArray = self.picture()
        self.asked: dict[int, float] = {}
        self._fault = fault

    def __call__(self, index: int, backend: int) -> ScriptedCamera:
        self.opened += 1
        self.open_now += 1
        return self

    @property
    def faulty(self) -> bool:
        return self._fault is not None and FAULT_BEGINS_S <= self.clock.now_s < FAULT_ENDS_S

    def picture(self, size_wh: tuple[int, int] = (32, 24)) -> ByteArray:
        seed = round(self.clock.now_s * 1000)
        noise = np.random.default_rng(seed).integers(0, 255, (size_wh[1], size_wh[0], 3))
        return noise.astype(np.uint8)

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        if self.faulty and self._fault is not None:
            return self._fault(self)
        self.clock.wait(FRAME_S)
        self.last = self.picture()
        return True, self.last

    def get(self, propId: int) -> float:
        return 10.0

    def set(self, propId: int, value: float) -> bool:
        self.asked[propId] = value
        return True

    def release(self) -> None:
        self.open_now -= 1


def says_false(camera: ScriptedCamera) -> tuple[bool, Any]:
    return False, None


def raises(camera: ScriptedCamera) -> tuple[bool, Any]:
    raise OSError("VIDIOC_DQBUF: No such device")


def repeats_the_last_picture(camera: ScriptedCamera) -> tuple[bool, Any]:
    camera.clock.wait(FRAME_S)
    return True, camera.last


def gives_none(camera: ScriptedCamera) -> tuple[bool, Any]:
    camera.clock.wait(FRAME_S)
    return True, None


def gives_empty_pictures(camera: ScriptedCamera) -> tuple[bool, Any]:
    camera.clock.wait(FRAME_S)
    return True, np.zeros((0, 0, 3), np.uint8)


def blocks(camera: ScriptedCamera) -> tuple[bool, Any]:
    camera.clock.now_s = FAULT_ENDS_S
    return False, None


FAULTS = [says_false, raises, repeats_the_last_picture, gives_none, gives_empty_pictures]


def source_of(camera: ScriptedCamera, watchdog: Watchdog | None = None) -> Live:
    return open_camera(
        "0", watchdog=watchdog, factory=camera, clock=camera.clock, pause=camera.clock.wait
    )


def is_lost(source: Live) -> bool:
    return source.state is LinkState.LOST


def until(source: Live, camera: ScriptedCamera, end_s: float) -> Iterator[Frame]:
    for frame in source:
        yield frame
        if camera.clock.now_s >= end_s:
            return


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_and_healed_within_two_seconds(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    camera = ScriptedCamera(clock, fault)
    lost_s: list[float] = []

    def watched_wait(seconds: float) -> None:
        if is_lost(source):
            lost_s.append(clock.now_s)
        clock.wait(seconds)

    source = open_camera("0", factory=camera, clock=clock, pause=watched_wait)
    with source, caplog.at_level(logging.WARNING):
        frames = list(until(source, camera, FAULT_ENDS_S + 4))
        assert source.state is LinkState.LIVE

    assert lost_s[0] - FAULT_BEGINS_S <= 2.0
    back_s = next(frame.time_s for frame in frames if frame.time_s > FAULT_ENDS_S)
    assert back_s - FAULT_ENDS_S <= 2.0
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(b.time_s > a.time_s for a, b in itertools.pairwise(frames))
    assert camera.open_now == 0
    assert source.losses == 1
    assert [record.getMessage().split()[:4] for record in caplog.records] == [
        ["camera", "0", "is", "lost:"],
        ["camera", "0", "is", "back"],
    ]


def test_a_new_picture_size_is_fitted_into_the_first() -> None:
    def grows(camera: ScriptedCamera) -> tuple[bool, Any]:
        camera.clock.wait(FRAME_S)
        return True, camera.picture((64, 64))

    camera = ScriptedCamera(Clock(), grows)
    with source_of(camera) as source:
        frames = list(until(source, camera, FAULT_ENDS_S + 1))

    assert {frame.size_wh for frame in frames} == {source.size_wh} == {(32, 24)}
    assert len(frames) >= 60
    assert source.losses == 0


def test_a_read_that_hangs_is_seen_from_another_thread() -> None:
    """Nothing can end the read; but `state` says LOST meanwhile, and pictures go on after it."""
    hangs, go_on = threading.Event(), threading.Event()

    def hang(camera: ScriptedCamera) -> tuple[bool, Any]:
        hangs.set()
        assert go_on.wait(30)
        return blocks(camera)

    camera = ScriptedCamera(Clock(), hang)
    frames: list[Frame] = []
    with source_of(camera) as source:
        reader = threading.Thread(
            target=lambda: frames.extend(until(source, camera, FAULT_ENDS_S + 4))
        )
        reader.start()
        assert hangs.wait(30)
        begun_s = camera.clock.now_s
        assert not is_lost(source)
        camera.clock.now_s = begun_s + 1.9
        assert is_lost(source)
        go_on.set()
        reader.join(30)
        assert not is_lost(source)

    back_s = next(frame.time_s for frame in frames if frame.time_s >= FAULT_ENDS_S)
    assert back_s - FAULT_ENDS_S <= 2.0


def test_a_covered_lens_is_a_picture_too() -> None:
    """The same black again after reopening is what the camera sees, not a dead driver."""

    def black(camera: ScriptedCamera) -> tuple[bool, Any]:
        camera.clock.wait(FRAME_S)
        return True, np.zeros((24, 32, 3), np.uint8)

    camera = ScriptedCamera(Clock(), black)
    with source_of(camera) as source:
        frames = list(until(source, camera, FAULT_ENDS_S + 1))

    assert source.losses == 1
    assert max(b.time_s - a.time_s for a, b in itertools.pairwise(frames)) < 1.0


def test_a_slow_consumer_is_no_fault_of_the_camera() -> None:
    camera = ScriptedCamera(Clock())
    with source_of(camera) as source:
        for frame in until(source, camera, 30.0):
            camera.clock.wait(3.0)  # somebody works on the frame
            assert source.state is LinkState.LIVE
            assert frame.index < 100

    assert source.losses == 0


def test_it_gives_up_when_told_to() -> None:
    camera = ScriptedCamera(Clock(), says_false)
    with (
        source_of(camera, Watchdog(give_up_after_s=2.0)) as source,
        pytest.raises(UnavailableError, match=r"camera 0: expected pictures, got no picture for"),
    ):
        list(source)

    assert camera.clock.now_s < FAULT_ENDS_S


def test_stop_ends_a_wait_for_a_lost_camera() -> None:
    """With real waits: the reader waits a minute to reconnect when it is told to stop."""
    let_go = threading.Event()

    class Watched(ScriptedCamera):
        def release(self) -> None:
            super().release()
            let_go.set()

    camera = Watched(Clock(), raises)
    source = open_camera("0", watchdog=Watchdog(retry_s=60), factory=camera, clock=camera.clock)
    with source:
        reader = threading.Thread(target=lambda: list(source))
        reader.start()
        assert let_go.wait(30)
        assert is_lost(source)
        source.stop()
        reader.join(30)
        assert not reader.is_alive()

    assert source.state is LinkState.CLOSED


def test_a_camera_without_pictures_is_refused() -> None:
    camera = ScriptedCamera(Clock(), says_false)
    camera.clock.now_s = FAULT_BEGINS_S

    with pytest.raises(UnavailableError, match="camera 0: expected pictures, got no picture"):
        source_of(camera, Watchdog(first_picture_s=1.0)).__enter__()

    assert camera.open_now == 0


def test_a_camera_that_cannot_be_opened_is_refused() -> None:
    class Closed(ScriptedCamera):
        def isOpened(self) -> bool:
            return False

    camera = Closed(Clock())
    with pytest.raises(UnavailableError, match="another program"):
        source_of(camera).__enter__()
    assert camera.open_now == 0


def test_a_camera_that_is_not_there_is_refused() -> None:
    absent = f"/dev/video{len(cameras_present()) + 4242}"

    with pytest.raises(UnavailableError, match=r"camera \d+: expected /dev/video\d+|cannot"):
        open_camera(absent).__enter__()


def test_size_and_rate_are_asked_for() -> None:
    camera = ScriptedCamera(Clock())
    source = open_camera("/dev/video3", (1280, 720), 30.0, factory=camera, clock=camera.clock)
    with source:
        assert source.name == "camera 3"
        assert source.fps == 10.0

    assert camera.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert camera.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert camera.asked[cv2.CAP_PROP_FPS] == 30.0
    assert camera.asked[cv2.CAP_PROP_FOURCC] == int.from_bytes(b"MJPG", "little")


@pytest.mark.parametrize(
    "stored", [np.full((24, 32), 9, np.uint8), np.full((24, 32, 1), 9, np.uint8),
               np.full((24, 32, 4), 9, np.uint8)],
)  # fmt: skip
def test_gray_and_transparent_pictures_become_bgr(stored: ByteArray) -> None:
    class Odd(ScriptedCamera):
        def read(self) -> tuple[bool, Any]:
            return True, stored

    with source_of(Odd(Clock())) as source:
        frame = next(iter(source))

    assert frame.image.shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), ("0", True), ("12", True), ("-1", False), ("/dev/video0", True),
     ("/dev/video", False), ("/dev/video0/x", False), ("0.mp4", False)],
)  # fmt: skip
def test_what_names_a_camera(text: str, expected: bool) -> None:
    assert is_camera(text) is expected
