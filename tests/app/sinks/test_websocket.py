"""WebSocket, against the client of the package `websockets` and against bad bytes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.pipeline.courier import Courier
from app.sinks.address import parse_address
from app.sinks.listener import GoodbyeError, Listener
from app.sinks.stream_record import StreamRecord
from app.sinks.websocket import WebSocketTalk
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app.sinks.scenes import scene

PATIENCE_S = 10.0
REQUEST = (
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.fixture
def port() -> Iterator[tuple[Courier[Scene], int]]:
    listener = Listener(
        parse_address("ws://127.0.0.1:0"),
        StreamRecord(COCO_17),
        lambda: WebSocketTalk(["https://friend.example"]),
    )
    with Courier("ws", listener) as courier:
        yield courier, listener.port


def client_of(port: int, **options: Any) -> Any:
    websockets = pytest.importorskip("websockets.sync.client", reason="needs .[test]")
    return websockets.connect(f"ws://127.0.0.1:{port}", open_timeout=PATIENCE_S, **options)


def test_a_client_gets_frames_as_text_and_its_ping_is_answered(
    port: tuple[Courier[Scene], int],
) -> None:
    put, number = port
    with client_of(number) as client:
        for index, count in ((0, 0), (1, 2), (2, 100)):  # lengths of all three forms
            put(scene(index, count=count))
            text = client.recv(timeout=PATIENCE_S)
            assert isinstance(text, str)
            record = json.loads(text)
            assert (record["index"], len(record["people"])) == (index, count)
        assert client.ping(b"there?").wait(PATIENCE_S)
        client.send("I talk too")
        put(scene(3))
        assert json.loads(client.recv(timeout=PATIENCE_S))["index"] == 3


def test_the_end_of_the_run_is_a_proper_goodbye() -> None:
    exceptions = pytest.importorskip("websockets.exceptions", reason="needs .[test]")
    listener = Listener(parse_address("ws://127.0.0.1:0"), StreamRecord(COCO_17), WebSocketTalk)
    with Courier("ws", listener):
        client = client_of(listener.port).__enter__()

    with pytest.raises(exceptions.ConnectionClosedOK):
        client.recv(timeout=PATIENCE_S)
    client.close()


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        (None, True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8000", True),
        ("https://friend.example", True),
        ("https://stranger.example", False),
        ("http://localhost.stranger.example", False),
        ("null", False),
        ("file://", False),
        ("http://[", False),
    ],
)
def test_pages_of_strangers_may_not_listen(
    port: tuple[Courier[Scene], int], origin: str | None, let_in: bool
) -> None:
    exceptions = pytest.importorskip("websockets.exceptions", reason="needs .[test]")
    _, number = port
    if let_in:
        with client_of(number, origin=origin):
            return
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        client_of(number, origin=origin).__enter__()


def test_the_answer_is_the_one_of_the_standard() -> None:
    """RFC 6455, section 1.3."""
    answer = WebSocketTalk().received(f"{REQUEST}\r\n".encode())

    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer


def test_a_request_may_come_byte_by_byte() -> None:
    talk = WebSocketTalk()

    answers = [talk.received(bytes([byte])) for byte in f"{REQUEST}\r\n".encode()]

    assert b"".join(answers[:-1]) == b""
    assert answers[-1].startswith(b"HTTP/1.1 101")
    assert talk.ready


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400"),
        (b"\xff\xfe\x00" * 10_000, b"HTTP/1.1 400"),
        (REQUEST.replace("13", "8").encode() + b"\r\n", b"HTTP/1.1 426"),
    ],
)
def test_who_does_not_speak_it_is_told_so(said: bytes, answer: bytes) -> None:
    with pytest.raises(GoodbyeError) as caught:
        WebSocketTalk().received(said)

    assert caught.value.answer.startswith(answer)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009),
    ],
)
def test_bad_frames_end_the_talk_with_their_code(frame: bytes, code: int) -> None:
    talk = WebSocketTalk()
    talk.received(f"{REQUEST}\r\n".encode())

    with pytest.raises(GoodbyeError) as caught:
        talk.received(frame)

    assert caught.value.answer == b"\x88\x02" + code.to_bytes(2, "big")


def test_a_browser_that_is_refused_hears_why(port: tuple[Courier[Scene], int]) -> None:
    with socket.create_connection(("127.0.0.1", port[1]), PATIENCE_S) as client:
        client.sendall(f"{REQUEST}Origin: https://stranger.example\r\n\r\n".encode())

        with client.makefile("rb") as file:
            assert file.readline() == b"HTTP/1.1 403 Forbidden\r\n"
