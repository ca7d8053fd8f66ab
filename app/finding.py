"""One thing that `main.py doctor` looked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What.
        present: Whether it is here.
        detail: Version, count, size: whatever there is to say.
        needs: What its absence would need; empty if present.
        required: Whether the program works without it.
    """

    name: str
    present: bool
    detail: str
    needs: str = ""
    required: bool = False
