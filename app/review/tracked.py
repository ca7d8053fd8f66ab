"""Results read back: who was seen, when, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose.skeleton import Skeleton
from pose.types import Boxes, FloatArray, IntArray, Poses, Tracks

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person over time; M frames in which that person was seen.

    Attributes:
        id: The person's.
        places: (M,) int64, rising: positions in `Tracked.indices`.
        keypoints: (M, K, 2) float32, frame pixels; NaN where not found.
        scores: (M, K) float32.
        xyxy: (M, 4) float32 boxes; NaN where the file has none.
        box_scores: (M,) float32.
    """

    id: int
    places: IntArray
    keypoints: FloatArray
    scores: FloatArray
    xyxy: FloatArray
    box_scores: FloatArray

    def __len__(self) -> int:
        return len(self.places)

    def sure(self, min_score: float) -> FloatArray:
        """(M, K, 2) keypoints; NaN where the score is below."""
        known = (self.scores >= min_score)[..., None]
        return np.where(known, self.keypoints, np.float32(np.nan))

    def spans(self) -> list[tuple[int, int]]:
        """(first, last) places of each stretch of frames without a gap."""
        if not len(self):
            return []
        breaks = np.flatnonzero(np.diff(self.places) > 1)
        firsts = self.places[np.concatenate([[0], breaks + 1])]
        lasts = self.places[np.concatenate([breaks, [len(self) - 1]])]
        return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """All that a result file says; F frames.

    Attributes:
        skeleton: What the keypoints are.
        indices: (F,) int64, rising: positions of the frames in the video.
        times_s: (F,) float64, the frames' times.
        size_wh: Of the picture; None if the file does not say.
        tracks: One per person, in the order in which they appeared.
        files: (F,) names of the photographs; empty where frames have no file of their own.
        timed: The times are the file's; else they follow from a rate that was assumed.
    """

    skeleton: Skeleton
    indices: IntArray
    times_s: DoubleArray
    size_wh: tuple[int, int] | None
    tracks: tuple[Track, ...]
    files: tuple[str, ...] = ()
    timed: bool = True

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, place: int, ids: Iterable[int] | None = None) -> Tracks:
        """The people of one frame.

        Args:
            place: Position in `indices`.
            ids: Only these people; all if None.
        """
        wanted = None if ids is None else set(ids)
        found: list[tuple[Track, int]] = []
        for track in self.tracks:
            row = int(np.searchsorted(track.places, place))
            here = row < len(track) and track.places[row] == place
            if here and (wanted is None or track.id in wanted):
                found.append((track, row))
        if not found:
            return Tracks.empty(len(self.skeleton))
        boxes = Boxes(
            np.stack([_box(track, row) for track, row in found]),
            np.array([track.box_scores[row] for track, row in found], np.float32),
        )
        poses = Poses(
            np.stack([track.keypoints[row] for track, row in found]),
            np.stack([track.scores[row] for track, row in found]),
            boxes,
        )
        return Tracks(np.array([track.id for track, _ in found], np.int64), poses)

    def file_of(self, place: int) -> str:
        """Name of a frame's photograph; empty if it has none."""
        return self.files[place] if self.files else ""

    def place_of(self, index: int) -> int | None:
        """Where a frame of the video is in `indices`; None if it is not there."""
        place = int(np.searchsorted(self.indices, index))
        return place if place < len(self) and self.indices[place] == index else None


def _box(track: Track, row: int) -> FloatArray:
    """The box, or where there is none the one around the keypoints."""
    box = track.xyxy[row]
    points = track.keypoints[row][np.isfinite(track.keypoints[row]).all(axis=1)]
    around: FloatArray = np.nan_to_num(box)
    if not np.isfinite(box).all() and len(points):
        around = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return around


@dataclass(slots=True)
class Seen:
    """One person in one frame, while a file is being read.

    Attributes:
        place: Position of the frame.
        id: The person's.
        points: K triplets x, y, score; NaN where not found.
        box: x1, y1, x2, y2; NaN where there is none.
        score: Of the box.
    """

    place: int
    id: int
    points: DoubleArray | FloatArray
    box: DoubleArray | FloatArray
    score: float


def gathered(seen: Iterable[Seen]) -> tuple[Track, ...]:
    """Sort what was seen by person; of a person twice in one frame the first counts."""
    people: dict[int, dict[int, Seen]] = {}
    for each in seen:
        people.setdefault(each.id, {}).setdefault(each.place, each)
    return tuple(_track(person, rows) for person, rows in people.items())


def _track(person: int, rows: dict[int, Seen]) -> Track:
    ordered = [rows[place] for place in sorted(rows)]
    points = np.stack([each.points for each in ordered])  # (M, K, 3)
    found = np.all(np.isfinite(points), axis=2)
    return Track(
        id=person,
        places=np.array([each.place for each in ordered], np.int64),
        keypoints=np.where(found[..., None], points[..., :2], np.nan).astype(np.float32),
        scores=np.where(found, points[..., 2], 0).astype(np.float32),
        xyxy=np.stack([each.box for each in ordered]).astype(np.float32),
        box_scores=np.array([each.score for each in ordered], np.float32),
    )
