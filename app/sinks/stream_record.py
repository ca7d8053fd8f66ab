"""What the senders send of a scene: one strict JSON object on one line.

The schema stands in docs/streams.md; the fields of a frame are those of `app.sinks.json_lines`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from app.sinks.json_lines import frame_record
from pose.skeleton import Skeleton
from pose.types import Scene

VERSION = 1


class StreamRecord:
    """Turns scenes into lines.

    Args:
        skeleton: Named in every line.
        source: What the frames are of; named in every line.
        clock: Seconds since 1970, UTC: what two programs on two machines can agree on.
    """

    def __init__(
        self, skeleton: Skeleton, source: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._skeleton, self._source, self._clock = skeleton, source, clock

    def __call__(self, scene: Scene) -> bytes:
        """One line in UTF-8, without its line feed."""
        record = {
            "type": "frame",
            "version": VERSION,
            "source": self._source,
            "sent_s": round(self._clock(), 6),
            **frame_record(scene, self._skeleton),
        }
        return json.dumps(record, separators=(",", ":")).encode()
