"""The pictures that demo.mp4 is made of, and how they are read out of their wheels.

Part of make_demo.py, a developer's tool. README.md names their authors and licences.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from pose.types import ByteArray


@dataclass(frozen=True)
class Source:
    """A picture or a video inside a wheel.

    Attributes:
        name: What demo_motion.json calls it.
        wheel: How the wheel's file name starts.
        member: Path inside the wheel.
        sha256: Of the member.
        frame: Which frame of a video; None for a picture.
    """

    name: str
    wheel: str
    member: str
    sha256: str
    frame: int | None = None


FOOTAGE = Source(
    "courtyard",
    "sports2d-0.8.34-",
    "Sports2D/Demo/demo.mp4",
    "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
    frame=0,  # the first one
)
_LAB = "Pose2Sim/Demo_MultiPerson/videos/cam0"


@dataclass(frozen=True)
class Hung:
    """A photograph on the wall: its left top corner and its height, in wall pixels."""

    source: Source
    left_top: tuple[float, float]
    height: float


HANGING = (
    Hung(
        Source(
            "lab from the side",
            "pose2sim-0.10.49-",
            _LAB + "3.mp4",
            "d3daf48cdf9f5603868ddb99166ddaf9b12279e7ce968922926560d5fd3f0c99",
            frame=10,
        ),
        (640, 560),
        960,
    ),
    Hung(
        Source(
            "astronaut",
            "scikit_image-0.26.0-",
            "skimage/data/astronaut.png",
            "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        ),
        (1270, 740),
        600,
    ),
    Hung(
        Source(
            "lab from the front",
            "pose2sim-0.10.49-",
            _LAB + "1.mp4",
            "543cee6a4c2c2b52dc9eac9137ee63d14f1f84e706a9a7264769edcb11e5ea53",
            frame=5,
        ),
        (1960, 560),
        960,
    ),
    Hung(
        Source(
            "photographer",
            "scikit_image-0.26.0-",
            "skimage/data/camera.png",
            "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        ),
        (2590, 740),
        600,
    ),
)


def read(wheels: Path, source: Source, count: int) -> list[ByteArray]:
    """The pictures of one source, BGR; SystemExit if the wheel is not the expected one."""
    found = sorted(wheels.glob(source.wheel + "*.whl"))
    if not found:
        raise SystemExit(f"expected {source.wheel}*.whl in {wheels}; see the top of this file")
    content = zipfile.ZipFile(found[0]).read(source.member)
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise SystemExit(f"{source.member} in {found[0]} is not the file that was chosen")
    if source.frame is None:
        encoded = np.frombuffer(content, np.uint8)
        return [np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)]
    pictures = []
    with av.open(io.BytesIO(content), "r") as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= source.frame:
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            if len(pictures) == count:
                break
    return pictures
