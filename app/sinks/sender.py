"""Senders: where scenes go to other programs while they happen. The table and how to open one.

Each works in a courier's thread: a slow reader, an absent one, or one that comes and goes costs
the pipeline nothing. docs/streams.md says what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.pipeline.courier import Courier, Receiver
from app.sinks.address import Address, parse_address
from app.sinks.listener import Listener
from app.sinks.osc import OscSender
from app.sinks.stdout_lines import StdoutLines
from app.sinks.stream_record import StreamRecord
from app.sinks.udp import UdpSender
from app.sinks.websocket import WebSocketTalk
from pose.errors import UnavailableError, UsageError
from pose.skeleton import Skeleton
from pose.types import Scene

STDOUT = "stdout"

Make = Callable[[Address, Skeleton, StreamRecord], Receiver[Scene]]


@dataclass(frozen=True, slots=True)
class SenderKind:
    """One row of `SENDERS`.

    Attributes:
        example: An address to begin with.
        purpose: What it does, for people.
        make: Makes the receiver; UnavailableError if a package is missing.
        has_port: Whether its address needs a port.
        listens: Whether it waits for others to come, instead of going to them.
        drawn: Whether it wants pictures with skeletons.
        options: What may stand behind the question mark of its address.
        backlog: Scenes that may wait for it.
    """

    example: str
    purpose: str
    make: Make
    has_port: bool = True
    listens: bool = False
    drawn: bool = False
    options: tuple[str, ...] = ()
    backlog: int = 8


def _web_socket(address: Address, skeleton: Skeleton, record: StreamRecord) -> Listener:
    origins = address.options.get("origin", "").split()
    return Listener(address, record, lambda: WebSocketTalk(origins))


def _virtual_camera(address: Address, skeleton: Skeleton, record: StreamRecord) -> Receiver[Scene]:
    try:
        from app.sinks.virtual_camera import VirtualCamera
    except ImportError as error:
        raise UnavailableError(
            f"{address} needs the package pyvirtualcam, which is under the GPL version 2; run: "
            "pip install -e '.[virtual-camera]'"
        ) from error
    return VirtualCamera(address)


SENDERS: Mapping[str, SenderKind] = {
    STDOUT: SenderKind(
        "stdout",
        "one line of JSON a frame on standard output",
        lambda address, skeleton, record: StdoutLines(record),
        has_port=False,
    ),
    "tcp": SenderKind(
        "tcp://127.0.0.1:9001",
        "one line of JSON a frame to every client that connects",
        lambda address, skeleton, record: Listener(address, record),
        listens=True,
    ),
    "ws": SenderKind(
        "ws://127.0.0.1:8765",
        "one message of JSON a frame to every WebSocket client, web pages included",
        _web_socket,
        listens=True,
        options=("origin",),
    ),
    "udp": SenderKind(
        "udp://127.0.0.1:9000",
        "one datagram of JSON a frame to one address",
        lambda address, skeleton, record: UdpSender(address, record),
    ),
    "osc": SenderKind(
        "osc://127.0.0.1:9002",
        "Open Sound Control to one address: Max, Pure Data, TouchDesigner, Processing",
        lambda address, skeleton, record: OscSender(address, skeleton),
    ),
    "camera": SenderKind(
        "camera",
        "the annotated picture as a camera for video calls (needs a virtual camera's driver)",
        _virtual_camera,
        has_port=False,
        drawn=True,
        backlog=1,
    ),
}


def open_sender(
    text: str, skeleton: Skeleton, source: str = "", *, expose: bool = False
) -> Courier[Scene]:
    """The sender for an address, as a sink; nothing is opened before `with`.

    Args:
        text: An address as in `SENDERS`.
        skeleton: What the keypoints of the scenes are.
        source: What the frames are of; told to whoever listens.
        expose: Let it listen where other machines can reach it.

    Returns:
        A sink that never makes the pipeline wait.

    Raises:
        UsageError: No such sender, no port, an unknown option, or it would listen to the network
            unasked.
        UnavailableError: A package is missing; on entering: the port is taken.
    """
    address, kind = _looked_up(text)
    if kind.listens and not address.is_loopback and not expose:
        raise UsageError(
            f"{address} would let other machines watch; add --expose if that is meant, or take "
            f"{kind.example}"
        )
    receiver = kind.make(address, skeleton, StreamRecord(skeleton, source))
    return Courier(str(address), receiver, kind.backlog)


def check_senders(texts: Iterable[str]) -> None:
    """Refuse what cannot be meant, before anything starts; UsageError as in `open_sender`."""
    known = [str(_looked_up(text)[0]) for text in texts]
    for address in known:
        if known.count(address) > 1:
            raise UsageError(f"expected each address once, got {address} twice")


def wants_drawings(texts: Iterable[str]) -> bool:
    """Whether one of these senders shows pictures."""
    return any(_looked_up(text)[1].drawn for text in texts)


def takes_stdout(texts: Iterable[str]) -> bool:
    """Whether one of these senders writes to standard output, which then is for a program."""
    return any(_looked_up(text)[0].scheme == STDOUT for text in texts)


def _looked_up(text: str) -> tuple[Address, SenderKind]:
    address = parse_address(text)
    kind = SENDERS.get(address.scheme)
    if kind is None:
        examples = ", ".join(each.example for each in SENDERS.values())
        raise UsageError(f"expected an address such as {examples}; got {text!r}")
    if kind.has_port and not address.port:
        raise UsageError(f"expected a port, as in {kind.example}; got {text!r}")
    unknown = sorted(set(address.options) - set(kind.options))
    if unknown:
        known = ", ".join(kind.options) or "none"
        raise UsageError(f"{text}: unknown option {unknown[0]}; {address.scheme} has {known}")
    return address, kind
