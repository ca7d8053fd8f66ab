"""Sinks: where scenes end. One file or folder each, chosen by the suffix of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from typing_extensions import Self

from app.sinks.bvh import BvhWriter
from app.sinks.coco_results import CocoResultsWriter
from app.sinks.csv_table import CsvWriter
from app.sinks.json_lines import JsonLinesWriter
from app.sinks.mot_challenge import MotChallengeWriter
from app.sinks.mp4 import Mp4Writer
from app.sinks.openpose_json import OpenPoseWriter
from app.sinks.pictures import PicturesWriter
from pose.errors import UsageError
from pose.skeleton import Skeleton
from pose.types import Scene


class Sink(Protocol):
    """A result that grows scene by scene; opened by `with`, in the thread that writes it.

    A clean end gives the file its name. After an error the `.part` file stays and can be read
    (`app.sinks.part_file`). A place or a disc that cannot be written raises OutputError.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self, scene: Scene, /) -> None:
        """Add one scene; scenes come in the order of their frames."""
        ...


SINKS: dict[str, Callable[[Path, Skeleton], Sink]] = {
    ".mp4": lambda path, skeleton: Mp4Writer(path),
    ".jsonl": JsonLinesWriter,
    ".csv": CsvWriter,
    ".json": CocoResultsWriter,
}
# Written only where somebody asks for them.
MORE_SINKS: dict[str, Callable[[Path, Skeleton], Sink]] = {".txt": MotChallengeWriter}
FOLDER_SINKS: dict[str, Callable[[Path, Skeleton], Sink]] = {
    ".openpose": OpenPoseWriter,
    ".bvh": BvhWriter,
    ".pictures": PicturesWriter,
}
_SHOWN = frozenset({".mp4", ".pictures"})


def any_shown(paths: Iterable[Path]) -> bool:
    """Whether one of these results shows pictures: then somebody must draw, and hide faces."""
    return any(path.suffix.lower() in _SHOWN for path in paths)


def known_suffixes() -> list[str]:
    """Every suffix that has a writer, the usual ones first."""
    return [*SINKS, *MORE_SINKS, *FOLDER_SINKS]


def open_sink(path: Path, skeleton: Skeleton) -> Sink:
    """The writer for a path, by its suffix; nothing is opened before `with`.

    Args:
        path: The file or folder to make; one that is there already is replaced at the end.
        skeleton: What the keypoints of the scenes are.

    Raises:
        UsageError: No writer for this suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in known_suffixes():
        known = ", ".join(known_suffixes())
        raise UsageError(f"expected an output ending in {known}, got {path.name!r}")
    return {**SINKS, **MORE_SINKS, **FOLDER_SINKS}[suffix](path, skeleton)
