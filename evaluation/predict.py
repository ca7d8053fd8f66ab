"""Run the program's own steps over labelled photographs: what ships is what is measured.

Where the people's boxes come from is a callable (true boxes, the detector, a results file);
what happens to them afterwards is `app.steps`, unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from evaluation.annotations import Annotations, Photograph
from pose.errors import InputError
from pose.skeleton import Skeleton
from pose.types import Boxes, Frame, Poses

RUN_LENGTH = 8  # photographs in memory at once; enough people to fill a batch

BoxFinder = Callable[[Sequence[Photograph], Sequence[Frame]], Sequence[Boxes]]
PoseEstimator = Callable[[Sequence[Frame], Sequence[Boxes]], Sequence[Poses]]
Watch = Callable[[Iterable[Sequence[Photograph]], int], Iterable[Sequence[Photograph]]]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What the program said, photograph by photograph, in the order of the annotations.

    Attributes:
        boxes: People's boxes of each photograph.
        poses: Their poses, keypoints in the order of the annotations; None if not asked for.
        seconds: Wall time of the steps `boxes` and `poses`, without reading the photographs;
            nothing for results that were read from a file.
    """

    boxes: tuple[Boxes, ...]
    poses: tuple[Poses, ...] | None
    seconds: Mapping[str, float] = field(default_factory=dict)


def true_boxes(photographs: Sequence[Photograph], frames: Sequence[Frame]) -> list[Boxes]:
    """One box for each person with labelled keypoints, as drawn by hand, with score 1."""
    del frames
    judged = [photo.people[photo.people.with_keypoints] for photo in photographs]
    return [Boxes(people.xyxy, np.ones(len(people), np.float32)) for people in judged]


def detected_boxes(detect: Callable[[Sequence[Frame]], Sequence[Boxes]]) -> BoxFinder:
    """The boxes that a detector finds."""
    return lambda _, frames: detect(frames)


def given_boxes(annotations: Annotations, found: Sequence[Boxes]) -> BoxFinder:
    """Boxes that were found before, one record for each photograph of the annotations."""
    by_id = {photo.id: people for photo, people in zip(annotations.photographs, found, strict=True)}
    return lambda photographs, _: [by_id[photo.id] for photo in photographs]


def predict(
    annotations: Annotations,
    find_boxes: BoxFinder,
    estimate: PoseEstimator | None,
    skeleton: Skeleton | None = None,
    watch: Watch | None = None,
) -> Predictions:
    """Look at every photograph.

    Args:
        annotations: Whose photographs.
        find_boxes: Where the boxes come from.
        estimate: The pose step; None where only boxes are wanted.
        skeleton: The order of the estimator's keypoints; None if it is that of the annotations.
        watch: Wraps the runs of photographs to show progress; gets them and their number.

    Returns:
        Boxes and poses, without a trace of the labels in them except through `find_boxes`.

    Raises:
        InputError: A photograph cannot be read or has another size than the labels say.
    """
    runs = [
        annotations.photographs[start : start + RUN_LENGTH]
        for start in range(0, len(annotations.photographs), RUN_LENGTH)
    ]
    boxes: list[Boxes] = []
    poses: list[Poses] = []
    seconds = dict.fromkeys(["boxes"] if estimate is None else ["boxes", "poses"], 0.0)
    for photographs in watch(runs, len(runs)) if watch else runs:
        frames = list(read_frames(photographs, first_index=len(boxes)))
        started = time.perf_counter()
        found = find_boxes(photographs, frames)
        boxes.extend(found)
        seconds["boxes"] += time.perf_counter() - started
        if estimate is None:
            continue
        started = time.perf_counter()
        estimated = estimate(frames, found)
        seconds["poses"] += time.perf_counter() - started
        order = skeleton or annotations.skeleton
        poses.extend(reordered(pose, order, annotations.skeleton) for pose in estimated)
    return Predictions(tuple(boxes), None if estimate is None else tuple(poses), seconds)


def reordered(poses: Poses, given: Skeleton, wanted: Skeleton) -> Poses:
    """Put keypoints into another skeleton's order, by name; those it lacks are not found."""
    if given.keypoints == wanted.keypoints:
        return poses
    keypoints = np.full((len(poses), len(wanted), 2), np.nan, np.float32)
    scores = np.zeros((len(poses), len(wanted)), np.float32)
    for index, name in enumerate(wanted.keypoints):
        if name in given.keypoints:
            source = given.keypoints.index(name)
            keypoints[:, index] = poses.keypoints[:, source]
            scores[:, index] = poses.scores[:, source]
    return Poses(keypoints, scores, poses.boxes)


def read_frames(photographs: Sequence[Photograph], first_index: int) -> Iterator[Frame]:
    # Labels are drawn on the stored pixels, so a camera's orientation flag is not followed.
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    for index, photo in enumerate(photographs, start=first_index):
        stored = np.fromfile(photo.path, np.uint8)
        try:
            image = cv2.imdecode(stored, how) if len(stored) else None
        except cv2.error:  # larger than OpenCV takes
            image = None
        if image is None:
            raise InputError(f"{photo.path}: expected a photograph, cannot read it as one")
        frame = Frame(index=index, time_s=float(index), image=image.astype(np.uint8, copy=False))
        if frame.size_wh != photo.size_wh:
            raise InputError(
                f"{photo.path}: the labels are for {photo.size_wh[0]}x{photo.size_wh[1]} pixels, "
                f"the file has {frame.size_wh[0]}x{frame.size_wh[1]}"
            )
        yield frame
