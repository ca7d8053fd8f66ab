"""Drawn people, and fake networks that see them: whole pipelines with known truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from app.sinks.mp4 import Mp4Writer
from engines.fake_engine import BACKGROUND, keypoint_colours, write_fake
from pose.card import ModelCard
from pose.skeleton import COCO_17
from pose.types import ByteArray, FloatArray, Frame, Scene, Tracks

SIZE_WH = (320, 240)
_STEP_PX = 4.0  # how far everybody walks from frame to frame


def write_networks(
    folder: Path, colours: bool = False, fails_on_call: int = 0, doubts_from_call: int = 0
) -> list[str]:
    """Flags that choose a detector of figures and a pose network.

    Args:
        folder: Where the two files go.
        colours: Look for the drawn keypoints, which takes time; else every person has them at the
            same places of the box.
        fails_on_call: Call of the pose network that raises EngineError; 0 for none.
        doubts_from_call: Call of the detector from which boxes have 0.25 in place of 0.9; 0 for
            none.
    """
    person = ModelCard("figures", "person", "none", (320, 320), "centre", any_size=True)
    pose = ModelCard("keypoints", "pose", "none", (96, 128), "heatmap_quarter", skeleton="coco_17")
    settings = {} if colours else {"outputs": {"heatmaps": _places().tolist()}}
    answer = "colours" if colours else "fixed"
    paths = [
        write_fake(folder / "person.fake", person, "figures", doubts_from_call=doubts_from_call),
        write_fake(folder / "pose.fake", pose, answer, fails_on_call=fails_on_call, **settings),
    ]
    return ["--person", str(paths[0]), "--pose", str(paths[1])]


def _places() -> FloatArray:
    """Heatmaps (17, 16, 12) with one bright pixel each."""
    heatmaps = np.zeros((len(COCO_17), 16, 12), np.float32)
    for k in range(len(COCO_17)):
        heatmaps[k, 2 + 2 * (k // 3), 2 + 4 * (k % 3)] = 0.9
    return heatmaps


def keypoints(index: int, people: int = 1) -> FloatArray:
    """Where the people of a frame have their keypoints: (N, 17, 2), a grid that walks."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5)), axis=-1).reshape(-1, 2)[:17]
    first = np.array([40 + _STEP_PX * index, 50]) + grid * [18, 30]  # (17, 2)
    return np.stack([first + np.array([140 * n, 0]) for n in range(people)]).astype(np.float32)


def picture(index: int, people: int = 1) -> ByteArray:
    """A frame: each person a black board with one disc per keypoint."""
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), BACKGROUND, np.uint8)
    for points in keypoints(index, people) if people else []:
        low, high = points.min(axis=0) - 12, points.max(axis=0) + 12
        cv2.rectangle(image, _whole(low), _whole(high), (0, 0, 0), -1)
        for point, colour in zip(points, keypoint_colours(len(COCO_17)), strict=True):
            cv2.circle(image, _whole(point * 16), 4 * 16, colour.tolist(), -1, cv2.LINE_AA, 4)
    return image


def write_pictures(folder: Path, count: int, people: int = 1) -> Path:
    """A folder of lossless pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        _, encoded = cv2.imencode(".png", picture(index, people))
        (folder / f"frame{index}.png").write_bytes(encoded.tobytes())
    return folder


def write_clip(path: Path, count: int, people: int = 1) -> Path:
    """A video of the same, 30 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Mp4Writer(path) as write:
        for index in range(count):
            frame = Frame(index, index / 30, picture(index, people))
            write(Scene(frame, Tracks.empty(len(COCO_17))))
    return path


def _whole(point: FloatArray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int).tolist()
    return x, y
