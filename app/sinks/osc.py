"""Open Sound Control over UDP, for Max, Pure Data, TouchDesigner, Processing, SuperCollider.

Open Sound Control 1.0 (Wright, 2002): messages of an address, type tags and big-endian values,
each padded to four bytes; bundles of messages that belong together. What is sent stands in
docs/streams.md. One bundle for the frame, then one for each person, so that none is larger than
a packet of Ethernet.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from types import TracebackType

import numpy as np
from typing_extensions import Self

from app.sinks.address import Address
from app.sinks.datagrams import Datagrams
from pose.skeleton import Skeleton
from pose.types import Scene

_AT_ONCE = 1  # the time tag of section "Temporal Semantics and OSC Time Tags"


class OscSender:
    """Sends the people of each scene; positions as fractions of the picture, 0 to 1.

    Joints that were not found are not sent. Who is no longer there is told once.
    """

    tick_s = math.inf

    def __init__(self, address: Address, skeleton: Skeleton) -> None:
        self._datagrams, self._skeleton = Datagrams(address), skeleton
        self._present: set[int] = set()

    def __enter__(self) -> Self:
        self._datagrams.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._present:
            self._datagrams.send(bundle([message("/pose/gone", i) for i in sorted(self._present)]))
        self._datagrams.__exit__(kind, error, trace)

    def __call__(self, scene: Scene) -> None:
        """Send the scene's bundles."""
        now = set(scene.tracks.ids.tolist())
        for each in bundles(scene, self._skeleton, self._present - now):
            self._datagrams.send(each)
        self._present = now

    def attend(self) -> None:
        """Nobody to look after."""


def bundles(scene: Scene, skeleton: Skeleton, gone: set[int]) -> Iterator[bytes]:
    """A scene as OSC bundles: the frame and who has gone, then each person.

    Args:
        scene: N people.
        skeleton: Names the joints.
        gone: Ids of the last scene that are not in this one.
    """
    frame, poses = scene.frame, scene.tracks.poses
    width, height = frame.size_wh
    yield bundle(
        [
            message("/pose/frame", frame.index, frame.time_s, width, height, len(poses)),
            *(message("/pose/gone", person) for person in sorted(gone)),
        ]
    )
    size = np.array([width, height])
    for n, person in enumerate(scene.tracks.ids.tolist()):
        box = (poses.boxes.xyxy[n].reshape(2, 2) / size).ravel().tolist()
        score = float(poses.boxes.scores[n])
        points, scores = (poses.keypoints[n] / size).tolist(), poses.scores[n].tolist()
        joints = zip(skeleton.keypoints, points, scores, strict=True)
        yield bundle(
            [
                message(f"/pose/{person}/box", *box, score),
                *(
                    message(f"/pose/{person}/{name}", x, y, certain)
                    for name, (x, y), certain in joints
                    if math.isfinite(x) and math.isfinite(y)
                ),
            ]
        )


def message(address: str, *values: int | float) -> bytes:
    """One OSC message; integers as int32, other numbers as float32."""
    tags = "," + "".join("i" if isinstance(value, int) else "f" for value in values)
    packed = struct.pack(">" + tags[1:], *values)
    return _padded(address) + _padded(tags) + packed


def bundle(messages: list[bytes]) -> bytes:
    """Messages that belong together, for now."""
    parts = [struct.pack(">i", len(each)) + each for each in messages]
    return _padded("#bundle") + struct.pack(">Q", _AT_ONCE) + b"".join(parts)


def _padded(text: str) -> bytes:
    """A string of OSC: at least one zero byte at the end, a multiple of four in all."""
    content = text.encode("ascii")
    return content + bytes(4 - len(content) % 4)
