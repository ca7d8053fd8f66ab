"""Clients of a port: they come, are slow, vanish and come back; nobody waits for them."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator

import pytest

from app.sinks.address import parse_address
from app.sinks.listener import BACKLOG, MOST_CLIENTS, Listener
from app.sinks.stream_record import StreamRecord
from pose.errors import UnavailableError
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app.sinks.scenes import scene

PATIENCE_S = 10.0
RECORD = StreamRecord(COCO_17, "test", clock=lambda: 1.5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(parse_address("tcp://127.0.0.1:0"), RECORD) as ready:
        yield ready


def connected(listener: Listener) -> socket.socket:
    """A client that has been let in."""
    client = socket.create_connection(("127.0.0.1", listener.port), PATIENCE_S)
    listener.attend()
    return client


def lines(client: socket.socket, count: int) -> list[bytes]:
    """So many lines; fails if they do not come."""
    with client.makefile("rb") as file:
        return [file.readline() for _ in range(count)]


def test_nobody_listens_and_nothing_is_kept(listener: Listener) -> None:
    for index in range(100):
        listener(scene(index))


def test_every_client_gets_every_frame_it_was_there_for(listener: Listener) -> None:
    with connected(listener) as early:
        listener(scene(0, count=2))
        with connected(listener) as late:
            listener(scene(1))

            both, one = lines(early, 2), lines(late, 1)

    assert [json.loads(line)["index"] for line in both] == [0, 1]
    assert one == both[1:]
    assert [person["id"] for person in json.loads(both[0])["people"]] == [1, 2]


def test_a_client_that_does_not_read_costs_its_own_frames_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The system's buffers fill up first; then frames are left out, whole lines and no parts."""
    last = 300  # of 64 KiB each: more than what lies between the two ends
    filling = "x" * 65536

    def record(seen: Scene) -> bytes:
        return json.dumps({"index": seen.frame.index, "filling": filling}).encode()

    with (
        Listener(parse_address("tcp://127.0.0.1:0"), record) as listener,
        connected(listener) as idle,
        connected(listener) as keen,
    ):
        quick: list[int] = []
        slow: list[int] = []
        for index in range(last + 1):
            listener(scene(index))
            line = b""
            while not line.endswith(b"\n"):
                line += keen.recv(1 << 20)
                listener.attend()
            quick.append(json.loads(line)["index"])
        with idle.makefile("rb") as file:
            while not slow or slow[-1] < last:
                slow.append(json.loads(file.readline())["index"])
                listener.attend()

    assert quick == list(range(last + 1))
    assert slow == sorted(set(slow))
    assert slow[-BACKLOG:] == list(range(last - BACKLOG + 1, last + 1))
    assert len(slow) < last
    assert caplog.text.count("too slowly") == 1


def test_a_client_that_vanishes_is_one_line_and_may_come_back(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    client = connected(listener)
    with caplog.at_level(logging.INFO):
        client.close()
        for index in range(5):
            listener(scene(index))
        assert caplog.text.count("has left") == 1

        with connected(listener) as again:
            listener(scene(9))
            assert json.loads(lines(again, 1)[0])["index"] == 9


def test_a_client_that_is_cut_off_in_the_middle_of_a_line_harms_nobody(listener: Listener) -> None:
    with connected(listener) as keen:
        cut = connected(listener)
        cut.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        listener(scene(0))
        cut.close()  # a reset, not a goodbye
        listener(scene(1))
        listener(scene(2))

        assert [json.loads(line)["index"] for line in lines(keen, 3)] == [0, 1, 2]


def test_a_client_that_closes_its_own_side_still_listens(listener: Listener) -> None:
    """As programs do that have read their own input to its end: `nc -N … </dev/null`."""
    with connected(listener) as client:
        client.shutdown(socket.SHUT_WR)
        listener.attend()
        for index in range(3):
            listener(scene(index))

        assert [json.loads(line)["index"] for line in lines(client, 3)] == [0, 1, 2]


def test_too_many_clients_are_turned_away(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    clients = [connected(listener) for _ in range(MOST_CLIENTS + 2)]

    assert clients[-1].recv(1) == b""
    assert caplog.text.count("no more than") == 1
    listener(scene(0))
    assert len(lines(clients[0], 1)) == 1
    for client in clients:
        client.close()


def test_what_waits_is_sent_before_the_end() -> None:
    with Listener(parse_address("tcp://127.0.0.1:0"), RECORD) as listener:
        client = connected(listener)
        listener(scene(7))

    assert json.loads(lines(client, 1)[0])["index"] == 7
    assert client.recv(1) == b""
    client.close()


def test_a_port_that_is_taken_is_one_line(listener: Listener) -> None:
    address = parse_address(f"tcp://127.0.0.1:{listener.port}")

    with pytest.raises(UnavailableError, match="choose another port"), Listener(address, RECORD):
        pytest.fail("two listen on one port")


def test_a_host_that_is_not_this_machine_is_one_line() -> None:
    address = parse_address("tcp://192.0.2.1:0")  # for documentation only, RFC 5737

    with pytest.raises(UnavailableError, match=r"192\.0\.2\.1"), Listener(address, RECORD):
        pytest.fail("we are somebody else")
