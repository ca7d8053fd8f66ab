"""Where a sender sends to, or listens: `udp://127.0.0.1:9000`, `ws://:8765?origin=https://a.b`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from pose.errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """One address, taken apart.

    Attributes:
        scheme: Key in `app.sinks.sender.SENDERS`.
        host: Name or number; this machine's loopback where none was given.
        port: 0 where none was given.
        path: What follows, without the question mark's part: a device, for some senders.
        options: What stands behind the question mark.
    """

    scheme: str
    host: str = LOOPBACK
    port: int = 0
    path: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.port:
            return self.scheme + (f"://{self.path}" if self.path else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """Take an address apart; `stdout` and `stdout://` are the same.

    Raises:
        UsageError: It is no address.
    """
    try:
        parts = urlsplit(text if "://" in text else f"{text}://")
        port = parts.port
    except ValueError as error:
        raise UsageError(
            f"expected an address such as udp://127.0.0.1:9000, got {text!r}: {error}"
        ) from error
    if parts.username or parts.password:
        raise UsageError(f"{text}: a user or password cannot be sent; leave it out")
    return Address(
        parts.scheme,
        parts.hostname or LOOPBACK,
        port or 0,
        parts.path,
        dict(parse_qsl(parts.query)),
    )
