"""Datagrams to one address: sent or given up at once, whoever listens there or not."""

from __future__ import annotations

import errno
import logging
import socket
from types import TracebackType

from typing_extensions import Self

from app.sinks.address import Address
from pose.errors import UnavailableError

_log = logging.getLogger(__name__)

# An absent receiver on the same machine refuses every second datagram, the one in between is lost
# in silence: two that went out in a row are somebody.
_BACK_AFTER = 2


class Datagrams:
    """A UDP socket that sends to one place and never waits.

    Trouble is told in one line when it begins and in one line when it is over.

    Args:
        address: Where to.

    Raises:
        UnavailableError: On entering: the host's name means nothing.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._in_a_row = _BACK_AFTER
        self._too_long = False

    def __enter__(self) -> Self:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self._address.host, self._address.port, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:
            raise UnavailableError(
                f"{self._address}: expected the name of a machine, got: {error}"
            ) from error
        self._socket.setblocking(False)
        try:
            self._socket.connect(place)  # else nobody would say that nobody is there
        except OSError as error:
            self._socket.close()
            raise UnavailableError(f"{self._address} cannot be sent to: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, datagram: bytes) -> bool:
        """Send one datagram; False if it was given up."""
        try:
            self._socket.send(datagram)
        except BlockingIOError:  # the system's buffer is full: newer ones will follow
            return False
        except OSError as error:
            self._tell(error, len(datagram))
            return False
        self._in_a_row += 1
        if self._in_a_row == _BACK_AFTER:
            _log.info("%s is there", self._address)
        return True

    def _tell(self, error: OSError, size: int) -> None:
        if error.errno == errno.EMSGSIZE:
            if not self._too_long:
                _log.warning(
                    "%s: %d bytes do not fit into a datagram; such frames are left out, tcp "
                    "takes them",
                    *(self._address, size),
                )
            self._too_long = True
            return
        if self._in_a_row >= _BACK_AFTER:
            _log.warning("%s: nobody takes it (%s); still trying", self._address, error.strerror)
        self._in_a_row = 0
