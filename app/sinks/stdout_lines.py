"""Standard output as a stream of lines, one for each frame: `main.py live 0 --send stdout | jq`."""

from __future__ import annotations

import math
import os
import sys
from types import TracebackType

from typing_extensions import Self

from app.sinks.stream_record import StreamRecord
from pose.types import Scene


class StdoutLines:
    """Writes each record as soon as it comes.

    Straight to the file descriptor, past Python's buffer: a reader that does not read blocks this
    writer's thread only, and nobody who wants to flush the buffer at the end.

    Raises:
        BrokenPipeError: Nobody reads any more; ends the run, as a pipe in a shell should.
    """

    tick_s = math.inf

    def __init__(self, record: StreamRecord) -> None:
        self._record = record

    def __enter__(self) -> Self:
        sys.stdout.flush()
        self._descriptor = os.dup(sys.stdout.fileno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def __call__(self, scene: Scene) -> None:
        """Write the scene's line; waits where the reader is slow."""
        view = memoryview(self._record(scene) + b"\n")
        while view:
            view = view[os.write(self._descriptor, view) :]

    def attend(self) -> None:
        """Nobody to look after."""
