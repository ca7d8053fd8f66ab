"""Ids for people whose file has none: who is most like whom in the frame before.

Pairs by object keypoint similarity (pose/oks.py) with the best sum over all people
(scipy's assignment), as trackers by detection do; the program's own tracker needs the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from scipy.optimize import linear_sum_assignment

from app.review.tracked import Seen
from pose.oks import oks
from pose.skeleton import Skeleton

_ALIKE = 0.3
_GONE_FRAMES = 15  # who was away for longer comes back as somebody new


def linked(seen: Sequence[Seen], skeleton: Skeleton) -> list[Seen]:
    """The same sightings with ids, from 1 in the order of appearance."""
    ordered = sorted(seen, key=lambda each: each.place)
    known: dict[int, Seen] = {}  # the latest sighting of each person
    answer: list[Seen] = []
    count = 0
    for place, group in groupby(ordered, key=lambda each: each.place):
        here = list(group)
        before = [each for each in known.values() if place - each.place <= _GONE_FRAMES]
        pairs = _pairs(here, before, skeleton)
        for number, each in enumerate(here):
            if number in pairs:
                person = before[pairs[number]].id
            else:
                count += 1
                person = count
            known[person] = replace(each, id=person)
            answer.append(known[person])
    return answer


def _pairs(here: list[Seen], before: list[Seen], skeleton: Skeleton) -> dict[int, int]:
    if not before:
        return {}
    new = np.stack([each.points[:, :2] for each in here]).astype(np.float32)
    old = np.stack([each.points[:, :2] for each in before]).astype(np.float32)
    visible = np.all(np.isfinite(old), axis=2)
    alike = oks(new, np.nan_to_num(old), visible, _areas(before), skeleton.oks_sigmas)
    rows, columns = linear_sum_assignment(-alike)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if alike[row, column] >= _ALIKE
    }


def _areas(people: list[Seen]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    areas = np.ones(len(people), np.float32)
    for number, each in enumerate(people):
        points = each.points[np.isfinite(each.points).all(axis=1), :2]
        if len(points):
            areas[number] = max(1.0, float(np.prod(np.ptp(points, axis=0))))
    return areas
