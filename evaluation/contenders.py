"""The networks that `main.py pareto` compares: how each is judged, and how it is run once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.steps.detect import PersonDetector
from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from evaluation.annotations import Annotations
from evaluation.peers import MOVENET, with_cards
from evaluation.predict import Predictions, detected_boxes, predict, true_boxes
from model_zoo.zoo import model_path
from pose.card import ModelCard, sized
from pose.errors import InputError, UsageError
from pose.skeleton import COCO_17, Skeleton

POSE, PERSON = "pose", "person"
_LOW_SCORE, _MANY_PEOPLE = 0.01, 100  # AP wants all candidates


@dataclass(frozen=True, slots=True)
class Contender:
    """A network that takes part.

    Attributes:
        name: Of its card.
        task: `pose` or `person`.
        ours: Else a peer.
        judge: Predictions on photographs.
        skeleton: Order of its keypoints.
        runner: Opens it with so many threads, in an ExitStack; answers what runs it once on so
            many pictures.
        runtime: What runs it.
    """

    name: str
    task: str
    ours: bool
    judge: Callable[[Annotations], Predictions]
    skeleton: Skeleton
    runner: Callable[[int, ExitStack], Callable[[int], object]]
    runtime: str = "ONNX Runtime"


def contenders(models: Sequence[str], peers: Path | None, folder: Path) -> list[Contender]:
    """Everybody who takes part.

    Args:
        models: Names of the model zoo, files, or a detector's `NAME@SIDE`.
        peers: Folder with the networks of others that `evaluation/peers.py` knows; None for none.
        folder: Where the peers' files get cards; must last as long as the contenders.

    Raises:
        UsageError: Nobody is named, or a side is no number.
        InputError: `peers` is no folder.
    """
    found = [_ours(name) for name in models]
    if peers is not None:
        if not peers.is_dir():
            raise InputError(f"--peers: expected a folder, got {peers}")
        found += [_network(path, ours=False) for path in with_cards(peers, folder)]
        if (peers / MOVENET).is_file():
            found.append(_movenet(peers / MOVENET))
    if not found:
        raise UsageError("expected --models or --peers with something in it")
    return found


def _ours(name: str) -> Contender:
    """Of `NAME`, `FILE` or a detector's `NAME@SIDE`."""
    model, _, side = name.partition("@")
    if side and not side.isdecimal():
        raise UsageError(f"--models: expected a side in pixels behind @, got {name!r}")
    return _network(model_path(model), True, int(side or 0))


def _network(path: Path, ours: bool, side: int = 0) -> Contender:
    card = open_engine(path).card
    if side:
        card = replace(sized(card, side), name=f"{card.name} {side}")

    def runner(threads: int, stack: ExitStack) -> Callable[[int], object]:
        engine = stack.enter_context(open_engine(path, threads=threads))
        picture = _noise(card)
        batches = {1: picture}

        def run(count: int) -> object:
            if count not in batches:
                batches[count] = np.repeat(picture, count, axis=0)
            return engine.infer(batches[count])

        return run

    def poses(annotations: Annotations) -> Predictions:
        with CropEstimator(open_engine(path)) as step:
            return predict(annotations, true_boxes, step, card.keypoints)

    def boxes(annotations: Annotations) -> Predictions:
        engine = open_engine(path)
        with PersonDetector(engine, _LOW_SCORE, max_people=_MANY_PEOPLE, side=side) as step:
            return predict(annotations, detected_boxes(step), None)

    pose = card.task == POSE
    skeleton = card.keypoints if pose else COCO_17
    return Contender(card.name, card.task, ours, poses if pose else boxes, skeleton, runner)


def _movenet(path: Path) -> Contender:
    from evaluation.movenet import MoveNet  # needs OpenVINO

    def judge(annotations: Annotations) -> Predictions:
        with MoveNet(path, threads=0) as step:
            return predict(annotations, true_boxes, step, COCO_17)

    def runner(threads: int, stack: ExitStack) -> Callable[[int], object]:
        step = stack.enter_context(MoveNet(path, threads))
        picture = np.random.default_rng(0).integers(0, 255, (192, 192, 3), np.uint8)
        return lambda count: [step.infer(picture) for _ in range(count)]

    name = "MoveNet Lightning int8"
    return Contender(name, POSE, False, judge, COCO_17, runner, runtime="OpenVINO")


def _noise(card: ModelCard) -> Any:
    width, height = card.input_size_wh
    return np.random.default_rng(0).standard_normal((1, 3, height, width)).astype(np.float32)
