"""A TensorRT plan, deserialised once for all threads of a process, and the contexts it gives.

Knows TensorRT's names but no memory and no batch; `engines.tensorrt_engine` has those.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines import tensorrt_library
from engines.cuda_driver import Gpu
from engines.engine_file import EngineFile, Here, check_runs_here, read_engine, rebuild_line
from pose.errors import EngineError, ModelFileError

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One output."""

    name: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Plan:
    """What a plan takes and gives.

    Attributes:
        input: Name of its one input, float32.
        largest: Its largest shape (N, 3, H, W).
        least: The fewest pictures that it runs.
        outputs: In the plan's order.
    """

    input: str
    largest: Shape
    least: int
    outputs: tuple[TensorSpec, ...]
    _path: Path
    _runtime: Any  # outlives what it made
    _engine: Any

    def __str__(self) -> str:
        return str(self._path)

    def context(self, stream: int) -> Any:
        """A new context; MemoryError where the GPU does not hold it, EngineError else.

        Args:
            stream: Where its first work will run.
        """
        tensorrt_library.said()  # what came before is not about this
        context = self._engine.create_execution_context()
        if context is None:
            raise tensorrt_library.failure(f"{self._path}: no execution context")
        # Only the first context of an engine has a profile by itself.
        if not context.set_optimization_profile_async(0, stream):
            raise tensorrt_library.failure(
                f"{self._path}: its profile is not free for one more context"
            )
        return context


_open: dict[tuple[str, int, int, int], tuple[Plan, int]] = {}  # file, GPU -> plan, users
_opening = threading.Lock()


@contextmanager
def open_plan(path: Path, trt: Any, gpu: Gpu) -> Iterator[Plan]:
    """A file's plan, shared by all that have the same file open on the same GPU.

    Args:
        path: `.engine` file that is trusted.
        trt: The TensorRT that its header names.
        gpu: The one whose context is current in this thread.

    Raises:
        ModelFileError: Damaged, or its tensors are not those of a picture network.
        EngineError: Built for another GPU or TensorRT, or TensorRT refuses it.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_mtime_ns, status.st_size, gpu.number)
    with _opening:
        plan, users = _open.get(key) or (_deserialised(path, trt, gpu), 0)
        _open[key] = plan, users + 1
    try:
        yield plan
    finally:
        with _opening:
            plan, users = _open.pop(key)
            if users > 1:
                _open[key] = plan, users - 1


def _deserialised(path: Path, trt: Any, gpu: Gpu) -> Plan:
    file = read_engine(path)
    here = Here(trt.__name__, trt.__version__, gpu.name, gpu.compute_capability)
    check_runs_here(path, file.built_for, here)
    logger = tensorrt_library.logger(trt)
    tensorrt_library.said()
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(logger, "")
    runtime = trt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(file.plan)
    if engine is None:
        raise tensorrt_library.failure(
            f"{path}: TensorRT {trt.__version__} cannot load this plan; "
            f"run: {rebuild_line(path, file.built_for)}"
        )
    return _described(runtime, engine, trt, path, file)


def _described(runtime: Any, engine: Any, trt: Any, path: Path, file: EngineFile) -> Plan:
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    if len(inputs) != 1 or engine.get_tensor_dtype(inputs[0]) != trt.float32:
        found = [f"{name} {engine.get_tensor_dtype(name)}" for name in inputs]
        raise ModelFileError(
            f"{path}: expected one input of float32, got {', '.join(found) or 'none'}; "
            f"run: {rebuild_line(path, file.built_for)}"
        )
    least, _, largest = (tuple(shape) for shape in engine.get_tensor_profile_shape(inputs[0], 0))
    outputs = tuple(
        TensorSpec(name, _dtype(trt, engine.get_tensor_dtype(name), path, name))
        for name in names
        if name not in inputs
    )
    if len(largest) != 4 or largest[1] != 3 or not outputs:
        raise ModelFileError(
            f"{path}: expected an input (N, 3, H, W) and an output, got {largest} "
            f"and {len(outputs)}; attach the right card"
        )
    return Plan(inputs[0], largest, max(1, least[0]), outputs, path, runtime, engine)


def _dtype(trt: Any, kind: Any, path: Path, name: str) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(trt.nptype(kind))
        return dtype
    except TypeError as error:  # bfloat16 and smaller have no numpy type
        raise EngineError(
            f"{path}: output {name!r} is {kind}; build it with float32 outputs"
        ) from error
