"""The file in which a batch remembers itself: what was asked, and how far each input is.

It stands in the folder of the results. A kill at any moment leaves the old one or the new one,
never half of one; what was being worked on is then waiting again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.batch.entry import Entry, Settings, State
from app.sinks.part_file import write_whole
from pose.errors import InputError, OutputError, UsageError

NAME = ".batch.manifest"  # no input's results can be called so: they have other suffixes
_VERSION = 1


def write_manifest(out: Path, entries: Sequence[Entry]) -> None:
    """Replace the manifest of a folder; OutputError where it cannot be written."""
    stored = {"version": _VERSION, "entries": [_stored(entry) for entry in entries]}
    write_whole(out / NAME, (json.dumps(stored, indent=1) + "\n").encode())


def remove_manifest(out: Path) -> None:
    """Forget the batch of a folder; nothing happens where there is none."""
    (out / NAME).unlink(missing_ok=True)


def read_manifest(out: Path) -> list[Entry]:
    """The entries of a folder's manifest; none where there is no manifest.

    Raises:
        InputError: There is one that cannot be understood.
        OutputError: The folder is no folder.
    """
    path = out / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise OutputError(
            f"expected a folder for the results at {out}, a file is on the way"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and not os.path.exists(path):  # it is the folder that refuses
            raise OutputError(
                f"expected a folder for the results at {out}, got: {error.strerror}; "
                "choose another one"
            ) from error
        raise InputError(f"{path}: cannot be read: {error}; move it away to start anew") from error
    try:
        stored = json.loads(text)
        if stored["version"] != _VERSION:
            raise ValueError(f"version {stored['version']!r}")
        return [_entry(key, each) for key, each in enumerate(stored["entries"], start=1)]
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise InputError(
            f"{path}: expected the manifest of a batch, version {_VERSION}, got something else "
            f"({type(error).__name__}: {error}); move it away to start anew"
        ) from error


def _stored(entry: Entry) -> dict[str, Any]:
    return {
        "input": entry.place,
        "name": entry.name,
        "state": entry.state.value,
        "begun": entry.begun,
        "error": entry.error,
        "exit_code": entry.exit_code,
        "figures": dict(entry.figures),
        "seen": entry.seen,
        "made_with": entry.made_with,
        "notes": list(entry.notes),
        "settings": entry.settings.to_json(),
    }


def _entry(key: int, stored: Mapping[str, Any]) -> Entry:
    state = State(stored["state"])
    return Entry(
        key=key,
        text=str(stored["input"]),
        place=str(stored["input"]),
        name=str(stored["name"]),
        settings=Settings.from_json(stored["settings"]),
        state=State.WAITING if state is State.WORKING else state,
        begun=bool(stored["begun"]),
        error=str(stored["error"]),
        exit_code=int(stored["exit_code"]),
        figures=dict(stored["figures"]),
        seen=str(stored["seen"]),
        made_with=str(stored["made_with"]),
        notes=tuple(map(str, stored["notes"])),
    )
