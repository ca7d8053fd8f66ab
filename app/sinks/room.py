"""Ends a recording before the disc is full, while there is room to finish its files.

A full disc harms more than the recording: the system's own files stand on it too. OBS keeps the
same reserve (its `OBSBasic_Recording.cpp` stops below 50 MB).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from pose.errors import OutputError
from pose.types import Scene

LEAST_BYTES = 50_000_000
_EVERY_S = 1.0


def free_bytes(path: Path) -> int:
    """Room on the disc that will hold a path, whose folders may not be there yet."""
    folder = path.absolute()
    while not os.path.exists(folder) and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class RoomKeeper:
    """A sink that writes nothing and raises OutputError when there is too little room.

    Put it before the writers: their `.part` files then stay as they are, whole. Or ask `short_of`
    now and then, and end in order.

    Args:
        paths: What is being written.
        least: Bytes that must stay free.
        every_s: How often to look.
        clock: Monotonic seconds.
        free: Bytes that are free on the disc of a path.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        least: int = LEAST_BYTES,
        *,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._paths = {path.absolute().parent: path for path in paths}  # one for each folder
        self._least = least
        self._every_s = every_s
        self._clock = clock
        self._free = free
        self._looked_s: float | None = None

    def __enter__(self) -> Self:
        self(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was opened."""

    def __call__(self, scene: Scene | None) -> None:
        """Look, if it is time; OutputError says which disc is nearly full."""
        short = self.short_of()
        if short is not None:
            raise short

    def short_of(self) -> OutputError | None:
        """The error to tell, if it is time to look and there is too little room."""
        now_s = self._clock()
        if self._looked_s is not None and now_s - self._looked_s < self._every_s:
            return None
        self._looked_s = now_s
        for folder, path in self._paths.items():
            free = self._free(path)
            if free < self._least:
                return OutputError(
                    f"writing {path.name} was ended: only {free / 1e6:.0f} MB are free at "
                    f"{folder}, {self._least / 1e6:.0f} MB must stay; what is written is kept; "
                    "make room or choose another place"
                )
        return None
