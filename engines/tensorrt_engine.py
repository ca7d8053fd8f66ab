"""TensorRT as an engine: a plan on an NVIDIA GPU, the same way for TensorRT 8.6 to 11 and RTX.

One thread enters, uses and leaves it: CUDA contexts belong to threads. The plan is deserialised
once for all threads of a process; each has a context, a stream and buffers of its own. Nothing of
a plan reaches TensorRT before `engine_file` and `engine_cache` believe it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from typing_extensions import Self

from engines import tensorrt_library
from engines.batching import Batching
from engines.cuda_device import open_device
from engines.engine_cache import check_trusted
from engines.engine_file import read_header
from engines.tensorrt_plan import open_plan
from engines.tensorrt_session import Session
from pose.card import ModelCard
from pose.errors import UsageError
from pose.types import FloatArray

_NAMES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}


class TensorRtEngine:
    """An `.engine` file on TensorRT."""

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        max_batch: int | None = None,
        trust: bool = False,
        cuda_graph: bool = True,
        device: int = 0,
    ) -> None:
        """Read the card; wake no GPU yet.

        Args:
            path: `.engine` file.
            threads: Ignored; every backend takes it.
            max_batch: Most pictures in one run; None, or more than the plan has, takes the plan's.
            trust: Run it though it lies outside of this user's cache: it is executable code.
            cuda_graph: Record each batch size as a CUDA graph.
            device: Which GPU, as the driver counts.

        Raises:
            ModelFileError: Not an engine, or damaged.
            UsageError: Negative threads or device, or no room for a picture.
        """
        if threads < 0 or device < 0 or (max_batch is not None and max_batch < 1):
            raise UsageError(
                "expected threads >= 0, device >= 0 and max_batch >= 1, "
                f"got {threads}, {device} and {max_batch}"
            )
        file = read_header(path)
        self.card: ModelCard = file.card
        self.max_batch = min(max_batch or file.built_for.max_batch, file.built_for.max_batch)
        self._path, self._built_for = path, file.built_for
        self._trust, self._graphs, self._number = trust, cuda_graph, device
        self._stack: ExitStack | None = None
        self._session: Session | None = None
        self._batching: Batching | None = None
        self._thread = 0

    def __str__(self) -> str:
        name = _NAMES.get(self._built_for.backend, self._built_for.backend)
        graphs = "CUDA graphs" if self._graphs else "no CUDA graphs"
        gpu = self._session.device.gpu.name if self._session else self._built_for.gpu or "any GPU"
        return f"{name} {self._built_for.tensorrt} ({gpu}, {self.card.precision}, {graphs})"

    def __enter__(self) -> Self:
        if self._stack is not None:
            raise RuntimeError(f"{self._path} was entered twice")
        check_trusted(self._path, self._trust)
        trt = tensorrt_library.load(self._built_for.backend)
        with ExitStack() as stack:
            device = stack.enter_context(open_device(self._number))
            plan = stack.enter_context(open_plan(self._path, trt, device.gpu))
            session = stack.enter_context(Session(device, plan, self.max_batch, self._graphs))
            stack.callback(self._forget)
            self._stack = stack.pop_all()
        self._session, self.max_batch = session, session.max_batch
        self._batching = Batching(session.infer, self.card, self.max_batch)
        self._thread = threading.get_ident()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._stack is not None:
            self._stack.close()

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        """See `Engine.infer`."""
        self._check_entered_here()
        assert self._batching is not None
        answers = self._batching(batch)
        self.max_batch = self._batching.max_batch
        return answers

    @property
    def session(self) -> Session:
        """The plan at work, for what stays on the GPU; RuntimeError unless entered, in this thread.

        Whoever keeps something of it drops that before the engine is left.
        """
        self._check_entered_here()
        assert self._session is not None
        return self._session

    def _check_entered_here(self) -> None:
        if self._session is None:
            raise RuntimeError(f"{self._path}: enter the engine (with engine: ...) before infer()")
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"{self._path}: entered in one thread and used in another")

    def _forget(self) -> None:
        self._stack, self._session, self._batching = None, None, None
