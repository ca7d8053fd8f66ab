"""WebSocket's server side, as far as a stream of texts needs it (RFC 6455).

Web pages of strangers can reach a port of this machine through the browser of whoever visits
them, and people's poses are nobody's business: a browser is let in only from pages that this
machine serves, or from an origin that was named. Programs send no origin and are let in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from urllib.parse import urlsplit

from app.sinks.listener import GoodbyeError

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_MOST_REQUEST = 8192
_MOST_MESSAGE = 1 << 16  # nobody has anything to tell us
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_NORMAL, _PROTOCOL_ERROR, _TOO_BIG = 1000, 1002, 1009  # section 7.4.1
_HOSTS_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class WebSocketTalk:
    """One client: a request, then frames.

    Args:
        origins: Further pages that may listen, as browsers name them: `https://example.com`.

    Attributes:
        ready: Whether the opening handshake is done.
        may_fall_silent: False: who leaves says so, or is gone.
    """

    may_fall_silent = False

    def __init__(self, origins: Collection[str] = ()) -> None:
        self.ready = False
        self._origins = origins
        self._heard = b""

    def received(self, content: bytes) -> bytes:
        """Answer the request, pings and the closing frame; other frames are not listened to.

        Raises:
            GoodbyeError: The client closes, is not let in, or does not speak WebSocket.
        """
        self._heard += content
        answer = b""
        if not self.ready:
            head, end, rest = self._heard.partition(b"\r\n\r\n")
            if not end:
                if len(head) > _MOST_REQUEST:
                    raise GoodbyeError("its request is too long", _refusal(400, "Bad Request"))
                return b""
            answer = _accepted(head, self._origins)
            self.ready, self._heard = True, rest
        return answer + self._answers()

    def framed(self, record: bytes) -> bytes:
        """One text frame (section 5.2)."""
        return _frame(_TEXT, record)

    def goodbye(self) -> bytes:
        """A closing frame."""
        return _frame(_CLOSE, _NORMAL.to_bytes(2, "big")) if self.ready else b""

    def _answers(self) -> bytes:
        answers = b""
        while (parsed := _parsed(self._heard)) is not None:
            kind, payload, self._heard = parsed
            if kind == _CLOSE:
                raise GoodbyeError("it said goodbye", answers + _frame(_CLOSE, payload[:2]))
            if kind == _PING:
                answers += _frame(_PONG, payload)
        return answers


def _accepted(head: bytes, origins: Collection[str]) -> bytes:
    """The answer to an opening request (section 4.2); GoodbyeError if it is not let in."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    origin = fields.get("origin")
    if origin is not None and origin not in origins and not _served_here(origin):
        raise GoodbyeError(
            f"pages of {origin} may not listen; if they should: ?origin={origin}",
            _refusal(403, "Forbidden"),
        )
    asks = (
        first.startswith("GET ")
        and "websocket" in fields.get("upgrade", "").lower()
        and "upgrade" in fields.get("connection", "").lower()
        and "sec-websocket-key" in fields
    )
    if not asks:
        raise GoodbyeError("it does not speak WebSocket", _refusal(400, "Bad Request"))
    if fields.get("sec-websocket-version") != "13":
        refusal = _refusal(426, "Upgrade Required", "Sec-WebSocket-Version: 13")
        raise GoodbyeError("it speaks another version of WebSocket", refusal)
    digest = hashlib.sha1(fields["sec-websocket-key"].encode() + _GUID).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def _served_here(origin: str) -> bool:
    # "null" is no origin of ours: any page can make one by a sandboxed frame.
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in _HOSTS_HERE


def _refusal(code: int, reason: str, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {code} {reason}", "Connection: close", "Content-Length: 0", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _frame(kind: int, payload: bytes) -> bytes:
    """A whole, unmasked frame (section 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes([size])
    elif size < 1 << 16:
        head = bytes([126]) + size.to_bytes(2, "big")
    else:
        head = bytes([127]) + size.to_bytes(8, "big")
    return bytes([0x80 | kind]) + head + payload


def _parsed(heard: bytes) -> tuple[int, bytes, bytes] | None:
    """The first whole frame of a client: its kind, its payload, what follows; None if not whole.

    Raises:
        GoodbyeError: Not masked as section 5.1 asks, or too large.
    """
    if len(heard) < 2:
        return None
    kind, size = heard[0] & 0x0F, heard[1] & 0x7F
    if not heard[1] & 0x80:
        code = _frame(_CLOSE, _PROTOCOL_ERROR.to_bytes(2, "big"))
        raise GoodbyeError("its frames are not masked", code)
    start = 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        if len(heard) < start + wide:
            return None
        size = int.from_bytes(heard[start : start + wide], "big")
        start += wide
    if size > _MOST_MESSAGE:
        code = _frame(_CLOSE, _TOO_BIG.to_bytes(2, "big"))
        raise GoodbyeError("it talks too much", code)
    if len(heard) < start + 4 + size:
        return None
    mask, coded = heard[start : start + 4], heard[start + 4 : start + 4 + size]
    payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(coded))
    return kind, payload, heard[start + 4 + size :]
