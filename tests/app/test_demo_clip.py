"""The shipped clip: small, playable, under a licence, and moving as its file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

import app
from app.assets import make_demo
from app.assets.demo_pictures import FOOTAGE, HANGING
from pose.types import ByteArray

ASSETS = Path(app.__file__).parent / "assets"


@pytest.fixture(scope="module")
def motion() -> dict[str, Any]:
    record: dict[str, Any] = json.loads((ASSETS / "demo_motion.json").read_text())
    return record


@pytest.fixture(scope="module")
def grey_frames() -> list[ByteArray]:
    """The clip's 330 frames in grey."""
    with av.open(str(ASSETS / "demo.mp4")) as container:
        container.streams.video[0].thread_type = "AUTO"
        return [
            np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            for frame in container.decode(video=0)
        ]


def to_frame(picture: dict[str, Any], frame: int) -> npt.NDArray[np.float64]:
    """(3, 3): picture pixel to frame pixel."""
    affine = np.array(picture["to_frame"][frame - picture["first_frame"]]).reshape(2, 3)
    return np.vstack([affine, [0, 0, 1]])


def test_the_clip_is_small_and_of_the_kind_that_every_player_reads() -> None:
    clip = ASSETS / "demo.mp4"

    assert clip.stat().st_size < 3_000_000
    with av.open(str(clip)) as container:
        (stream,) = container.streams
        assert isinstance(stream, av.VideoStream)
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.profile == "Main"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 30
        assert (stream.width, stream.height) == (1280, 720)


def test_every_frame_decodes_and_every_frame_has_its_truth(
    grey_frames: list[ByteArray], motion: dict[str, Any]
) -> None:
    covered = np.zeros(motion["frames"], int)
    for picture in motion["pictures"]:
        first = picture["first_frame"]
        covered[first : first + len(picture["to_frame"])] += 1

    assert len(grey_frames) == motion["frames"]
    assert (covered > 0).all()


def test_the_source_and_licence_of_every_picture_stand_beside_it(motion: dict[str, Any]) -> None:
    notes = (ASSETS / "README.md").read_text()

    assert "Copyright (c) 2022, perfanalytics" in notes
    for member in (FOOTAGE, *(hung.source for hung in HANGING)):
        assert Path(member.member).name in notes
    assert [picture["name"] for picture in motion["pictures"]] == [
        FOOTAGE.name,
        *(hung.source.name for hung in HANGING),
    ]


def test_the_truth_is_what_the_script_makes(motion: dict[str, Any]) -> None:
    blank = [
        np.zeros((picture["size"][1], picture["size"][0], 3), np.uint8)
        for picture in motion["pictures"]
    ]

    assert make_demo.motion_record(blank[0], blank[1:]) == motion


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 15])
def test_photographs_move_as_the_file_says(
    step: int, grey_frames: list[ByteArray], motion: dict[str, Any]
) -> None:
    """Corners of each photograph, followed by optical flow (Lucas & Kanade 1981, as in OpenCV)."""
    errors, lengths = [], []
    for picture in motion["pictures"]:
        if picture["people_move"]:
            continue
        last = picture["first_frame"] + len(picture["to_frame"]) - step
        for frame in range(picture["first_frame"], last, 16):
            before, after = grey_frames[frame], grey_frames[frame + step]
            move = to_frame(picture, frame + step) @ np.linalg.inv(to_frame(picture, frame))
            corners = corners_of(picture, frame, before)
            if not len(corners):
                continue
            expected = (corners @ move[:2, :2].T + move[:2, 2]).astype(np.float64)
            found, error = followed(before, after, corners, expected)
            errors.append(error[found])
            lengths.append(np.linalg.norm(expected - corners, axis=1))

    error, length = np.concatenate(errors), np.concatenate(lengths)
    assert len(error) > 500
    assert length.max() > 5 * step
    assert np.median(error) < 0.2
    assert np.quantile(error, 0.9) < 0.6


def corners_of(picture: dict[str, Any], frame: int, grey: ByteArray) -> npt.NDArray[np.float32]:
    """(N, 2) corners in the frame that lie well within the photograph."""
    width, height = picture["size"]
    inset = 0.04 * min(width, height)
    outline = np.array(
        [
            [inset, inset],
            [width - inset, inset],
            [width - inset, height - inset],
            [inset, height - inset],
        ]
    )
    affine = to_frame(picture, frame)
    inside = np.zeros_like(grey)
    polygon = np.rint(outline @ affine[:2, :2].T + affine[:2, 2]).astype(np.int32)
    cv2.fillConvexPoly(inside, polygon, (255,))
    corners = cv2.goodFeaturesToTrack(grey, 40, 0.05, 12, mask=inside)
    if corners is None:
        return np.zeros((0, 2), np.float32)
    return np.asarray(corners, np.float32).reshape(-1, 2)


def followed(
    before: ByteArray,
    after: ByteArray,
    corners: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Which corners were found again, and how far from where they were expected."""
    guess = expected.astype(np.float32).reshape(-1, 1, 2) + 1.5  # not the answer itself
    points, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        corners.reshape(-1, 1, 2),
        guess.copy(),
        winSize=(21, 21),
        maxLevel=2,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    height, width = after.shape
    inside = ((expected > 12) & (expected < np.array([width, height]) - 12)).all(axis=1)
    error = np.linalg.norm(np.asarray(points).reshape(-1, 2) - expected, axis=1)
    return inside & (found.ravel() == 1), error
