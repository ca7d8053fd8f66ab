"""A small cache of crops, as `training.distill` keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pose import heatmap
from tests.training.small_cache import CROPS
from training.distill import Cache, open_cache


@pytest.fixture
def cache(tmp_path: Path, rng: np.random.Generator) -> Cache:
    """Twelve crops of noise whose teachers are sure of one place per keypoint."""
    points = rng.uniform(10, 38, (CROPS, 17, 2)).astype(np.float32)
    soft = 0.8 * heatmap.encode(points, (48, 64), 2.0)
    hand = np.concatenate([points * 4 + 6, np.full((CROPS, 17, 1), 2)], axis=2)
    hand[:, 3, 2] = 0
    hand[:, 4, 1] += 80
    canvas = rng.integers(0, 255, (CROPS, 320, 320, 3)).astype(np.uint8)
    np.save(tmp_path / "canvas.npy", canvas)
    np.save(tmp_path / "turned.npy", np.where(np.arange(CROPS) % 3 == 2, 90.0, 0).astype("f4"))
    np.save(tmp_path / "targets.npy", (soft * 255).astype(np.uint8))
    np.save(tmp_path / "hand.npy", hand.astype(np.float32))
    np.save(tmp_path / "done.npy", np.ones(CROPS, bool))
    rows = [
        {"held_in": i % 4 == 0, "source": "lspet" if i % 2 else "parse", "file": f"{i // 2}.jpg"}
        for i in range(CROPS)
    ]
    (tmp_path / "plan.json").write_text(json.dumps(rows))
    return open_cache(tmp_path)
