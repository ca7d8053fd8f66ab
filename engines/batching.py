"""Any number of pictures through a network that takes few: split, join, halve for small memory.

Every backend runs through this one class, so that N = 0, N > max_batch and a full memory mean the
same everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from engines.engine import check_batch
from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError
from pose.types import FloatArray

_log = logging.getLogger(__name__)


class Batching:
    """Calls a network as often as needed.

    `max_batch` falls when the memory does not hold that many pictures, and stays there.
    """

    def __init__(
        self, run: Callable[[FloatArray], dict[str, FloatArray]], card: ModelCard, max_batch: int
    ) -> None:
        """Take the network to call.

        Args:
            run: (N, 3, H, W) float32, 1 <= N <= max_batch -> arrays of its own by name; MemoryError
                where the memory is too small.
            card: Says what a batch looks like.
            max_batch: Most pictures in one call.
        """
        self.max_batch = max_batch
        self._run = run
        self._card = card
        self._none: dict[tuple[int, ...], dict[str, FloatArray]] = {}  # picture's shape -> answer

    def __call__(self, batch: FloatArray) -> dict[str, FloatArray]:
        """`Engine.infer`, for an engine that has been entered."""
        check_batch(batch, self._card)
        picture = batch.shape[1:]
        if len(batch) == 0:
            if picture not in self._none:  # a network tells its shapes only by running
                self._keep_shapes(picture, self._fitting(np.zeros((1, *picture), np.float32)))
            return {name: answer.copy() for name, answer in self._none[picture].items()}
        parts = []
        done = 0
        while done < len(batch):
            part = self._fitting(batch[done : done + self.max_batch])
            done += len(next(iter(part.values())))
            parts.append(part)
        if picture not in self._none:
            self._keep_shapes(picture, parts[0])
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _keep_shapes(self, picture: tuple[int, ...], answers: dict[str, FloatArray]) -> None:
        self._none[picture] = {name: answer[:0].copy() for name, answer in answers.items()}

    def _fitting(self, batch: FloatArray) -> dict[str, FloatArray]:
        """Run as many of the first pictures as the memory holds."""
        batch = np.ascontiguousarray(batch)
        while True:
            try:
                answers = self._run(batch)
                break
            except MemoryError as error:
                if len(batch) == 1:
                    raise EngineError(
                        f"the memory does not hold one picture of {self._card.name} "
                        f"{batch.shape[1:]}; close other programs or take a smaller network"
                    ) from error
                self.max_batch = len(batch) // 2
                batch = batch[: self.max_batch]
                _log.warning(
                    "memory is short: %s now runs %d pictures at a time",
                    self._card.name, self.max_batch,
                )  # fmt: skip
        for name, answer in answers.items():
            if answer.shape[:1] != (len(batch),):
                raise ModelFileError(
                    f"{self._card.name}: expected output {name!r} with {len(batch)} as first axis, "
                    f"got shape {answer.shape}; export it with a batch axis"
                )
        return answers
