"""TensorRT as a module: loaded only behind a driver, and its own words kept for our errors.

`tensorrt` and `tensorrt_rtx` have the same names inside; nobody else imports either.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from engines.cuda_driver import probe
from pose.errors import EngineError

_log = logging.getLogger(__name__)

# module -> what installs it
TENSORRTS: Mapping[str, str] = {
    "tensorrt": "pip install -e '.[trt]' (on a Jetson: apt install python3-libnvinfer)",
    "tensorrt_rtx": "pip install -e '.[rtx]'",
}
_KEPT_LINES = 20
_TOLD_LINES = 3
_OUT_OF_MEMORY = (
    "out of memory",
    "outofmemory",
    "cudaerrormemoryallocation",
    "insufficient memory",
)

_heard = threading.local()  # .lines: what TensorRT said in this thread
_loggers: dict[str, Any] = {}  # TensorRT keeps the address of the first it gets, for ever
_lock = threading.Lock()


def load(backend: str, needs_driver: bool = True) -> Any:
    """Import TensorRT.

    Args:
        backend: `tensorrt` or `tensorrt_rtx`.
        needs_driver: Look for a GPU first; False only for what works without one.

    Raises:
        EngineError: No driver, or the package is missing or does not load.
    """
    if needs_driver:
        driver = probe()
        if not driver.present:
            raise EngineError(
                f"TensorRT needs a GPU: {driver.reason}; it needs {driver.needs}, "
                "or take --engine onnxruntime"
            )
    if backend not in TENSORRTS:
        raise EngineError(f"expected an engine for {' or '.join(TENSORRTS)}, got {backend!r}")
    try:
        return importlib.import_module(backend)
    except ImportError as error:
        raise EngineError(
            f"{backend} does not load here ({error}); run: {TENSORRTS[backend]}"
        ) from error


def installed(backend: str) -> bool:
    """Whether the package is there, without importing it."""
    return importlib.util.find_spec(backend) is not None


def logger(trt: Any) -> Any:
    """The one `ILogger` of a TensorRT module in this process; it lives as long as the process."""
    with _lock:
        if trt.__name__ not in _loggers:
            _loggers[trt.__name__] = _listening(trt)
        return _loggers[trt.__name__]


def said() -> list[str]:
    """Warnings and errors of this thread's calls since last asked, oldest first."""
    lines = list(_lines())
    _lines().clear()
    return lines


def complaint() -> str:
    """The last of what `said` gives, as the end of an error message; empty if nothing was said."""
    lines = said()[-_TOLD_LINES:]
    return f"; TensorRT says: {' / '.join(lines)}" if lines else ""


def failure(what: str) -> Exception:
    """What a call that answered False or None means, in TensorRT's own words.

    Args:
        what: What failed, as the start of the message.

    Returns:
        To raise: MemoryError where TensorRT speaks of memory, else EngineError.
    """
    words = complaint()
    if any(sign in words.lower() for sign in _OUT_OF_MEMORY):
        return MemoryError(what + words)
    return EngineError(what + words)


def _lines() -> deque[str]:
    if not hasattr(_heard, "lines"):
        _heard.lines = deque(maxlen=_KEPT_LINES)
    lines: deque[str] = _heard.lines
    return lines


def _listening(trt: Any) -> Any:
    severity = trt.ILogger.Severity
    levels = {
        severity.INTERNAL_ERROR: logging.ERROR,
        severity.ERROR: logging.ERROR,
        severity.WARNING: logging.WARNING,
    }

    class Listening(trt.ILogger):  # type: ignore[misc]
        """Hears what TensorRT says, in the thread whose call made it speak."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # super() leaves pybind11's half unmade

        def log(self, level: Any, message: str) -> None:
            """Called by TensorRT."""
            if level in levels:
                _lines().append(" ".join(message.split()))
            _log.debug("%s: %s", trt.__name__, message)

    return Listening()
