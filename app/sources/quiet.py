"""Keeps OpenCV from writing to standard error what its caller says in one line of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2

_SILENT = 0

# OpenCV 5 keeps its log level in a module of its own, OpenCV 4 (Jetson's) among everything else.
_LOG: Any = getattr(cv2.utils, "logging", cv2)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log for a while, in all threads; libraries inside it may still talk."""
    before = _LOG.getLogLevel()
    _LOG.setLogLevel(_SILENT)
    try:
        yield
    finally:
        _LOG.setLogLevel(before)
