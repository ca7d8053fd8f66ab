"""Real pictures, as a network sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from build_engine.pictures import pictures
from pose.errors import InputError
from tests.engines.tiny_networks import CARD, POSE_CARD

PERSON_CARD = replace(CARD, any_size=True, input_size_wh=(96, 96))


def test_the_clip_that_ships_gives_crops_of_people() -> None:
    """Most of a crop around a person is not the black beyond the frame's edge."""
    card = replace(POSE_CARD, mean=(0, 0, 0), std=(1, 1, 1))

    batch = pictures(card, 3)

    assert batch.shape == (3, 3, 64, 48)
    assert batch.dtype == np.float32
    assert all((crop.max(axis=0) > 8).mean() > 0.5 for crop in batch)
    assert not np.allclose(batch[0], batch[2])


def test_a_detector_gets_whole_frames_of_one_shape(tmp_path: Path) -> None:
    for name, shape in (("a.png", (40, 90, 3)), ("b.jpg", (200, 100, 3)), ("notes.txt", (2, 2, 3))):
        _, content = cv2.imencode(".png", np.full(shape, 200, np.uint8))
        (tmp_path / name).write_bytes(content.tobytes())
    (tmp_path / "c.png").write_bytes(b"no picture")

    assert pictures(PERSON_CARD, 8, tmp_path).shape == (2, 3, 96, 96)
    assert pictures(PERSON_CARD, 1, tmp_path).shape == (1, 3, 96, 96)


@pytest.mark.parametrize("name", ["absent", "empty", "text.mp4"])
def test_a_source_without_pictures_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("dear aunt")

    with pytest.raises(InputError, match=r"expected .*pictures"):
        pictures(PERSON_CARD, 4, tmp_path / name)
