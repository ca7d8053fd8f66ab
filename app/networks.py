"""Config -> the two networks that find people: a detector and an estimator of their poses."""

from __future__ import annotations

from typing import Any

from app.follower import PoseEstimator
from app.people import PeopleConfig
from app.steps.detect import PersonDetector
from app.steps.ensemble import as_one
from app.steps.estimate import CropEstimator
from app.steps.estimate_gpu import estimator_for
from engines.choose import choose
from engines.engine import Engine, open_engine
from engines.engine_file import SUFFIX
from model_zoo.zoo import model_path
from pose.errors import UsageError


def person_detector(
    config: PeopleConfig, min_score: float, max_people: int, **options: Any
) -> PersonDetector:
    """The detector, not entered.

    Args:
        config: Names it.
        min_score: Boxes below are nobody.
        max_people: At most so many per frame.
        options: Of its engine.

    Raises:
        UsageError: No such model, or it does not take that side.
        ModelFileError: The file cannot be used.
    """
    engine = _engine(config.person, config, **options)
    return PersonDetector(engine, min_score, max_people=max_people, side=config.person_side)


def pose_estimator(config: PeopleConfig, **options: Any) -> PoseEstimator:
    """One network, or several whose heatmaps are averaged; not entered. As `person_detector`."""
    if not config.poses:
        raise UsageError("expected a name or a file after --pose")
    engines = [_engine(name, config, **options) for name in config.poses]
    if len(engines) == 1:
        return estimator_for(engines[0], config.flip)
    return as_one([CropEstimator(engine, config.flip) for engine in engines])


def _engine(name: str, config: PeopleConfig, **options: Any) -> Engine:
    path = choose(model_path(name), config.engine).path
    if path.suffix == SUFFIX:
        options = {"trust": config.trust}  # the others are about CPUs
    return open_engine(path, **options)
