"""Datagrams: they arrive, or are given up at once, and trouble is told once."""

from __future__ import annotations

import json
import logging
import socket

import pytest

from app.sinks.address import parse_address
from app.sinks.stream_record import StreamRecord
from app.sinks.udp import UdpSender
from pose.errors import UnavailableError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

RECORD = StreamRecord(COCO_17, "test")


def test_each_frame_is_one_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        with UdpSender(parse_address(f"udp://127.0.0.1:{ear.getsockname()[1]}"), RECORD) as send:
            for index, count in enumerate((0, 2)):
                send(scene(index, count=count))
        got = [json.loads(ear.recv(65536)) for _ in range(2)]

    assert [(each["index"], len(each["people"])) for each in got] == [(0, 0), (1, 2)]


def test_a_receiver_that_goes_and_comes_back_is_two_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", 0))
    place = ear.getsockname()
    with UdpSender(parse_address(f"udp://127.0.0.1:{place[1]}"), RECORD) as send:
        send(scene(0))
        ear.close()
        for index in range(1, 9):
            send(scene(index))
        assert [record.getMessage().split(": ")[-1] for record in caplog.records] == [
            "nobody takes it (Connection refused); still trying"
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(place)
            again.settimeout(10)
            for index in range(9, 13):
                send(scene(index))
            assert json.loads(again.recv(65536))["index"] in (9, 10)

    assert len(caplog.records) == 2
    assert caplog.records[-1].getMessage().endswith("is there")


def test_a_frame_that_does_not_fit_is_left_out_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        with UdpSender(parse_address(f"udp://127.0.0.1:{ear.getsockname()[1]}"), RECORD) as send:
            send(scene(0, count=300))
            send(scene(1, count=300))
            send(scene(2))
        assert json.loads(ear.recv(65536))["index"] == 2

    assert len(caplog.records) == 1
    assert "do not fit into a datagram" in caplog.text


def test_a_name_that_means_nothing_is_one_line() -> None:
    sender = UdpSender(parse_address("udp://no-such-machine.invalid:9000"), RECORD)

    with pytest.raises(UnavailableError, match=r"no-such-machine\.invalid"), sender:
        pytest.fail("it was found")
