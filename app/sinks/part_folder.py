"""A result that is a folder of files: grows beside its place, moved into it when it is complete.

What `app.sinks.part_file` is for one file: `walk.openpose/` grows as `walk.part.openpose/`.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from app.sinks.part_file import naming, part_path

_log = logging.getLogger(__name__)


class PartFolder:
    """A folder that takes its own name on a clean end; OutputError where the disc refuses.

    After an error the `.part` folder stays with what is in it; with nothing in it, it goes.

    Attributes:
        folder: Where the files are while it grows.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is made yet; `path` is where the complete folder shall be."""
        self._path = path
        self.folder = part_path(path)

    def __enter__(self) -> Self:
        with naming(self._path):
            if self._path.exists() and not self._path.is_dir():
                raise NotADirectoryError(None, "there is a file of this name")
            if self.folder.is_dir():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            with naming(self._path):
                self._publish()
        elif any(self.folder.iterdir()):
            _log.warning("%s is not complete; what there is of it: %s", self._path, self.folder)
        else:
            self.folder.rmdir()

    def write(self, name: str, content: bytes) -> None:
        """Add a whole file, or replace it; a disc that is full leaves no half of it."""
        part = self.folder / ".part"  # not made of the name, which may be as long as names can be
        with naming(self._path):
            try:
                part.write_bytes(content)
                part.replace(self.folder / name)
            except OSError:
                part.unlink(missing_ok=True)
                raise

    def append(self, name: str, content: bytes) -> None:
        """Add to the end of a file, which is made where there is none."""
        with naming(self._path), (self.folder / name).open("ab") as file:
            file.write(content)

    def remove(self, name: str) -> None:
        """Take a file away again."""
        with naming(self._path):
            (self.folder / name).unlink()

    def _publish(self) -> None:
        older = self._path.with_name(f".{self._path.name}.older")
        if older.is_dir():  # of a run that was killed just here
            shutil.rmtree(older)
        if self._path.is_dir():  # a folder cannot be replaced in one step
            os.replace(self._path, older)
        os.replace(self.folder, self._path)
        if older.is_dir():
            shutil.rmtree(older)
