"""What an input looks like at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.batch.preview import preview
from pose.errors import InputError, UsageError
from tests.app import drawn


def test_a_video_shows_a_picture_from_within_and_its_length(tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 60)

    found = preview(str(clip), (160, 90))

    assert (found.frames, found.size_wh) == (60, drawn.SIZE_WH)
    assert found.seconds == pytest.approx(2.0, abs=0.1)
    assert found.image.shape == (90, 120, 3)
    first = preview(str(drawn.write_clip(tmp_path / "still.mp4", 1)), (160, 90))
    assert np.abs(found.image.astype(int) - first.image).mean() > 1  # somebody has walked


def test_pictures_show_the_first_of_them(tmp_path: Path) -> None:
    folder = drawn.write_pictures(tmp_path / "shots", 3)

    found = preview(str(folder), (1000, 120))

    assert (found.frames, found.image.shape) == (3, (120, 160, 3))


@pytest.mark.parametrize(
    ("text", "error"), [("missing.mp4", InputError), ("rtsp://localhost/door", UsageError)]
)
def test_what_cannot_be_used_is_told(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        preview(text, (160, 90))
