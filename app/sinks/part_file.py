"""How results reach the disc: written beside their place, moved into it when they are complete.

`walk.mp4` grows as `walk.part.mp4` and takes its own name on a clean end; whatever bears its own
name is therefore complete. After a kill, an error or a full disc the `.part` file stays where it
is, keeps its suffix so that players and editors still know it, and holds everything that was
written until then. The next run with the same name starts it anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from pose.errors import OutputError

_log = logging.getLogger(__name__)


def part_path(path: Path) -> Path:
    """Where a result grows until it is complete: `name.part.suffix` in the same folder."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError inside the `with` into an OutputError that names the result's path."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for a result that the operating system refuses, with what can be done."""
    part = part_path(path)
    kept = f"; what was written until then is in {part}" if _holds_something(part) else ""
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}{kept}; make room or choose another place")


def _holds_something(part: Path) -> bool:
    try:
        return part.stat().st_size > 0
    except OSError:
        return False


def start(path: Path) -> FileIO:
    """Open a result's `.part` file, unbuffered, and make the folder where it is missing.

    Raises:
        OutputError: The place cannot be written, or a folder bears the result's name.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "there is a folder of this name")
        return FileIO(part_path(path), "w+")


def publish(path: Path, file: FileIO) -> None:
    """Close a complete `.part` file and give it its own name; OutputError where that fails."""
    with naming(path):
        try:
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        finally:
            file.close()
        part_path(path).replace(path)


def leave(path: Path, file: FileIO) -> None:
    """Close the `.part` file of a run that failed, and say where it is."""
    file.close()
    _log.warning("%s is not complete; what there is of it: %s", path, part_path(path))


def discard(path: Path, file: FileIO) -> None:
    """Remove the `.part` file of a run that had nothing to write."""
    file.close()
    with naming(path):
        part_path(path).unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file; what was there before stays until the new one is whole.

    Raises:
        OutputError: The place or the disc refuses it.
    """
    file = start(path)
    try:
        _write_all(file, content)
    except OSError as error:
        discard(path, file)
        raise unwritable(path, error) from error
    publish(path, file)


def _write_all(file: FileIO, content: bytes) -> None:
    """A nearly full disc takes a part, and says no to the rest."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


class RecordFile:
    """A result that grows by whole records and can be read after each of them.

    Every record is handed to the operating system before `append` returns, so that a killed
    process loses none. A record that does not fit on the disc is taken back as a whole.
    """

    def __init__(self, path: Path, opening: bytes = b"", closing: bytes = b"") -> None:
        """Nothing is opened yet.

        Args:
            path: Where the complete result shall be.
            opening: What the file starts with.
            closing: What stands after the last record, at any time.
        """
        self._path = path
        self._opening = opening
        self._closing = closing
        self._end = 0  # of the last whole record, in bytes

    def __enter__(self) -> Self:
        self._file = start(self._path)
        try:
            self.append(self._opening)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            publish(self._path, self._file)
        elif self._end == len(self._opening):
            discard(self._path, self._file)
        else:
            leave(self._path, self._file)

    def append(self, record: bytes) -> None:
        """Add one record; OutputError where the disc refuses it, and then the file ends before it.

        An empty record costs nothing.
        """
        if not record and self._end:
            return
        try:
            self._write(record + self._closing)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                self._file.truncate(self._end)
                self._write(self._closing)
            raise unwritable(self._path, error) from error
        self._end += len(record)

    def _write(self, content: bytes) -> None:
        """Write over whatever follows the last whole record."""
        self._file.seek(self._end)
        _write_all(self._file, content)
