"""The table of senders: every row opens, sends and closes; what cannot be meant is refused."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from pathlib import Path

import pytest

from app.pipeline.stuck import left_behind
from app.sinks.sender import (
    SENDERS,
    check_senders,
    open_sender,
    takes_stdout,
    wants_drawings,
)
from app.sinks.stream_record import VERSION, StreamRecord
from pose.errors import PoseAppError, UnavailableError, UsageError
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

DOCUMENT = Path(__file__).parents[3] / "docs" / "streams.md"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("scheme", [name for name in SENDERS if name != "camera"])
def test_every_sender_works_with_nobody_there(
    scheme: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = SENDERS[scheme]
    text = f"{scheme}://127.0.0.1:{free_port()}" if kind.has_port else scheme

    with open_sender(text, COCO_17, "test") as send:
        for index, count in enumerate((0, 2, 1)):
            send(scene(index, count=count))

    assert left_behind() == []
    out = capfd.readouterr().out
    assert [json.loads(line)["index"] for line in out.splitlines()] == (
        [0, 1, 2] if scheme == "stdout" else []
    )


@pytest.mark.parametrize("scheme", SENDERS)
def test_every_example_can_be_meant(scheme: str) -> None:
    check_senders([SENDERS[scheme].example])

    assert SENDERS[scheme].example.split(":")[0] == scheme
    assert SENDERS[scheme].example in DOCUMENT.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected an address such as stdout, tcp://127.0.0.1:9001"),
        ("ftp://127.0.0.1:21", "expected an address such as"),
        ("tcp", "expected a port, as in tcp://127.0.0.1:9001"),
        ("tcp://127.0.0.1:99999", "Port out of range"),
        ("tcp://0.0.0.0:9001", "add --expose"),
        ("ws://[::]:9001", "add --expose"),
        ("ws://192.0.2.7:9001", "add --expose"),
        ("ws://127.0.0.1:9001?orgin=x", "unknown option orgin; ws has origin"),
        ("udp://127.0.0.1:9001?origin=x", "udp has none"),
        ("tcp://me:secret@127.0.0.1:9001", "leave it out"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        open_sender(text, COCO_17)

    assert "secret" not in str(caught.value)


def test_the_network_is_let_in_only_when_asked() -> None:
    open_sender("tcp://0.0.0.0:9001", COCO_17, expose=True)
    for text in ("tcp://:9001", "ws://localhost:9001", "ws://[::1]:9001"):
        open_sender(text, COCO_17)


def test_an_address_that_is_given_twice_is_a_mistake() -> None:
    check_senders([])
    check_senders(["udp://127.0.0.1:1", "udp://127.0.0.1:2"])
    with pytest.raises(UsageError, match="once"):
        check_senders(["stdout", "stdout://"])


def test_who_needs_pictures_and_who_takes_standard_output() -> None:
    assert not wants_drawings([]) and not takes_stdout([])
    assert wants_drawings(["udp://127.0.0.1:1", "camera:///dev/video10"])
    assert takes_stdout(["stdout://"]) and not takes_stdout(["tcp://:1"])


def test_a_port_that_is_taken_is_told_before_the_first_frame() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(UnavailableError, match="choose another port"),
            open_sender(f"ws://127.0.0.1:{port}", COCO_17),
        ):
            pytest.fail("it was opened")


def test_the_virtual_camera_names_what_it_lacks() -> None:
    """Its package, or its driver: neither CI nor the machine of the authors has both."""
    try:
        with open_sender("camera", COCO_17) as send:
            send(scene(0))
    except PoseAppError as error:
        assert error.exit_code == 69
        installed = importlib.util.find_spec("pyvirtualcam") is not None
        assert ("v4l2loopback" if installed else "virtual-camera") in str(error)
    else:
        pytest.skip("this machine has a virtual camera, and it took the picture")


def test_the_record_is_what_the_document_says() -> None:
    """Each field of a frame and of a person has a row, and each row is a field."""
    record = json.loads(StreamRecord(COCO_17, "test", clock=lambda: 12.25)(scene(1, count=1)))
    text = DOCUMENT.read_text("utf-8").partition("## The record")[2].partition("\n## ")[0]

    fields = set(record) | {f"people[].{name}" for name in record["people"][0]}
    assert fields == set(re.findall(r"^\| `([\w.\[\]]+)`", text, re.MULTILINE))
    assert (record["type"], record["version"], record["sent_s"]) == ("frame", VERSION, 12.25)
    assert record["source"] == "test"
