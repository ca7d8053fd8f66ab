"""Network streams: passwords stay hidden, a stalled server is noticed, the link comes back."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.live import LinkState
from app.sources.rtsp import is_network, open_network, without_secrets
from pose.errors import UnavailableError
from tests.app.sources.clips import ClipMaker, moving_pictures


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), ("clip.mp4", False), ("rtsp://host/a", True), ("RTSPS://host", True),
     ("http://host/a.mjpg", True), ("file:///etc/passwd", False), ("ftp://host/a.mp4", False)],
)  # fmt: skip
def test_what_names_a_stream(text: str, expected: bool) -> None:
    assert is_network(text) is expected


def closed_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp", "rtmp"])
@pytest.mark.parametrize("password", ["sesame", "se/sa@me", "ses%40ame", "se sa:me"])
def test_a_refused_link_hides_the_password(
    scheme: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{scheme}://ali:{password}@127.0.0.1:{closed_port()}/cave"

    with caplog.at_level(logging.DEBUG), pytest.raises(UnavailableError) as caught:
        source = open_network(url)
        source.__enter__()

    said = f"{caught.value} {source.name} {caplog.text} {caught.value.__cause__}"
    assert password not in said and "sesame" not in said and "se sa" not in said
    assert str(caught.value).startswith(f"{scheme}://***@127.0.0.1")


SECRETS = st.text("abcXYZ019@:/%!$&+ ", min_size=1, max_size=12).map(lambda text: f"Q{text}Q")


@given(user=SECRETS, password=SECRETS)
def test_no_password_survives_masking(user: str, password: str) -> None:
    url = f"rtsp://{user.replace(':', '')}:{password}@camera.local/stream"

    said = without_secrets(f"Connection refused: '{url}' ({password})", url)

    assert password not in said


@contextmanager
def server(*links: bytes, hangs_up: bool) -> Iterator[str]:
    """A TCP server: on each link in turn it sends some bytes, then hangs up or falls silent."""

    def serve() -> None:
        with ExitStack() as silent, suppress(OSError):  # whoever is served may leave first
            for sent in links:
                link = silent.enter_context(listener.accept()[0])
                link.settimeout(20)
                link.sendall(sent)
                if hangs_up:
                    link.close()
            done.wait(20)

    done = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join(30)


@pytest.mark.parametrize("hangs_up", [True, False], ids=["hung up", "fell silent"])
def test_a_lost_link_comes_back(
    clip: ClipMaker, hangs_up: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stream = clip("a.ts", moving_pictures(150, (160, 120))).read_bytes()
    with server(stream, stream, hangs_up=hangs_up) as url:
        source = open_network(url)
        with source, caplog.at_level(logging.WARNING):
            frames = []
            for frame in source:
                frames.append(frame)
                if source.losses:
                    break
            assert source.state is LinkState.LIVE
            assert source.size_wh == (160, 120)

    away_s = max(b.time_s - a.time_s for a, b in pairwise(frames))
    assert len(frames) > 100
    assert away_s < 10.0  # 1.3 s on a machine with nothing else to do
    assert hangs_up or away_s >= 1.0
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert "is lost" in caplog.text and "is back" in caplog.text


def test_a_stream_without_pictures_is_refused() -> None:
    with server(b"this is no video " * 4000, hangs_up=True) as url:
        with pytest.raises(UnavailableError, match="expected a video stream"):
            open_network(url).__enter__()
