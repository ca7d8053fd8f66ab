"""What the rows of a table of small trainings share, written down beside them.

Rows of different budgets are not to stand in one table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from app.sinks.part_file import write_whole
from pose.errors import InputError, UsageError

_NAME = "settings.json"


def remember(folder: Path, budget: Mapping[str, int | float | str], only_print: bool) -> None:
    """Write the budget into `folder/settings.json`, or compare with what stands there.

    Args:
        folder: Where rows are kept, each in a folder of its own; made if missing.
        budget: What all rows share.
        only_print: Nothing will be trained: nothing is written, and another budget does no harm.

    Raises:
        UsageError: The folder's rows were made with another one.
        InputError: What stands there is no budget.
        OutputError: The folder cannot be written.
    """
    if only_print:
        return
    before = remembered(folder)
    if before == budget:
        return
    if before is not None and any(each.is_dir() for each in folder.iterdir()):
        raise UsageError(
            f"{folder} holds rows made with {dict(before)}, asked for {dict(budget)}; "
            "give another --out, or remove it"
        )
    write_whole(folder / _NAME, json.dumps(budget).encode())


def remembered(folder: Path) -> Mapping[str, int | float | str] | None:
    """What the folder's rows share; None where none were made. InputError as in `remember`."""
    path = folder / _NAME
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected what its rows share as JSON, got {error}") from error
    if not isinstance(stored, dict):
        raise InputError(f"{path}: expected what its rows share as JSON, got something else")
    return stored
