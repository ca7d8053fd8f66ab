"""The people of a film or a camera, frame by frame, with ids: for programs of your own.

    for scene in scenes("walk.mp4"):
        print(scene.frame.time_s, scene.tracks.ids)

The whole pipeline works ahead in its own threads while the loop's body runs. Single pictures are
`app.people_finder`'s.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from typing_extensions import Self

from app.assemble import assemble
from app.people import PeopleConfig
from app.pipeline.pipeline import Pipeline
from app.sources.source import Source, open_source
from app.steps.draw import DEFAULT_STYLE, DrawStyle
from pose.types import Scene

_AHEAD = 2  # finished scenes that wait for the loop
_TICK_S = 0.1


def scenes(
    source: str | Source,
    config: PeopleConfig | None = None,
    *,
    drawn: bool = False,
    style: DrawStyle = DEFAULT_STYLE,
) -> Iterator[Scene]:
    """Find and follow the people of a source.

    Leaving the loop early ends the work. A live source whose frames come faster than the loop
    takes them drops some: the next scene is of a fresh frame.

    Args:
        source: What `main.py video` and `live` take: a file, a folder, a camera's number, an
            address; or a source of `app.sources`, not entered.
        config: How people are found.
        drawn: Whether scenes have a `drawing`, the picture with skeletons.
        style: Of it.

    Yields:
        Every frame's scene, in order, also without people.

    Raises:
        PoseAppError: The source or a network cannot be used.
    """
    opened = open_source(source) if isinstance(source, str) else source
    handover = _Handover()
    pipeline = assemble(opened, config or PeopleConfig(), [handover], drawn=drawn, style=style)
    pipeline.start()
    try:
        yield from handover.taken(pipeline)
    finally:
        handover.left.set()
        pipeline.stop()
    pipeline.join()


class _Handover:
    """A sink whose scenes somebody in another thread takes out again."""

    def __init__(self) -> None:
        self.left = threading.Event()  # nobody takes any more
        self._waiting: queue.Queue[Scene] = queue.Queue(_AHEAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, scene: Scene) -> None:
        """Wait until there is room; a scene that nobody waits for is left out."""
        while not self.left.is_set():
            try:
                self._waiting.put(scene, timeout=_TICK_S)
                return
            except queue.Full:
                continue

    def taken(self, pipeline: Pipeline) -> Iterator[Scene]:
        """Every scene until the pipeline's end; errors are `Pipeline.join`'s."""
        ended = False
        while not ended or not self._waiting.empty():
            try:
                yield self._waiting.get(timeout=0 if ended else _TICK_S)
            except queue.Empty:
                ended = pipeline.watch(0)
