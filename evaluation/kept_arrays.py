"""Arrays that are kept between runs: whole or not at all, and only for what they were made of."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from app.sinks.part_file import naming, part_path

_OF = "made_of"


def digest(*parts: object) -> str:
    """A name for what arrays are made of: arrays by their bytes, all else by its `repr`."""
    told = hashlib.sha256()
    for part in parts:
        told.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        told.update(b"\0")
    return told.hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], of: str = "") -> None:
    """Write an `.npz`; it appears when it is complete.

    Args:
        path: The file to make; its folder too.
        arrays: By name.
        of: What they were made of, as `digest` has it.

    Raises:
        OutputError: The place or the disc refuses it.
    """
    part = part_path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            np.savez(part, **arrays, **{_OF: np.array(of)})  # type: ignore[arg-type]
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def read_arrays(path: Path, of: str = "") -> dict[str, np.ndarray] | None:
    """Read them back; None where there are none that are whole and made of the same."""
    try:
        with path.open("rb") as stored, np.load(stored) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    made_of = arrays.pop(_OF, None)
    return arrays if made_of is not None and str(made_of) == of else None
