"""What the writers of one file or one folder share: their output opens and closes with them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from typing_extensions import Self


class OneOutput:
    """A writer that is entered and left as its output is.

    Args:
        output: Appears complete when it is left without an error.
    """

    def __init__(self, output: AbstractContextManager[Any]) -> None:
        self._output = output

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._output.__exit__(kind, error, trace)
