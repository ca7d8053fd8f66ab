"""A gate before a source: while it is shut no frame comes through, and the pipeline waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from typing_extensions import Self

from app.sources.source import Source
from pose.types import Frame


class Gated:
    """A recorded source that can be paused from another thread.

    Attributes:
        name, size_wh, fps, frame_count, is_live: The source's.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open = threading.Event()
        self._open.set()
        self.name, self.size_wh, self.fps = source.name, source.size_wh, source.fps
        self.frame_count, self.is_live = source.frame_count, source.is_live

    @property
    def shut(self) -> bool:
        """Whether frames are held back."""
        return not self._open.is_set()

    def pause(self) -> None:
        """Hold back the frames that have not been read."""
        self._open.clear()

    def resume(self) -> None:
        """Let frames through again."""
        self._open.set()

    def stop(self) -> None:
        """End a wait at the gate; the pipeline calls it when it ends."""
        self._open.set()

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(*exc)

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            self._open.wait()
            yield frame
