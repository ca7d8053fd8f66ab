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


class Plan:
    """What a plan takes and gives.

    Attributes:
        input: Name of its one input, float32.
        largest: Its largest shape (N, 3, H, W).
        least: The fewest pictures that it runs.
        outputs: In the plan's order.
    """

    def __init__(
        self, name: str, engine: Any, runtime: Any, input: str, outputs: tuple[TensorSpec, ...]
    ) -> None:
        self.input, self.outputs = input, outputs
        least, _, largest = (tuple(shape) for shape in engine.get_tensor_profile_shape(input, 0))
        self.largest: Shape = largest
        self.least: int = max(1, least[0])
        self._name = name
        self._kept: list[Any] = [engine, runtime]  # the runtime outlives what it made

    def __str__(self) -> str:
        return self._name

    def context(self, stream: int) -> Context:
        """A new context; MemoryError where the GPU does not hold it, EngineError else.

        Args:
            stream: Where its first work will run.
        """
        tensorrt_library.said()  # what came before is not about this
        context = Context(self._name, self._kept[0].create_execution_context())
        context.take_profile(stream)
        return context

    def close(self) -> None:
        """Let TensorRT's part go, whoever still holds this, be it a traceback."""
        self._kept.clear()


class Context:
    """An execution context, every answer of it checked; MemoryError where the GPU is full."""

    def __init__(self, name: str, made: Any) -> None:
        self._name = name
        self._kept: list[Any] = [made]
        if made is None:
            raise tensorrt_library.failure(f"{name}: no execution context")

    def take_profile(self, stream: int) -> None:
        """Only the first context of a plan has one by itself."""
        if not self._kept[0].set_optimization_profile_async(0, stream):
            raise tensorrt_library.failure(
                f"{self._name}: its profile is not free for one more context"
            )

    def set_shape(self, name: str, shape: Shape) -> None:
        """Say how large the input is."""
        tensorrt_library.said()
        if not self._kept[0].set_input_shape(name, shape):
            raise tensorrt_library.failure(f"{self._name} does not take a batch of {shape}")
        missing = self._kept[0].infer_shapes()
        if missing:
            raise tensorrt_library.failure(f"{self._name} wants the shapes of {missing} too")

    def shape(self, name: str) -> Shape:
        """How large an output is."""
        shape = tuple(self._kept[0].get_tensor_shape(name))
        if not shape or min(shape) < 0:
            raise EngineError(
                f"{self._name}: the size of output {name!r} is known only after a run "
                f"{shape}; build it from a network without such outputs"
            )
        return shape

    def set_address(self, name: str, address: int) -> None:
        """Say where a tensor lies on the GPU."""
        if not self._kept[0].set_tensor_address(name, address):
            raise tensorrt_library.failure(f"{self._name} does not take memory for {name!r}")

    def enqueue(self, stream: int) -> None:
        """Put one run on a stream."""
        tensorrt_library.said()
        if not self._kept[0].execute_async_v3(stream):
            raise tensorrt_library.failure(f"{self._name} failed to run")

    def close(self) -> None:
        """As `Plan.close`."""
        self._kept.clear()


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
            else:
                plan.close()


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
    outputs = tuple(
        TensorSpec(name, _dtype(trt, engine.get_tensor_dtype(name), path, name))
        for name in names
        if name not in inputs
    )
    plan = Plan(str(path), engine, runtime, inputs[0], outputs)
    if len(plan.largest) != 4 or plan.largest[1] != 3 or not outputs:
        raise ModelFileError(
            f"{path}: expected an input (N, 3, H, W) and an output, got {plan.largest} "
            f"and {len(outputs)}; attach the right card"
        )
    return plan


def _dtype(trt: Any, kind: Any, path: Path, name: str) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(trt.nptype(kind))
        return dtype
    except TypeError as error:  # bfloat16 and smaller have no numpy type
        raise EngineError(
            f"{path}: output {name!r} is {kind}; build it with float32 outputs"
        ) from error
