"""A network's own answers: mirror images averaged, and an interrupted call goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose import heatmap
from tests.training.small_cache import CROPS
from training.distill import Cache
from training.own_answers import own_answers
from training.teacher import unmirrored


def test_both_ways_to_look_count_the_same(tmp_path: Path, cache: Cache) -> None:
    at = heatmap.encode(np.full((1, 17, 2), 20, np.float32), (48, 64), 2.0)[0]

    def forward(crops: np.ndarray) -> np.ndarray:
        assert (crops[1] == crops[0][:, ::-1]).all()
        return np.stack([at, unmirrored(np.zeros_like(at))])

    cache.done[2] = False
    own = own_answers(tmp_path / "own.npy", cache, forward)

    np.testing.assert_allclose(own[0] / 255, at / 2, atol=1 / 255)
    assert (own[2] == 0).all(), "nobody is asked about a crop that is not there"


def test_what_was_answered_before_is_not_asked_again(tmp_path: Path, cache: Cache) -> None:
    def forward(crops: np.ndarray) -> np.ndarray:
        return np.ones((2, 17, 64, 48), np.float32)

    def never(crops: np.ndarray) -> np.ndarray:
        raise AssertionError("asked again")

    first = own_answers(tmp_path / "own.npy", cache, forward)
    again = own_answers(tmp_path / "own.npy", cache, never)

    np.testing.assert_array_equal(first, again)
    assert (again == 255).all() and len(again) == CROPS
