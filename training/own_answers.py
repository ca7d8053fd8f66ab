"""A network among its own teachers: what it says of every kept crop, mirror images averaged.

Once it has learned from hand labels, it knows what its teachers do not. Source: Furlanello et al.,
"Born-Again Neural Networks", ICML 2018; here beside the teachers, not in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.distill import Cache
from training.progress import Progress
from training.teacher import unmirrored


def own_answers(
    file: Path, cache: Cache, forward: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Ask a network about every crop of a cache; goes on where an earlier call stopped.

    Args:
        file: Where the answers are kept, a `.npy`; how far they reach is kept beside it.
        cache: Whose crops that are not done are left out.
        forward: (N, H, W, 3) uint8 BGR -> heatmaps (N, K, h, w).

    Returns:
        (n, K, h, w) uint8, memory-mapped: heatmaps times 255.
    """
    mark = file.with_suffix(".txt")
    first = int(mark.read_text()) if mark.exists() else 0
    shape, count = cache.targets.shape, len(cache.done)
    kept = np.lib.format.open_memmap(file, "r+" if first else "w+", np.uint8, shape)
    with Progress("own answers", total=count, done=first) as bar:
        for index in range(first, count):
            if cache.done[index]:
                crop = cache.crops[index]
                plain, mirrored = forward(np.stack([crop, crop[:, ::-1]]))
                mean = ((plain + unmirrored(mirrored)) / 2).clip(0, 1)
                kept[index] = (mean * 255).round().astype(np.uint8)
            if index % 64 == 63 or index == count - 1:
                kept.flush()
                mark.write_text(str(index + 1))
            bar.advance()
    return kept
