"""What every backend offers, and the table of backends.

An engine runs one network file: arrays in, arrays out. It knows nothing of frames, people or
decoders; the card that travels inside the file says how to feed it. Open it in the thread that
uses it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError, UsageError
from pose.types import FloatArray

MOST_THREADS = 256  # in one network: more hold memory and wait for each other


class Engine(Protocol):
    """A network that is ready to run once entered, and again after each leaving and entering.

    `card` and `max_batch` are known as soon as the object is made; `max_batch` may fall later,
    where the network or the memory allows less. `str(engine)` says in a few words what runs it:
    `ONNX Runtime 1.23 (CPU, 2 threads)`.
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

        Raises:
            ValueError: Wrong shape or dtype: a mistake in the program.
            RuntimeError: Not entered: a mistake in the program.
            EngineError: The backend failed, or the memory does not hold one picture.
        """
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend lives.

    Attributes:
        suffixes: File name endings that it reads, lower case.
        location: `module:class`; the class is made with the path and the backend's own options.
        install: What installs its packages.
    """

    suffixes: tuple[str, ...]
    location: str
    install: str = "pip install -e ."

    def load(self) -> Any:
        """Import the class; ImportError if its packages are not here."""
        module, _, name = self.location.partition(":")
        return getattr(importlib.import_module(module), name)


BACKENDS: Mapping[str, Backend] = {
    "onnxruntime": Backend((".onnx",), "engines.onnxruntime_engine:OnnxRuntimeEngine"),
    "tensorrt": Backend((".engine",), "engines.tensorrt_engine:TensorRtEngine"),
    "fake": Backend((".fake",), "engines.fake_engine:FakeEngine"),
}


def open_engine(path: Path, **options: Any) -> Engine:
    """Choose the backend by the file's suffix and make an engine; enter it before use.

    Args:
        path: Network file.
        options: Passed to the backend (`threads`, `providers`, …). None means: not asked for.

    Raises:
        UsageError: No backend knows the suffix, or the backend does not know an option.
        ModelFileError: The file is not a network, or has no card.
        EngineError: The backend cannot run here.
    """
    for name, backend in BACKENDS.items():
        if path.suffix.lower() in backend.suffixes:
            return _open(name, backend, path, options)
    known = sorted(suffix for backend in BACKENDS.values() for suffix in backend.suffixes)
    raise UsageError(
        f"{path}: expected a network file ending in {' or '.join(known)}, got {path.suffix!r}"
    )


def read_network_file(path: Path) -> bytes:
    """The content of a network file.

    Raises:
        ModelFileError: It cannot be read, or holds nothing.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path}: expected a network file, got: {error.strerror or error}"
        ) from error
    if not content:
        raise ModelFileError(f"{path}: expected a network file, got 0 bytes; fetch it again")
    return content


def check_options(threads: int, max_batch: int) -> None:
    """Refuse what no backend can work with.

    Raises:
        UsageError: Negative threads, or far too many, or no room for a picture.
    """
    if not 0 <= threads <= MOST_THREADS or max_batch < 1:
        raise UsageError(
            f"expected threads from 0 to {MOST_THREADS} and max_batch >= 1, "
            f"got {threads} and {max_batch}"
        )


def check_batch(batch: npt.NDArray[np.generic], card: ModelCard) -> None:
    """Refuse what the card's network cannot take.

    Args:
        batch: Expected (N, 3, H, W) float32, H and W as the card says.
        card: The network's card.

    Raises:
        ValueError: Anything else.
    """
    width, height = card.input_size_wh
    fits = batch.ndim == 4 and batch.shape[1] == 3 and batch.dtype == np.float32
    if fits and card.any_size:
        fits = all(side > 0 and side % 32 == 0 for side in batch.shape[2:])
    elif fits:
        fits = batch.shape[2:] == (height, width)
    if not fits:
        sides = "multiples of 32" if card.any_size else f"{height}, {width}"
        raise ValueError(
            f"{card.name} takes float32 (N, 3, {sides}), got {batch.dtype} {batch.shape}"
        )


def _open(name: str, backend: Backend, path: Path, options: Mapping[str, Any]) -> Engine:
    try:
        kind = backend.load()
    except ImportError as error:
        raise EngineError(
            f"{path} needs the {name} backend, which did not load ({error}); run: {backend.install}"
        ) from error
    wanted = {option: value for option, value in options.items() if value is not None}
    known = sorted(set(inspect.signature(kind).parameters) - {"path"})
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UsageError(
            f"{path}: the {name} backend has no option {', '.join(unknown)}; "
            f"it has {', '.join(known)}"
        )
    engine: Engine = kind(path, **wanted)
    return engine
