"""Network streams, through FFmpeg: RTSP cameras, RTMP, SRT, UDP and HTTP.

Reads are bounded by time-outs, so a server that stops answering is noticed; over RTSP FFmpeg
takes about twice the time given. Credentials never leave this file unmasked: FFmpeg's own error
texts repeat the whole address.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import av

from app.sources.decoding import ODD_NAMES
from app.sources.live import EndOfStreamError, Live, Watchdog
from app.sources.upright import Upright
from pose.errors import UnavailableError, masked
from pose.types import ByteArray

SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp", "http", "https"})

_OPEN_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 1.0
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_USER_INFO = re.compile(r"://(?P<user>[^:]*)(:(?P<password>.*))?@", re.DOTALL)
# Shorter ones are part of any text; hiding them there would hide nothing but the text.
_SHORTEST_SECRET = 3
_DECODE_ERRORS = (av.FFmpegError, ValueError)


def is_network(text: str) -> bool:
    """Whether a text is the address of a stream that can be opened here."""
    match = _URL.match(text)
    return match is not None and match["scheme"].lower() in SCHEMES


def open_network(
    url: str,
    watchdog: Watchdog | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
) -> Live:
    """A network stream as a source; it is opened on entering.

    Args:
        url: As `is_network` takes it; may hold a user and a password.
        watchdog: When it counts as lost.
        clock, pause: See `Live`.
    """
    return Live(_address(url), lambda: _Stream(url), watchdog, clock, pause)


def without_secrets(text: str, url: str) -> str:
    """Mask in a text every user and password, and those of one address wherever they stand.

    Args:
        text: For instance an error message of a library.
        url: The address whose credentials must not be shown, even torn out of it.
    """
    found = _USER_INFO.search(url)
    text = masked(text.replace(url, _address(url)))
    if found is not None and found["password"]:
        for secret in (found["password"], unquote(found["password"])):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
    return text


def _address(url: str) -> str:
    """A stream's address without credentials, also where they hold spaces or signs."""
    return masked(_USER_INFO.sub("://***@", url))


def _reason(error: Exception, timeout_s: float) -> str:
    if isinstance(error, av.error.ExitError):  # FFmpeg's word for a time-out of ours
        return f"no answer for {timeout_s:g} s"
    return str(getattr(error, "strerror", None) or error)


class _Stream:
    """An open network stream."""

    def __init__(self, url: str) -> None:
        self._url = url
        options = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
        try:
            self._container = av.open(
                url,
                timeout=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S),
                options=options | {"fflags": "nobuffer", "analyzeduration": "2000000"},
                **ODD_NAMES,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unavailable(
                _reason(error, _OPEN_TIMEOUT_S)
            ) from None  # it shows the address
        if not self._container.streams.video:
            self._container.close()
            raise self._unavailable("a stream without pictures")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "SLICE"  # frame threads would hold pictures back
        self._upright = Upright()
        self._ends = bool(self._container.duration)
        self._pictures = self._decoded()

    @property
    def fps(self) -> float | None:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else None

    def read(self) -> ByteArray | None:
        try:
            return next(self._pictures)
        except StopIteration:
            raise ConnectionError("the stream broke off") from None
        except (av.FFmpegError, OSError, IndexError) as error:
            said = without_secrets(_reason(error, _READ_TIMEOUT_S), self._url)
            raise ConnectionError(said) from None

    def release(self) -> None:
        self._container.close()

    def _decoded(self) -> Iterator[ByteArray]:
        for packet in self._container.demux(self._stream):
            try:
                for decoded in packet.decode():
                    yield self._upright(decoded, self._stream.sample_aspect_ratio)
            except _DECODE_ERRORS:  # a lost packet; the next key frame mends it
                continue
        if self._ends:
            raise EndOfStreamError

    def _unavailable(self, got: str) -> UnavailableError:
        return UnavailableError(
            f"{_address(self._url)}: expected a video stream, got "
            f"{without_secrets(got, self._url)}; check the address, the password and the network"
        )
