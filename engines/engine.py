"""What every backend offers, and the table of backends.

An engine runs one network file: arrays in, arrays out. It knows nothing of frames, people or
decoders; the card that travels inside the file says how to feed it. Open it in the thread that
uses it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from pose.card import ModelCard
from pose.errors import UsageError
from pose.types import FloatArray


class Engine(Protocol):
    """A network that is ready to run once entered.

    `card` and `max_batch` are known as soon as the object is made.
    """

    card: ModelCard
    max_batch: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def infer(self, batch: npt.NDArray[np.float32]) -> dict[str, FloatArray]:
        """Run the network.

        Args:
            batch: (N, 3, H, W) float32, normalised as the card says. N may be 0 and may exceed
                `max_batch`; the engine splits.

        Returns:
            One float32 array per output, by name, first axis N. The caller owns them.
        """
        ...


# backend -> (file suffixes, "module:class", extra that installs what it needs)
BACKENDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "onnxruntime": ((".onnx",), "engines.onnxruntime_engine:OnnxRuntimeEngine"),
    "fake": ((".fake",), "engines.fake_engine:FakeEngine"),
}


def open_engine(path: Path, **options: Any) -> Engine:
    """Choose the backend by the file's suffix and make an engine; enter it before use.

    Args:
        path: Network file.
        options: Passed to the backend (`threads`, `providers`, …).

    Raises:
        UsageError: No backend knows the suffix.
        ModelFileError: The file is not a network, or has no card.
        EngineError: The backend cannot run here.
    """
    for suffixes, location in BACKENDS.values():
        if path.suffix.lower() in suffixes:
            module, _, name = location.partition(":")
            engine: Engine = getattr(importlib.import_module(module), name)(path, **options)
            return engine
    known = sorted(suffix for suffixes, _ in BACKENDS.values() for suffix in suffixes)
    raise UsageError(
        f"{path}: expected a network file ending in {' or '.join(known)}, got {path.suffix!r}"
    )
