"""UDP: one datagram for every frame, the same object as a line of the other senders."""

from __future__ import annotations

import math
from types import TracebackType

from typing_extensions import Self

from app.sinks.address import Address
from app.sinks.datagrams import Datagrams
from app.sinks.stream_record import StreamRecord
from pose.types import Scene


class UdpSender:
    """Sends each record to one address, and forgets it."""

    tick_s = math.inf

    def __init__(self, address: Address, record: StreamRecord) -> None:
        self._datagrams, self._record = Datagrams(address), record

    def __enter__(self) -> Self:
        self._datagrams.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._datagrams.__exit__(kind, error, trace)

    def __call__(self, scene: Scene) -> None:
        """Send the scene's record."""
        self._datagrams.send(self._record(scene))

    def attend(self) -> None:
        """Nobody to look after."""
