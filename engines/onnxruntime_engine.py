"""ONNX Runtime as an engine: the default, on the CPU or whatever its build offers.

The card is read from the file's bytes; the session is made on entering, once, in the thread that
uses it. Measured on two cores with PP-TinyPose (many small operators) beside RTMDet-nano, each in
its own thread: one ONNX Runtime thread per engine gave 1.5 to 2.2 times the throughput of two per
engine. Threads that wait for work spin on cores that others need: with two spinning threads an
engine alone is 1.3 to 1.6 times as fast as with one, but half as fast on a busy machine. So `spin`
is off unless an engine has the machine to itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from typing_extensions import Self

from engines.batching import Batching
from engines.engine import check_options, read_network_file
from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError
from pose.onnx_header import card_in_onnx
from pose.types import FloatArray

_SUFFIX = "ExecutionProvider"
# Tried in this order when nobody asks. Others only by name: TensorRT's builds for minutes and has
# a backend of ours, CoreML's and OpenVINO's answers were never compared with the CPU's here.
_BY_ITSELF = ("CUDA", "CPU")
_OUT_OF_MEMORY = ("failed to allocate memory", "bad allocation", "bad_alloc", "out of memory")
_FATAL_ONLY = 4  # errors come as exceptions; ONNX Runtime would print them as well


class OnnxRuntimeEngine:
    """An ONNX file on ONNX Runtime."""

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        providers: Sequence[str] | None = None,
        max_batch: int = 16,
        spin: bool = False,
    ) -> None:
        """Read the card; open nothing yet.

        Args:
            path: ONNX file with a card in its metadata.
            threads: CPU threads inside one operator; 0 takes every core this process may use.
            providers: Names such as `cpu`, `cuda` or `CUDAExecutionProvider`, best first; the CPU
                always stands behind them. None takes the best that is there.
            max_batch: Most pictures in one run.
            spin: Let idle threads burn their core while they wait for work: up to 1.5 times as
                fast alone, half as fast where others need the cores.

        Raises:
            ModelFileError: Not a network file that can be used.
            EngineError: A provider that was asked for is not in this ONNX Runtime.
            UsageError: Negative threads, or far too many, or no room for a picture.
        """
        check_options(threads, max_batch)
        self.card = card_in_onnx(read_network_file(path), str(path))
        self.max_batch = max_batch
        self._path = path
        self._threads = threads or _cores()
        self._asked = providers is not None
        self._providers = _known_providers(providers or ())
        self._spin = spin
        self._session: Any = None
        self._input = ""
        self._fixed_batch = 0
        self._batching: Batching | None = None

    def __str__(self) -> str:
        where = self._session.get_providers() if self._session else self._providers
        on = where[0].removesuffix(_SUFFIX)
        threads = f", {self._threads} thread{'s' * (self._threads > 1)}" if on == "CPU" else ""
        return f"ONNX Runtime {onnxruntime.__version__} ({on}{threads})"

    def __enter__(self) -> Self:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _FATAL_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(self._spin)))
        try:
            session = onnxruntime.InferenceSession(
                str(self._path), options, providers=self._providers
            )
        except Exception as error:  # its errors have no common base but Exception
            raise _load_error(self._path, error) from error
        if self._asked and session.get_providers()[0] != self._providers[0]:
            raise EngineError(
                f"{self._providers[0]} is built into this ONNX Runtime but does not start here "
                "(driver or libraries missing); ask for cpu, or see main.py doctor"
            )
        self._input, self._fixed_batch = _only_input(session, self._path, self.card)
        if self._fixed_batch:
            self.max_batch = min(self.max_batch, self._fixed_batch)
        self._session = session
        self._batching = Batching(self._run, self.card, self.max_batch)
        return self

    def __exit__(self, *exc: object) -> None:
        self._session = None
        self._batching = None

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        """See `Engine.infer`."""
        if self._batching is None:
            raise RuntimeError(f"{self._path}: enter the engine (with engine: ...) before infer()")
        answers = self._batching(batch)
        self.max_batch = self._batching.max_batch
        return answers

    def _run(self, batch: FloatArray) -> dict[str, FloatArray]:
        count = len(batch)
        if self._fixed_batch:  # a graph that takes exactly so many gets blanks behind ours
            blank = np.zeros((self._fixed_batch - count, *batch.shape[1:]), np.float32)
            batch = np.concatenate([batch, blank])
        try:
            values = self._session.run(None, {self._input: batch})
        except Exception as error:
            if any(sign in str(error).lower() for sign in _OUT_OF_MEMORY):
                raise MemoryError(str(error)) from error
            raise EngineError(f"{self._path}: {self} failed: {error}") from error
        names = [output.name for output in self._session.get_outputs()]
        return {
            name: np.asarray(value[:count] if self._fixed_batch else value, np.float32)
            for name, value in zip(names, values, strict=True)
        }


def _only_input(session: Any, path: Path, card: ModelCard) -> tuple[str, int]:
    """Name of the one picture input, and its batch if the graph fixes it, else 0.

    Raises:
        ModelFileError: The graph takes or gives something else than the card says.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        found = [f"{each.name} {each.type} {each.shape}" for each in inputs]
        raise ModelFileError(
            f"{path}: expected one input of float32 (N, 3, H, W), got {', '.join(found) or 'none'}"
        )
    for output in outputs:
        if not output.type.startswith("tensor(") or output.type == "tensor(string)":
            raise ModelFileError(f"{path}: expected outputs of numbers, got {output.type}")
    batch, *picture = inputs[0].shape  # free axes are strings or None
    wanted = (3, *((None, None) if card.any_size else card.input_size_wh[::-1]))
    for has, wants in zip(picture, wanted, strict=True):
        if isinstance(has, int) and has != wants:
            size = "any size" if card.any_size else f"{wanted}"
            raise ModelFileError(
                f"{path}: the card says pictures of {size}, but the graph takes {inputs[0].shape}; "
                "attach the right card"
            )
    return inputs[0].name, batch if isinstance(batch, int) else 0


def _known_providers(asked: Sequence[str]) -> list[str]:
    """Full names, best first, the CPU last."""
    here = onnxruntime.get_available_providers()
    by_short_name = {name.removesuffix(_SUFFIX).lower(): name for name in here}
    chosen = []
    for name in asked:
        short = name.removesuffix(_SUFFIX).lower()
        if short not in by_short_name:
            raise EngineError(
                f"expected a provider of this ONNX Runtime ({', '.join(sorted(by_short_name))}), "
                f"got {name!r}; install the ONNX Runtime package that has it"
            )
        chosen.append(by_short_name[short])
    if not asked:
        chosen = [name + _SUFFIX for name in _BY_ITSELF if name + _SUFFIX in here]
    return list(dict.fromkeys([*chosen, "CPU" + _SUFFIX]))


def _load_error(path: Path, error: Exception) -> Exception:
    """What a session that could not be made means to the user."""
    reason = str(error)
    if any(sign in reason.lower() for sign in _OUT_OF_MEMORY) or isinstance(error, MemoryError):
        return EngineError(f"{path}: the memory does not hold this network")
    if type(error).__name__ in ("InvalidProtobuf", "InvalidGraph", "NoSuchFile", "NoModel"):
        return ModelFileError(f"{path}: ONNX Runtime cannot read it: {reason}")
    return EngineError(f"{path}: ONNX Runtime cannot run it here: {reason}")


def _cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
