"""OSC, against python-osc's server and parser."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest

from app.sinks.address import parse_address
from app.sinks.osc import OscSender, bundle, bundles, message
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

osc_bundle = pytest.importorskip("pythonosc.osc_bundle", reason="needs pip install -e '.[test]'")
osc_message = pytest.importorskip("pythonosc.osc_message", reason="needs pip install -e '.[test]'")

PATIENCE_S = 10.0


def heard(datagram: bytes) -> list[tuple[str, list[Any]]]:
    """The messages of a bundle, as python-osc reads them."""
    return [(each.address, list(each.params)) for each in osc_bundle.OscBundle(datagram)]


@pytest.mark.parametrize("address", ["/a", "/ab", "/abc", "/abcd", "/pose/12/left_shoulder"])
def test_messages_of_every_length_come_back(address: str) -> None:
    read = osc_message.OscMessage(message(address, -3, 0.25, 7))

    assert (read.address, read.params) == (address, [-3, 0.25, 7])


def test_an_empty_bundle_is_a_bundle() -> None:
    assert heard(bundle([])) == []


def test_nobody_is_a_frame_without_people() -> None:
    (only,) = bundles(scene(5), COCO_17, set())

    assert heard(only) == [("/pose/frame", [5, pytest.approx(5 / 30), 160, 120, 0])]


def test_people_come_as_fractions_of_the_picture_without_joints_that_are_not_there() -> None:
    seen = scene(1, count=2)
    first, *each = bundles(seen, COCO_17, {7, 3})

    assert heard(first)[1:] == [("/pose/gone", [3]), ("/pose/gone", [7])]
    assert len(each) == 2
    joints = dict(heard(each[1]))
    poses = seen.tracks.poses
    expected = poses.keypoints[1, 0] / np.array([160, 120])
    np.testing.assert_allclose(joints["/pose/2/nose"][:2], expected, rtol=1e-6)
    assert joints["/pose/2/nose"][2] == pytest.approx(poses.scores[1, 0])
    assert "/pose/2/right_ankle" not in joints  # the last one was not found
    assert len(joints) == 1 + 16
    assert max(map(len, each)) < 1400  # a packet of Ethernet


def test_a_server_hears_the_frames_and_who_has_gone() -> None:
    dispatcher = pytest.importorskip("pythonosc.dispatcher").Dispatcher()
    udp_server = pytest.importorskip("pythonosc.osc_server")
    got: list[tuple[str, tuple[Any, ...]]] = []
    dispatcher.set_default_handler(lambda address, *values: got.append((address, values)))

    with udp_server.OSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        server.timeout = PATIENCE_S
        port = server.server_address[1]
        with OscSender(parse_address(f"osc://127.0.0.1:{port}"), COCO_17) as send:
            send(scene(0, count=2))
            send(scene(1, count=1))
        for _ in range(3 + 2 + 1):
            server.handle_request()

    assert [values[0] for address, values in got if address == "/pose/frame"] == [0, 1]
    assert [values for address, values in got if address == "/pose/gone"] == [(2,), (1,)]
    assert sum(address == "/pose/1/nose" for address, _ in got) == 2


def test_nobody_there_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    with OscSender(parse_address(f"osc://127.0.0.1:{port}"), COCO_17) as send:
        for index in range(5):
            send(scene(index, count=2))
