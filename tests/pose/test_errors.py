"""The tree of errors: exit codes, one line each, and no secret in any."""

from __future__ import annotations

import pytest

from pose.errors import (
    EngineError,
    InputError,
    ModelFileError,
    OutputError,
    PoseAppError,
    UnavailableError,
    UsageError,
    masked,
)


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (PoseAppError, 70),
        (UsageError, 2),
        (InputError, 65),
        (ModelFileError, 65),
        (UnavailableError, 69),
        (EngineError, 69),
        (OutputError, 74),
    ],
)
def test_every_error_leaves_its_exit_code(kind: type[PoseAppError], exit_code: int) -> None:
    assert kind("no").exit_code == exit_code


def test_an_error_is_one_line() -> None:
    assert str(InputError("a.mp4:\n  expected a video,\n\tgot text")) == (
        "a.mp4: expected a video, got text"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("rtsp://host/path", "rtsp://host/path"),
        ("http://host:8080/path?x=1", "http://host:8080/path?x=1"),
        ("mail me@home.org", "mail me@home.org"),
        ("rtsp://user:pw@host:554/a b", "rtsp://***@host:554/a b"),
        ("rtsp://token@host/a", "rtsp://***@host/a"),
        ("rtsp://user:p@ss@host/a", "rtsp://***@host/a"),
        ("rtsp://user:p/a?s#s@host/a", "rtsp://***@host/a"),
        ("rtsp://us:er:p:w@host", "rtsp://***@host"),
        ("rtsp://a:b@c and RTSPS://d:e@f", "rtsp://***@c and RTSPS://***@f"),
        ("http://host/v.cgi?user=me&pwd=pw1&res=hd", "http://host/v.cgi?user=***&pwd=***&res=hd"),
        ("http://host/v?Password=pw1: refused", "http://host/v?Password=*** refused"),
        ("'http://host/v?token=pw1'", "'http://host/v?token=***'"),
    ],
)
def test_passwords_in_urls_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert str(InputError(text)) == expected
