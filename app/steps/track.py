"""Tracking: poses of frame after frame -> ids that last.

Motion (`app.steps.motion`) says where everybody should be, `app.steps.likeness` how well each
pose fits, and the Hungarian method picks the best pairs (scipy). Rounds as in ByteTrack (Zhang
et al., ECCV 2022): sure poses first, for everybody who is or was here; then unsure ones, only for
those who were here a moment ago; at last boxes that do not count by themselves
(`app.steps.doubtful`), for those who were here in the frame before. All times are seconds of the
source's clock, never counts of frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from app.steps.crowd import real_people, strangers_to, sureness
from app.steps.cut import CutDetector
from app.steps.doubtful import Doubtful
from app.steps.likeness import likeness
from app.steps.motion import BoxMotion, followed
from pose.ranking import SEEN
from pose.skeleton import Skeleton
from pose.types import Boxes, FloatArray, Frame, IntArray, Poses, Tracks

_VAGUE = 0.3  # sizes; a prediction that may be so far off is worth half


@dataclass(frozen=True)
class TrackerConfig:
    """When two sightings are one person.

    Attributes:
        min_pose_score: Poses below (`app.steps.crowd.pose_scores`) are nobody.
        max_pose_oks: Poses that are more alike than this are one person, seen twice.
        sure_score: Poses that are at least so sure (`app.steps.crowd.sureness`) take part in the
            first round, and start a track where they fit nobody.
        min_likeness: Less is another person.
        min_hits: A track is shown once it was seen so often in a row; at the start and after a
            scene cut at once.
        max_doubt_s: So long after a sure pose somebody may be looked for in boxes that do not count
            by themselves; a poster behind somebody who left does not become them for ever.
        max_lost_s: Who is missing in the frames of so many seconds comes back as somebody new.
        max_gap_s: After so many seconds without a frame everybody is new.
    """

    min_pose_score: float = 0.3
    max_pose_oks: float = 0.7
    sure_score: float = 0.5
    min_likeness: float = 0.25
    min_hits: int = 2
    max_doubt_s: float = 3.0
    max_lost_s: float = 1.2
    max_gap_s: float = 3.0


@dataclass(eq=False)
class _Person:
    """What the tracker knows about somebody: how they looked last, and how they move."""

    motion: BoxMotion
    keypoints: FloatArray  # (K, 2)
    scores: FloatArray  # (K,)
    box: FloatArray  # (4,)
    box_score: np.float32
    sure_s: float  # when they were last seen in a sure pose
    hits: int = 1
    id: int = 0  # given when shown for the first time
    missing_s: float | None = None  # time of the first frame without them; None while seen

    @property
    def here(self) -> bool:
        return self.missing_s is None


class Tracker:
    """Gives everybody an id that lasts; call it with every frame, in order.

    Args:
        skeleton: Of the poses.
        config: When two sightings are one person.
    """

    def __init__(self, skeleton: Skeleton, config: TrackerConfig | None = None) -> None:
        self._skeleton = skeleton
        self._config = config or TrackerConfig()
        self._people: list[_Person] = []
        self._is_cut = CutDetector()
        self._next_id = 1
        self._time_s = -np.inf
        self._fresh = True  # no frame of this scene was seen yet
        self._behind_s = 0.0  # by how much the source's clock has jumped back

    def __call__(
        self,
        frame: Frame,
        poses: Poses,
        detected: bool = True,
        doubtful: Doubtful | None = None,
    ) -> Tracks:
        """Name the people of the next frame.

        Args:
            frame: The frame; its picture tells scene cuts.
            poses: Everybody found in it, in any order.
            detected: Whether the boxes come from the detector; False where `predicted` boxes
                were fed back, so that a pose there proves nothing about somebody new.
            doubtful: Boxes that are nobody by themselves; asked where somebody is missed.

        Returns:
            People who are here and known, by id. Boxes that were fed back follow the keypoints.
        """
        before_s, now_s = self._time_s, self._advance(frame.time_s)
        cut = self._is_cut(frame.image) or frame.alone
        if cut or now_s - before_s > self._config.max_gap_s:
            self._people, self._fresh = [], True  # nobody can be told from anybody before
        found = real_people(
            poses, self._skeleton, self._config.min_pose_score, self._config.max_pose_oks
        )
        sure = sureness(found) >= self._config.sure_score
        matched = self._match(found, sure, now_s)
        for who, i in matched.items():
            self._see(who, found, i, now_s, detected)
            who.sure_s = now_s if sure[i] else who.sure_s
        again = self._look_again(found, matched, doubtful, now_s) if doubtful else set()
        here = again.union(matched)
        self._people = [who for who in self._people if who in here or self._wait(who, now_s)]
        if detected:
            strange = sure.copy()
            strange[list(matched.values())] = False
            self._welcome(found[strange], now_s)
            self._fresh = False
        return self._shown()

    def predicted(self, time_s: float) -> Boxes:
        """Say where the people of the last frame will be, to spare the detector a frame.

        Args:
            time_s: Of the frame to come.

        Returns:
            One box per person who was seen in the last frame, with the detector's last score.
        """
        here = [who for who in self._people if who.here]
        if not here:
            return Boxes.empty()
        now_s = time_s + self._behind_s
        return Boxes(
            np.stack([who.motion.predicted(now_s) for who in here]),
            np.stack([who.box_score for who in here]),
        )

    def _advance(self, time_s: float) -> float:
        """Our own clock, which goes on where the source's jumps back."""
        if time_s + self._behind_s < self._time_s:
            self._behind_s = self._time_s - time_s
        self._time_s = time_s + self._behind_s
        return self._time_s

    def _match(self, found: Poses, sure: npt.NDArray[np.bool_], now_s: float) -> dict[_Person, int]:
        if not self._people or not len(found):
            return {}
        worth = self._worth(found, self._people, now_s)
        known = np.array([who.id > 0 for who in self._people])
        here = np.array([who.here for who in self._people])
        matched: dict[_Person, int] = {}
        for poses, people in ((sure, known), (~sure, known & here), (sure | ~sure, ~known)):
            free = np.array([who not in matched for who in self._people])
            left = np.array([i not in matched.values() for i in range(len(found))])
            for i, j in _pairs(worth, np.flatnonzero(poses & left), np.flatnonzero(people & free)):
                matched[self._people[j]] = i
        return matched

    def _worth(self, found: Poses, people: list[_Person], now_s: float) -> FloatArray:
        """(N, P) how well each pose fits each person; 0 for another person."""
        expected, spread = _expected(people, now_s)
        fits = likeness(found, expected, spread, self._skeleton)
        # A vague prediction fits everybody; it must not take a pose from one that is sharp.
        sizes = np.array([who.motion.size for who in people], np.float32)
        worth: FloatArray = np.where(
            fits >= self._config.min_likeness, fits / (1 + spread / (_VAGUE * sizes)), 0
        )
        return worth

    def _look_again(
        self, found: Poses, matched: dict[_Person, int], doubtful: Doubtful, now_s: float
    ) -> set[_Person]:
        """See people who were here in the frame before in boxes that do not count by themselves."""
        config = self._config
        missed = [
            who
            for who in self._people
            if who.here
            and who.id
            and who not in matched
            and now_s - who.sure_s <= config.max_doubt_s
        ]
        if not missed or not len(doubtful.boxes) or not doubtful.room:
            return set()
        poses = doubtful.near(np.stack([who.motion.predicted(now_s) for who in missed]))
        poses = real_people(poses, self._skeleton, config.min_pose_score, config.max_pose_oks)
        poses = strangers_to(found, poses, self._skeleton, config.max_pose_oks)
        worth = self._worth(poses, missed, now_s)
        pairs = _pairs(worth, np.arange(len(poses)), np.arange(len(missed)))
        pairs = sorted(pairs, key=lambda pair: -worth[pair])[: doubtful.room]
        for i, j in pairs:
            self._see(missed[j], poses, i, now_s, True)
        return {missed[j] for _, j in pairs}

    def _see(self, who: _Person, found: Poses, i: int, now_s: float, detected: bool) -> None:
        keypoints, scores, box = found.keypoints[i], found.scores[i], found.boxes.xyxy[i]
        if not detected:
            before = np.where(who.scores[:, None] >= SEEN, who.keypoints, np.nan)
            box = followed(who.box, before, np.where(scores[:, None] >= SEEN, keypoints, np.nan))
        who.motion.update(box, now_s)
        who.keypoints, who.scores, who.box = keypoints, scores, box
        who.box_score, who.missing_s = found.boxes.scores[i], None
        who.hits += detected
        if not who.id and who.hits >= self._config.min_hits:
            self._name(who)

    def _wait(self, who: _Person, now_s: float) -> bool:
        """Note that somebody is missing; False where it is not worth waiting for them."""
        if who.missing_s is None:
            who.missing_s = now_s
        return who.id > 0 and now_s - who.missing_s <= self._config.max_lost_s

    def _welcome(self, strangers: Poses, now_s: float) -> None:
        for i, box in enumerate(strangers.boxes.xyxy):
            who = _Person(
                BoxMotion(box, now_s),
                strangers.keypoints[i],
                strangers.scores[i],
                box,
                strangers.boxes.scores[i],
                now_s,
            )
            if self._fresh or self._config.min_hits <= 1:
                self._name(who)
            self._people.append(who)

    def _name(self, who: _Person) -> None:
        who.id, self._next_id = self._next_id, self._next_id + 1

    def _shown(self) -> Tracks:
        shown = sorted((who for who in self._people if who.here and who.id), key=lambda who: who.id)
        if not shown:
            return Tracks.empty(len(self._skeleton))
        return Tracks(np.array([who.id for who in shown], np.int64), _poses(shown))


def _expected(people: list[_Person], now_s: float) -> tuple[Poses, FloatArray]:
    """Everybody as they should look by now, and how far they may be off in pixels."""
    before = _poses(people)
    shift = np.stack([who.motion.shift(now_s) for who in people])
    xyxy = np.stack([who.motion.predicted(now_s) for who in people])
    spread = np.array([who.motion.spread(now_s) for who in people], np.float32)
    boxes = Boxes(xyxy, before.boxes.scores)
    return Poses(before.keypoints + shift[:, None], before.scores, boxes), spread


def _poses(people: list[_Person]) -> Poses:
    return Poses(
        np.stack([who.keypoints for who in people]),
        np.stack([who.scores for who in people]),
        Boxes(np.stack([who.box for who in people]), np.stack([who.box_score for who in people])),
    )


def _pairs(worth: FloatArray, poses: IntArray, people: IntArray) -> list[tuple[int, int]]:
    """The pairs of the given poses and people that are worth most together, none worth 0."""
    if not len(poses) or not len(people):
        return []
    part = worth[np.ix_(poses, people)]
    return [
        (int(poses[row]), int(people[column]))
        for row, column in zip(*linear_sum_assignment(part, maximize=True), strict=True)
        if part[row, column] > 0
    ]
