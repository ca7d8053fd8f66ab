"""The fixture that writes clips into a test's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pose.types import ByteArray
from tests.app.sources.clips import ClipMaker, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> ClipMaker:
    """Write a clip into the test's folder: `clip("a.mp4", pictures, …)`."""

    def make(name: str, pictures: Sequence[ByteArray], **options: object) -> Path:
        return write_clip(tmp_path / name, pictures, **options)  # type: ignore[arg-type]

    return make
