"""Crops and what the teachers say of them, computed once and kept on disk.

Asking two teachers for every view while training costs ten times the training: a network that
learns from a kept crop ten times pays once. Each person is kept on a canvas wider than the crop, so
that training can turn, shift and widen the view without running out of picture, and turned upright
where a torso is known to lean: teachers know people who stand. A cache is a folder:

    plan.json      what it holds: one line per crop, drawn before anything is computed
    canvas.npy     (n, 320, 320, 3) uint8 BGR; the crop lies in its middle
    targets.npy    (n, K, h, w) uint8, the teachers' mean heatmap of the crop times 255
    hand.npy       (n, K, 3) float32: crop x, y, COCO visibility; hand labels only
    turned.npy     (n,) float32 degrees by which the photograph was turned, counter-clockwise
    done.npy       (n,) bool; a cache that was interrupted goes on where it stopped
    pyramid_*.npy  float16, what a frozen backbone made of the crops (see `remember_features`);
    early_*.npy    the same from an earlier place in it
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose import affine
from pose.errors import InputError
from pose.skeleton import COCO_17
from training.augment import Geometry, crop_affine
from training.coco_dataset import Person, is_held_in
from training.progress import Progress
from training.teacher import PoseTeacher
from training.upright import upright_affine, upright_deg

log = logging.getLogger(__name__)
SIZE_WH = (192, 256)
CANVAS_WH = (320, 320)
CORNER_XY = ((CANVAS_WH[0] - SIZE_WH[0]) // 2, (CANVAS_WH[1] - SIZE_WH[1]) // 2)
SQUASHED = frozenset({"coco_stretched", "offices", "walks"})
# What is kept varies little: the view that a network learns from is drawn while training.
DISTILL_GEOMETRY = Geometry(
    padding=1.25,
    scale=(0.88, 1.12),
    rotation_deg=12,
    rotation_chance=0.4,
    shift=0.04,
    half_body_chance=0.12,
)


@dataclass(frozen=True, slots=True, eq=False)
class Cache:
    """An open cache; arrays are memory-mapped."""

    folder: Path
    canvas: np.ndarray
    targets: np.ndarray
    hand: np.ndarray
    turned: np.ndarray
    done: np.ndarray
    held_in: np.ndarray
    sources: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def crops(self) -> np.ndarray:
        """(n, H, W, 3) uint8 BGR, the middles of the canvases."""
        left, top = CORNER_XY
        return self.canvas[:, top : top + SIZE_WH[1], left : left + SIZE_WH[0]]

    def features(self, place: str) -> list[np.ndarray]:
        """Memory-mapped features by level, finest first; InputError if none were kept."""
        paths = sorted(self.folder.glob(f"{place}_?.npy"))
        if not paths:
            raise InputError(f"{self.folder} holds no {place} features; compute them first")
        return [np.load(path, mmap_mode="r") for path in paths]

    def features_ready(self, place: str) -> int:
        """How many crops, from the first, have their features."""
        mark = self.folder / f"{place}_done.txt"
        return int(mark.read_text()) if mark.exists() else 0


def choose(
    people: Sequence[Person], per_source: Mapping[str, int], default: int, seed: int
) -> list[Person]:
    """Draw people, so that no source drowns the others; the order is mixed.

    Args:
        people: Everybody.
        per_source: Most crops from a source; more than it has people: several crops of each.
        default: The same for sources not named.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    by_source: dict[str, list[Person]] = {}
    for person in people:
        by_source.setdefault(person.source, []).append(person)
    chosen: list[Person] = []
    for source, members in sorted(by_source.items()):
        wanted = per_source.get(source, default)
        rounds = [rng.permutation(len(members)) for _ in range(-(-wanted // len(members)))]
        order = np.concatenate(rounds)[:wanted] if rounds else np.zeros(0, int)
        chosen += [members[i] for i in order]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def open_cache(folder: Path) -> Cache:
    """Open what `build_cache` made; InputError if there is none."""
    try:
        plan = json.loads((folder / "plan.json").read_text())
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r+")
            for name in ("canvas", "targets", "hand", "turned", "done")
        }
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: expected the crops that `main.py train --recipe pose-base` cuts out before "
            f"it begins, found no {error.filename}; start that first"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: expected a cache of crops, got {error}") from error
    return Cache(
        folder,
        **arrays,
        held_in=np.array([row["held_in"] for row in plan], bool),
        sources=tuple(row["source"] for row in plan),
        files=tuple(row["file"] for row in plan),
    )


def build_cache(
    folder: Path, people: Sequence[Person], teachers: Sequence[Path], views: int, workers: int
) -> Cache:
    """Cut everybody out and ask the teachers; goes on where an earlier call stopped.

    Args:
        folder: Made if missing. The same people must be passed to go on.
        people: One crop each, in this order.
        teachers: ONNX files.
        views: Moved views beside the crop itself.
        workers: Crops that are worked on at once.
    """
    if not (folder / "plan.json").exists():
        _allocate(folder, people)
    cache = open_cache(folder)
    if len(cache.done) != len(people):
        raise InputError(f"{folder} holds {len(cache.done)} crops, {len(people)} asked; remove it")
    left = np.flatnonzero(~cache.done)
    work = partial(_fill, cache, people, PoseTeacher(teachers, views))
    with Progress("crops and targets", total=len(people), done=len(people) - len(left)) as bar:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(work, left):
                bar.advance()
    return cache


def _allocate(folder: Path, people: Sequence[Person]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    count, keypoints = len(people), len(COCO_17)
    width, height = SIZE_WH
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "canvas": ((count, CANVAS_WH[1], CANVAS_WH[0], 3), np.uint8),
        "targets": ((count, keypoints, height // 4, width // 4), np.uint8),
        "hand": ((count, keypoints, 3), np.float32),
        "turned": ((count,), np.float32),
        "done": ((count,), np.bool_),
    }
    for name, (shape, kind) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, shape).flush()
    rows = [{"held_in": is_held_in(p), "source": p.source, "file": p.image.name} for p in people]
    (folder / "plan.json").write_text(json.dumps(rows))


def _fill(cache: Cache, people: Sequence[Person], teacher: PoseTeacher, index: int) -> None:
    rng = np.random.default_rng([7, int(index)])
    person = people[index]
    photograph = cv2.imread(str(person.image), cv2.IMREAD_COLOR)
    if photograph is None:
        raise InputError(f"expected a photograph at {person.image}, could not read one")
    known = np.where(np.isfinite(person.keypoints), person.keypoints, person.guess[:, :2])
    drawn_out = 1.0
    if person.source in SQUASHED:
        drawn_out = 4 / 3 if rng.random() < 0.75 else 3 / 4
    turn_deg = upright_deg(known) if person.by_hand and drawn_out == 1.0 else 0.0
    if turn_deg:
        to_crop = upright_affine(rng, known, turn_deg, SIZE_WH)
    else:
        to_crop = crop_affine(rng, person.xyxy, known, SIZE_WH, DISTILL_GEOMETRY, drawn_out)
    left, top = CORNER_XY
    onto_canvas = to_crop + np.array([[0, 0, left], [0, 0, top]], np.float32)
    canvas = np.asarray(cv2.warpAffine(photograph, onto_canvas, CANVAS_WH), np.uint8)
    crop = canvas[top : top + SIZE_WH[1], left : left + SIZE_WH[0]]
    # A generator of its own: how many views there are does not change the crops.
    maps = teacher.heatmaps(crop, np.random.default_rng([8, int(index)]))
    cache.targets[index] = (maps.clip(0, 1) * 255).round().astype(np.uint8)
    cache.canvas[index] = canvas
    cache.hand[index, :, :2] = affine.apply(to_crop, person.keypoints[None])[0]
    cache.hand[index, :, 2] = person.visibility
    cache.turned[index] = turn_deg
    cache.done[index] = True


def remember_features(
    cache: Cache, place: str, forward: Callable[[np.ndarray], list[np.ndarray]], batch: int = 8
) -> None:
    """Run a frozen backbone over all crops once, and keep its answers as float16.

    Stops at the first crop that is not finished; called again, it goes on from there.

    Args:
        cache: Where to keep them.
        place: Name of the place in the network.
        forward: (N, H, W, 3) uint8 BGR -> features by level, each (N, C, h, w).
        batch: Crops per call.
    """
    unfinished = np.flatnonzero(~cache.done)
    count = int(unfinished[0]) if len(unfinished) else len(cache.done)
    start = cache.features_ready(place)
    paths = sorted(cache.folder.glob(f"{place}_?.npy"))
    files = [np.load(path, mmap_mode="r+") for path in paths]
    with Progress(f"{place} features", total=count, done=start) as bar:
        for first in range(start, count, batch):
            answer = forward(cache.crops[first : min(first + batch, count)])
            if not files:
                files = [_open_level(cache, place, n, x.shape[1:]) for n, x in enumerate(answer)]
            last = first + len(answer[0])
            for kept, values in zip(files, answer, strict=True):
                kept[first:last] = values
            (cache.folder / f"{place}_done.txt").write_text(str(last))
            bar.advance(last - first)


def _open_level(cache: Cache, place: str, level: int, shape: tuple[int, ...]) -> np.ndarray:
    path = cache.folder / f"{place}_{level}.npy"
    return np.lib.format.open_memmap(path, "w+", np.float16, (len(cache.done), *shape))
