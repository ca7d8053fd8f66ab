"""Where a result may be written: asked before hours of work, not after them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.batch.inputs import check_free
from app.sinks.part_file import naming
from pose.errors import UsageError


def check_place(flag: str, path: Path | None, inputs: Iterable[Path]) -> None:
    """Find out before hours of work whether a result has a place.

    Raises:
        UsageError: It is no file's name.
        OutputError: It would replace an input, or its folder cannot be made.
    """
    if path is None:
        return
    if not path.name or path.is_dir():
        raise UsageError(f"{flag}: expected the name of a file, got {path}")
    check_free([path], map(str, inputs), overwrite=True)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
