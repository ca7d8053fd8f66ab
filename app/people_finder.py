"""Pictures in, poses out: for programs of your own, without files, threads and windows.

    with PeopleFinder() as find:
        people = find(cv2.imread("beach.jpg"))

Those of a film or a camera, with ids, are `app.scenes`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from typing_extensions import Self

from app.networks import person_detector, pose_estimator
from app.people import PeopleConfig, check
from app.steps.track import Tracker
from pose.errors import InputError
from pose.skeleton import Skeleton
from pose.types import ByteArray, Frame, Poses

_BATCH = 4  # people in one run, as where several threads share them


class PeopleFinder:
    """Finds the people of pictures; enter it before use, and use it in that thread.

    Args:
        config: Which networks, and how; what it says of films (`detect_every`, `smooth`, `lanes`)
            has no meaning here.

    Raises:
        UsageError: The config cannot be.
        ModelFileError: A network cannot be used.
    """

    def __init__(self, config: PeopleConfig | None = None) -> None:
        config = config or PeopleConfig()
        check(config)
        options = {"threads": config.threads, "max_batch": config.batch or _BATCH}
        self._detect = person_detector(config, config.min_score, config.max_people, **options)
        self._estimate = pose_estimator(config, **options)
        self._opened = ExitStack()

    @property
    def skeleton(self) -> Skeleton:
        """What the K keypoints are: `skeleton.keypoints` are their names."""
        return self._estimate.card.keypoints

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self._detect)
            opening.enter_context(self._estimate)
            self._opened = opening.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    def __call__(self, image: ByteArray) -> Poses:
        """Find everybody in one picture.

        Args:
            image: (H, W, 3) uint8 BGR, as OpenCV reads it.

        Returns:
            Keypoints (N, K, 2) in its pixels, NaN where not found, their scores (N, K), and the
            people's boxes (N, 4) with scores; the surest first.

        Raises:
            InputError: It is no picture, such as the None of a file that OpenCV cannot read.
        """
        return self.each([image])[0]

    def each(self, images: Sequence[ByteArray]) -> list[Poses]:
        """The same of several pictures, whose people fill the networks' batches together."""
        for image in images:
            shape: tuple[int, ...] = getattr(image, "shape", ())
            if len(shape) != 3 or shape[2] != 3 or not image.size or image.dtype != np.uint8:
                kind = f"{image.dtype} {shape}" if shape else type(image).__name__
                raise InputError(
                    f"expected a picture (H, W, 3) of uint8, got {kind}; could its file be read?"
                )
        frames = [Frame(index, 0.0, image, alone=True) for index, image in enumerate(images)]
        if not frames:
            return []
        found = self._estimate(frames, self._detect(frames))
        return [self._people(frame, poses) for frame, poses in zip(frames, found, strict=True)]

    def _people(self, frame: Frame, poses: Poses) -> Poses:
        """Those whom `main.py video` would count: neither ghosts nor doubles; surest first."""
        people = Tracker(self.skeleton)(frame, poses).poses
        return people[np.argsort(-people.boxes.scores, kind="stable")]
