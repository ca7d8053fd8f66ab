"""Open the window: live view, controls, meters; what `main.py` alone does too.

With --seconds it closes by itself and prints how long frames took to the screen.

Example:
    main.py gui
    main.py gui app/assets/demo.mp4 --seconds 20 --json
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pose.errors import EXIT_BUG, UsageError


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to open.

    Attributes:
        source: Camera number, address, file or folder to begin with; empty takes the last one.
        page: Page to begin with; empty takes the last one.
        seconds: Close after so many seconds of pictures and print the latencies; 0 stays open.
        full_screen: Begin with nothing but the picture.
        fresh: Neither read nor write what is remembered.
        screenshots: Drive the window through its pages, write pictures of them here, and end.
        json: Print one JSON object instead of lines.
    """

    source: Annotated[str, tyro.conf.Positional] = ""
    page: str = ""
    seconds: float = 0.0
    full_screen: bool = False
    fresh: bool = False
    screenshots: Path | None = None
    json: bool = False


def run(config: Config) -> int:
    """Open the window and wait until it is closed; answers the exit code."""
    if config.seconds < 0:
        raise UsageError(f"expected --seconds of 0 or more, got {config.seconds:g}")
    from app.gui.run import open_window

    code = open_window(config)
    if code == EXIT_BUG:
        sys.stderr.write("something in the window went wrong; the log above says what\n")
    return code
