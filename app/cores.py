"""How many cores there are to share."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores that this process may use; containers and `taskset` allow fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
