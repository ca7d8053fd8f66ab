"""A port where several clients may listen in: each gets every frame it has time for.

Sockets are never waited for. Each client has a short line of records of its own; where it reads
too slowly, the oldest of them are given up, the one that is half sent is finished. How records
are wrapped, and what a client must say first, is its `Talk`: plain lines, or WebSocket.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from typing_extensions import Self

from app.sinks.address import Address
from pose.errors import UnavailableError
from pose.types import Scene

_log = logging.getLogger(__name__)

BACKLOG = 8  # records that may wait for one client
MOST_CLIENTS = 16
_READ_BYTES = 1 << 16
_GOODBYE_S = 0.1
_INTRODUCTION_S = 10.0  # for what a client must say before it gets anything


class GoodbyeError(Exception):
    """A client is to be let go; its text says why, `answer` is what it is still told."""

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        super().__init__(reason)
        self.answer = answer


class Talk(Protocol):
    """How to speak with one client."""

    @property
    def ready(self) -> bool:
        """Whether records may be sent yet."""
        ...

    @property
    def may_fall_silent(self) -> bool:
        """Whether a client that says no more, ever, may go on listening."""
        ...

    def received(self, content: bytes) -> bytes:
        """Take what the client said; the answer goes out at once. GoodbyeError ends it."""
        ...

    def framed(self, record: bytes) -> bytes:
        """A record as it goes over the wire."""
        ...

    def goodbye(self) -> bytes:
        """What to say at the end."""
        ...


class PlainLines:
    """Records as lines; what the client says is not listened to."""

    ready = True
    may_fall_silent = True

    def received(self, content: bytes) -> bytes:
        """Nothing to answer."""
        return b""

    def framed(self, record: bytes) -> bytes:
        """The record and a line feed."""
        return record + b"\n"

    def goodbye(self) -> bytes:
        """The end of the connection says it."""
        return b""


class Listener:
    """Accepts clients and sends each scene's record to all of them.

    Args:
        address: Where to listen; port 0 takes a free one.
        record: Makes a line of a scene.
        talk: Made anew for each client.

    Attributes:
        port: Where it listens, once entered.

    Raises:
        UnavailableError: On entering: the port is taken, or the host is not this machine.
    """

    tick_s = 0.02

    def __init__(
        self,
        address: Address,
        record: Callable[[Scene], bytes],
        talk: Callable[[], Talk] = PlainLines,
    ) -> None:
        self._address, self._record, self._talk = address, record, talk
        self._clients: list[_Client] = []
        self._told_full = False
        self.port = address.port

    def __enter__(self) -> Self:
        try:
            place = socket.getaddrinfo(
                self._address.host, self._address.port, type=socket.SOCK_STREAM
            )[0]
            self._door = socket.create_server(place[4], family=place[0], backlog=MOST_CLIENTS)
        except (OSError, UnicodeError) as error:
            raise UnavailableError(
                f"{self._address}: expected a free port of this machine, got: "
                f"{getattr(error, 'strerror', None) or error}; choose another port"
            ) from error
        self._door.setblocking(False)
        self.port = self._door.getsockname()[1]
        _log.info("%s waits for clients on port %d", self._address, self.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._door.close()
        for client in self._clients:
            client.close()

    def __call__(self, scene: Scene) -> None:
        """Send the scene to everyone who is ready for it."""
        self._accept()
        ready = [client for client in self._clients if client.talk.ready]
        if ready:
            record = self._record(scene)
            for client in ready:
                client.put(record)
        self.attend()

    def attend(self) -> None:
        """Let new clients in, read and answer, send what waits, let old ones go."""
        self._accept()
        for client in list(self._clients):
            try:
                client.turn()
            except GoodbyeError as end:
                _log.info("%s: %s has left: %s", self._address, client.name, end)
                client.close(end.answer)
                self._clients.remove(client)

    def _accept(self) -> None:
        while True:
            try:
                connection, place = self._door.accept()
            except OSError:  # nobody at the door, or gone again
                return
            name = f"{place[0]} port {place[1]}"
            if len(self._clients) == MOST_CLIENTS:
                if not self._told_full:
                    _log.warning(
                        "%s: no more than %d clients; %s is turned away",
                        *(self._address, MOST_CLIENTS, name),
                    )
                self._told_full = True
                connection.close()
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._clients.append(_Client(name, connection, self._talk()))
            _log.info("%s: %s has come", self._address, name)


class _Client:
    """One connection and what is still to be sent over it."""

    def __init__(self, name: str, connection: socket.socket, talk: Talk) -> None:
        self.name, self.talk = name, talk
        self._connection = connection
        self._now = b""  # on its way; must be finished before anything else
        self._records: deque[bytes] = deque()
        self._slow = self._silent = False
        self._came_s = time.monotonic()

    def put(self, record: bytes) -> None:
        """Add a record to what is to be sent; the oldest one goes if there are too many."""
        if len(self._records) == BACKLOG:
            self._records.popleft()
            if not self._slow:
                _log.warning("%s reads too slowly; frames are left out for it", self.name)
            self._slow = True
        self._records.append(record)

    def turn(self) -> None:
        """Read, answer, write, as far as it goes without waiting; GoodbyeError at the end."""
        try:
            self._read()
            self._write()
        except BlockingIOError:
            return
        except OSError as error:
            raise GoodbyeError(error.strerror or str(error)) from error
        finally:
            if not self.talk.ready and time.monotonic() - self._came_s > _INTRODUCTION_S:
                raise GoodbyeError("it does not say what it wants")

    def close(self, last: bytes = b"") -> None:
        """Say goodbye, within a moment, and hang up."""
        try:
            self._connection.settimeout(_GOODBYE_S)
            rest = b"".join(self.talk.framed(record) for record in self._records)
            self._connection.sendall(self._now + (last or rest + self.talk.goodbye()))
        except OSError:
            pass
        finally:
            self._connection.close()

    def _read(self) -> None:
        if self._silent:
            return
        try:
            content = self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not content and not self.talk.may_fall_silent:
            raise GoodbyeError("it hung up")
        self._silent = not content  # one that is gone refuses what is sent
        self._now += self.talk.received(content)

    def _write(self) -> None:
        while True:
            if not self._now:
                if not self._records:
                    return
                self._now = self.talk.framed(self._records.popleft())
            self._now = self._now[self._connection.send(self._now) :]
