"""Keeps OpenCV from writing to standard error what its caller says in one line of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cv2.utils import logging as cv2_logging


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log for a while, in all threads; libraries inside it may still talk."""
    before = cv2_logging.getLogLevel()
    cv2_logging.setLogLevel(cv2_logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2_logging.setLogLevel(before)
