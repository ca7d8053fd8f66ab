"""Make demo.mp4 and demo_motion.json. A developer's tool: nothing at run time needs it.

Six seconds of people who move, seen by a camera that zooms, then five of a camera that moves
along a wall of photographs. The camera's path is known to the last digit and written beside
the clip. The pictures come from wheels of three packages, which are read but not installed:

    pip download --no-deps -d wheels scikit-image==0.26.0 sports2d==0.8.34 pose2sim==0.10.49
    python -m app.assets.make_demo wheels
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from app.assets.demo_pictures import FOOTAGE, HANGING, Hung, read
from pose.types import ByteArray

Affine = npt.NDArray[np.float64]  # (2, 3), integer coordinates are pixel centres

HERE = Path(__file__).resolve().parent
SIZE_WH = (1280, 720)
FPS = 30
FOOTAGE_FRAMES = 176
WALL_FRAMES = 154
_FINE = 2  # frames are rendered at so many times their size, then shrunk
_GRAIN = 1.6  # standard deviation of the sensor's noise, in grey levels
_WALL_WH = (3840, 2100)
_PLASTER = np.array([178, 190, 196], np.float32)  # BGR


def make(wheels: Path, out: Path = HERE) -> None:
    """Write the clip and the truth of its motion into a folder."""
    footage = read(wheels, FOOTAGE, FOOTAGE_FRAMES)
    photos = [read(wheels, hung.source, 1)[0] for hung in HANGING]
    motion = motion_record(footage[0], photos)
    (out / "demo_motion.json").write_text(json.dumps(motion, separators=(",", ":")) + "\n")
    encode(out / "demo.mp4", frames(footage, photos))


def motion_record(footage: ByteArray, photos: list[ByteArray]) -> dict[str, Any]:
    """What demo_motion.json holds: for each picture and frame, picture pixel -> frame pixel."""
    walls = [wall_to_frame(n) for n in range(WALL_FRAMES)]
    pictures = [
        {
            "name": FOOTAGE.name,
            "size": [footage.shape[1], footage.shape[0]],
            "people_move": True,
            "first_frame": 0,
            "to_frame": [_listed(footage_to_frame(footage, n)) for n in range(FOOTAGE_FRAMES)],
        }
    ]
    for hung, photo in zip(HANGING, photos, strict=True):
        on_wall = photo_to_wall(photo, hung)
        pictures.append(
            {
                "name": hung.source.name,
                "size": [photo.shape[1], photo.shape[0]],
                "people_move": False,
                "first_frame": FOOTAGE_FRAMES,
                "to_frame": [_listed(compose(wall, on_wall)) for wall in walls],
            }
        )
    count = FOOTAGE_FRAMES + WALL_FRAMES
    return {"size": list(SIZE_WH), "fps": FPS, "frames": count, "pictures": pictures}


def _listed(affine: Affine) -> list[float]:
    return [float(value) for value in np.round(affine, 6).reshape(-1)]


def compose(outer: Affine, inner: Affine) -> Affine:
    """First inner, then outer."""
    whole: Affine = outer @ np.vstack([inner, [0, 0, 1]])
    return whole


def _camera(centre_xy: tuple[float, float], zoom: float, degrees: float) -> Affine:
    """World pixel -> frame pixel, for a camera that looks at a point of the world."""
    turn = np.deg2rad(degrees)
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = (np.array(SIZE_WH) - 1) / 2
    return np.hstack([linear, (middle - linear @ np.array(centre_xy))[:, None]])


def _eased(n: int, start: int, stop: int) -> float:
    """0 before start, 1 after stop, smooth in between."""
    share = float(np.clip((n - start) / (stop - start), 0, 1))
    return share * share * (3 - 2 * share)


def _sway(n: int, seed: int) -> tuple[float, float, float]:
    """What a hand does to a camera: pixels to the right and down, and degrees."""
    time_s = n / FPS
    waves = [np.sin(2 * np.pi * (rate * time_s + seed * phase)) for rate, phase in _WAVES]
    return 3.0 * waves[0] + 1.2 * waves[1], 2.2 * waves[2] + 1.0 * waves[3], 0.25 * waves[4]


_WAVES = ((0.55, 0.13), (1.7, 0.71), (0.7, 0.37), (1.9, 0.29), (0.45, 0.83))  # hertz, turns


def footage_to_frame(footage: ByteArray, n: int) -> Affine:
    """The first shot: the tripod's picture, held by hand; it closes in on the woman who walks."""
    height, width = footage.shape[:2]
    fitting = SIZE_WH[0] / width
    near = _eased(n, 78, 118)
    zoom = fitting * (1.04 + 0.81 * near)
    walker = 0.855 - 0.0056 * (n - 48)  # where she is, from left to right
    x = (width - 1) * (0.49 * (1 - near) + max(walker - 0.04, 0.31) * near)
    y = (height - 1) * (0.492 * (1 - near) + 0.722 * near)
    right, down, degrees = _sway(n, 1)
    return np.round(_camera((x + right, y + down), zoom, degrees), 6)


def wall_to_frame(n: int) -> Affine:
    """The second shot: along the wall from left to right, then back until all of it is seen."""
    along, back = _eased(n, 5, 100), _eased(n, 95, 132)
    zoom = 0.66 * (1 - back) + 0.47 * back
    x = (1280 + 1000 * along) * (1 - back) + 1915 * back
    right, down, degrees = _sway(n, 2)
    return np.round(_camera((x + 2 * right, 1040 + 2 * down), zoom, 2.5 - 4 * along + degrees), 6)


def photo_to_wall(photo: ByteArray, hung: Hung) -> Affine:
    """Edges of the photograph onto the edges of its place: pixel centres lie half a pixel in."""
    scale = hung.height / photo.shape[0]
    shift = np.array(hung.left_top) + scale / 2 - 0.5
    return np.hstack([scale * np.eye(2), shift[:, None]])


def frames(footage: list[ByteArray], photos: list[ByteArray]) -> Iterator[ByteArray]:
    """All pictures of the clip, with the sensor's grain."""
    grain = np.random.default_rng(20171120)
    for n, picture in enumerate(footage):
        yield _exposed(picture, footage_to_frame(picture, n), grain)
    wall = hung_wall(photos)
    for n in range(WALL_FRAMES):
        yield _exposed(wall, wall_to_frame(n), grain)


def _exposed(world: ByteArray, to_frame: Affine, grain: np.random.Generator) -> ByteArray:
    finer = np.array([[_FINE, 0, (_FINE - 1) / 2], [0, _FINE, (_FINE - 1) / 2]])
    fine_wh = (SIZE_WH[0] * _FINE, SIZE_WH[1] * _FINE)
    large = cv2.warpAffine(
        world,
        compose(finer, to_frame),
        fine_wh,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    picture = cv2.resize(large, SIZE_WH, interpolation=cv2.INTER_AREA).astype(np.float32)
    noise = grain.normal(0, _GRAIN, picture.shape[:2])[..., None]
    noisy: ByteArray = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
    return noisy


def hung_wall(photos: list[ByteArray]) -> ByteArray:
    """The wall with its photographs, their mounts and their shadows."""
    width, height = _WALL_WH
    rough = np.random.default_rng(7).normal(0, 1, (height // 4, width // 4)).astype(np.float32)
    relief = cv2.resize(cv2.GaussianBlur(rough, (0, 0), 6), _WALL_WH, interpolation=cv2.INTER_CUBIC)
    light = np.linspace(1.06, 0.86, height, dtype=np.float32)[:, None]  # from above
    wall = (_PLASTER * (light * (1 + 0.12 * relief))[..., None]).clip(0, 255)
    shadow = np.zeros((height, width), np.float32)
    for hung, photo in zip(HANGING, photos, strict=True):
        left, top, right, below = _edges(photo, hung, 34)
        shadow[top + 22 : below + 22, left + 12 : right + 12] = 1
    wall *= 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), 14)[..., None]
    painted: ByteArray = wall.astype(np.uint8)
    for hung, photo in zip(HANGING, photos, strict=True):
        for mount, colour in ((34, (38, 42, 48)), (26, (242, 244, 245))):
            left, top, right, below = _edges(photo, hung, mount)
            painted[top:below, left:right] = colour
        left, top, right, below = _edges(photo, hung, 0)
        shrinks = photo.shape[0] > hung.height
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        painted[top:below, left:right] = cv2.resize(
            photo, (right - left, below - top), interpolation=how
        )
    return painted


def _edges(photo: ByteArray, hung: Hung, margin: int) -> tuple[int, int, int, int]:
    width = hung.height * photo.shape[1] / photo.shape[0]
    left, top = hung.left_top
    return (
        round(left) - margin,
        round(top) - margin,
        round(left + width) + margin,
        round(top + hung.height) + margin,
    )


def encode(path: Path, pictures: Iterator[ByteArray]) -> None:
    """H.264 as every player reads it: 4:2:0, main profile, the index in front."""
    options = {"preset": "slow", "crf": "25", "profile": "main", "g": "60", "threads": "1"}
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = 6  # BT.601, as cv2 converts
        codec.color_range = 1
        for n, picture in enumerate(pictures):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    make(Path(sys.argv[1]))
