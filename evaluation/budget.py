"""What the rows of a table of small trainings share, written down beside them.

Rows of different budgets are not to stand in one table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pose.errors import UsageError


def remember(folder: Path, budget: Mapping[str, int | float | str], only_print: bool) -> None:
    """Write the budget into `folder/settings.json`, or compare with what stands there.

    Args:
        folder: Where rows are kept; made if missing.
        budget: What all rows share.
        only_print: Nothing will be trained, so another budget does no harm.

    Raises:
        UsageError: The folder's rows were made with another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.json"
    if not path.is_file():
        path.write_text(json.dumps(budget))
        return
    before = json.loads(path.read_text())
    if before != budget and not only_print:
        raise UsageError(
            f"{folder} holds rows made with {before}, asked for {dict(budget)}; "
            "give another --out, or remove it"
        )
