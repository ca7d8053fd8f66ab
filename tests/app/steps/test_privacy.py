"""Hidden faces: what is covered, and what is left of it."""

from __future__ import annotations

import numpy as np
import pytest

from app.steps.draw import DrawStyle, draw
from app.steps.privacy import heads, hide_faces
from pose.skeleton import COCO_17, SKELETONS, Skeleton
from pose.types import Boxes, Frame, Poses, Tracks
from tests.app.steps.test_draw import standing

PERSON = (100.0, 20.0, 200.0, 220.0)
BARE = DrawStyle(show_skeletons=False, show_ids=False, privacy="faces")


def noise(seed: int = 1) -> Frame:
    image = np.random.default_rng(seed).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    return Frame(0, 0.0, image)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_nobody_has_no_head(skeleton: Skeleton) -> None:
    centres, radii = heads(Poses.empty(len(skeleton)), skeleton)

    assert centres.shape == radii.shape == (0, 2)


def test_every_point_of_the_face_is_covered() -> None:
    poses = standing(PERSON).poses
    (centre,), (radius,) = heads(poses, COCO_17)

    face = poses.keypoints[0, :5]
    assert (np.hypot(*((face - centre) / radius).T) < 0.8).all()


def test_nothing_of_the_face_is_left_to_compute() -> None:
    """Two pictures with the same means in a patch give the same patch: no detail survives."""
    frame, poses = noise(), standing(PERSON).poses
    hidden = frame.image.copy()
    hide_faces(hidden, poses, COCO_17)
    (centre,), (radius,) = heads(poses, COCO_17)

    y, x = np.rint(centre[::-1]).astype(int)
    inner = hidden[y - int(radius[1] / 2) : y + int(radius[1] / 2), x - 8 : x + 8]
    colours = np.unique(inner.reshape(-1, 3), axis=0)
    assert len(colours) <= 30 < inner.shape[0] * inner.shape[1]
    outside = np.ones(hidden.shape[:2], bool)
    outside[int(centre[1] - radius[1]) : int(centre[1] + radius[1]) + 2] = False
    np.testing.assert_array_equal(hidden[outside], frame.image[outside])


def test_a_head_without_a_face_is_covered_from_the_box() -> None:
    poses = standing(PERSON).poses
    lost = poses.keypoints.copy()
    lost[:, :7] = np.nan
    scores = poses.scores.copy()
    scores[:, :7] = 0

    (centre,), (radius,) = heads(Poses(lost, scores, poses.boxes), COCO_17)

    assert centre[1] - radius[1] <= PERSON[1] and radius[0] > 20


@pytest.mark.parametrize(
    "xyxy", [(-80.0, -90.0, 20.0, 100.0), (310.0, 200.0, 700.0, 900.0), (5.0, 5.0, 5.0, 5.0)]
)
def test_heads_beyond_the_frame_harm_nobody(xyxy: tuple[float, float, float, float]) -> None:
    image = noise().image.copy()

    hide_faces(image, standing(xyxy).poses, COCO_17)

    assert image.shape == (240, 320, 3)


def test_who_has_no_id_yet_is_hidden_too() -> None:
    """The tracker shows somebody from the second frame on; their face never."""
    frame, poses = noise(), standing(PERSON).poses

    seen = draw(frame, Tracks.empty(17), COCO_17, BARE)
    hidden = draw(frame, Tracks.empty(17), COCO_17, BARE, faces=poses)

    np.testing.assert_array_equal(seen, frame.image)
    assert (hidden != frame.image).any()


def test_black_shows_nothing_of_the_picture() -> None:
    people = standing(PERSON)
    one, other = (draw(noise(n), people, COCO_17, DrawStyle(privacy="black")) for n in (1, 2))

    np.testing.assert_array_equal(one, other)
    assert one.any()


def test_nan_boxes_are_no_reason_to_stop() -> None:
    boxes = Boxes(np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32))
    points = np.full((1, 17, 2), np.nan, np.float32)

    hide_faces(noise().image.copy(), Poses(points, np.zeros((1, 17), np.float32), boxes), COCO_17)


def test_points_that_were_guessed_do_not_hide_the_whole_picture() -> None:
    keypoints = np.full((1, 17, 2), np.nan, np.float32)
    keypoints[0, 0], keypoints[0, 3], keypoints[0, 4] = (10, 10), (390, 590), (200, 300)
    scores = np.where(np.isfinite(keypoints[..., 0]), 0.06, 0).astype(np.float32)
    box = Boxes(np.array([[0, 0, 400, 600]], np.float32), np.array([0.3], np.float32))

    _, radii = heads(Poses(keypoints, scores, box), COCO_17)

    assert radii.max() <= 1.25 * 0.35 * 600
