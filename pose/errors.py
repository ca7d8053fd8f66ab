"""The one tree of errors, and the exit code that each leaves behind.

    PoseAppError
    ├── UsageError        2   the command line or the configuration is wrong
    ├── InputError       65   the data that came in cannot be used
    │   └── ModelFileError    a network file or its card cannot be used
    ├── UnavailableError 69   a GPU, a camera or a package is not here
    │   └── EngineError       a backend cannot run this network on this machine
    └── OutputError      74   a result could not be written

Everything else is a bug: it shows its traceback and exits with 70. Ctrl-C exits with 130.
A message is one line that says what was expected, what came, and what to do.
"""

from __future__ import annotations

import re
from typing import ClassVar

EXIT_BUG = 70
EXIT_INTERRUPTED = 130

# A password typed by hand may hold "/", ":" and "@" unescaped: with a colon, all up to the last @.
_LOGIN_IN_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^/\s:]*:\S*@|[^/\s]*@)")
_SECRET_IN_QUERY = re.compile(
    r"(?P<key>[?&;](?:user|username|usr|login|pass|password|passwd|pwd|token|auth|key|api_?key|secret)=)"
    r"[^&;#\s'\"]+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """Hide user and password of every URL in a text: `rtsp://***@host/path?password=***`."""
    return _SECRET_IN_QUERY.sub(r"\g<key>***", _LOGIN_IN_URL.sub(r"\g<scheme>***@", text))


class PoseAppError(Exception):
    """A mistake that the user can mend; shown as one line, never as a traceback."""

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, message: str) -> None:
        super().__init__(masked(" ".join(message.split())))


class UsageError(PoseAppError):
    """The command line or the configuration is wrong."""

    exit_code: ClassVar[int] = 2


class InputError(PoseAppError):
    """The data that came in cannot be used."""

    exit_code: ClassVar[int] = 65


class ModelFileError(InputError):
    """A network file or its card cannot be used."""


class UnavailableError(PoseAppError):
    """Something that the work needs is not on this machine."""

    exit_code: ClassVar[int] = 69


class EngineError(UnavailableError):
    """A backend cannot run this network on this machine."""


class OutputError(PoseAppError):
    """A result could not be written."""

    exit_code: ClassVar[int] = 74
