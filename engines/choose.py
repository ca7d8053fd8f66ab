"""Which engine runs a network here, and why: TensorRT where all of it is ready, or ONNX Runtime.

A plan is never built by the way: that takes minutes, so the reason names the command that does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines import cuda_driver, tensorrt_library
from engines.engine_cache import find_cached
from engines.engine_file import SUFFIX, Here
from pose.errors import EngineError, PoseAppError, UsageError

EngineName = Literal["auto", "onnxruntime", "tensorrt", "tensorrt_rtx"]
_PRECISIONS = ("fp16", "fp32")  # in this order; INT8 costs accuracy: only by naming its file


@dataclass(frozen=True, slots=True)
class Choice:
    """What will run.

    Attributes:
        path: The file to open: the network as it was named, or its plan in the cache.
        reason: What runs it and why, as the end of a sentence about it.
    """

    path: Path
    reason: str


def loaded_version(backend: str) -> str:
    """What TensorRT says of itself; EngineError where it does not load."""
    return str(tensorrt_library.load(backend).__version__)


def choose(
    path: Path, engine: EngineName = "auto", version: Callable[[str], str] = loaded_version
) -> Choice:
    """Choose for one network.

    Args:
        path: Network file as the user named it. Files of other kinds than ONNX have no choice.
        engine: `auto` takes the fastest that is ready; a name is never replaced by another.
        version: Tells the version of `tensorrt` or `tensorrt_rtx`; there is a driver.

    Raises:
        UsageError: The file is not for the engine that was asked for.
        EngineError: The engine that was asked for is not ready here; the message says what to do.
        ModelFileError: The file cannot be read.
    """
    if path.suffix.lower() != ".onnx":
        return _only_way(path, engine)
    if engine == "onnxruntime":
        return Choice(path, "ONNX Runtime, as asked for")
    backends = ("tensorrt", "tensorrt_rtx") if engine == "auto" else (engine,)
    reasons: list[str] = []
    for backend in backends:
        try:
            plan = _plan(path, backend, version)
            return Choice(plan, f"{backend}, from its plan in the cache")
        except PoseAppError as error:
            if engine != "auto":
                raise
            if not reasons or tensorrt_library.installed(backend):
                reasons.append(str(error))
    return Choice(path, f"ONNX Runtime: {'; '.join(dict.fromkeys(reasons))}")


def here(backend: str, version: str) -> Here:
    """The machine's side of a plan for this backend; there must be a GPU."""
    gpu = cuda_driver.probe().gpus[0]
    if backend == "tensorrt_rtx":  # its plans are finished on whatever GPU runs them
        return Here(backend, version, "", "")
    return Here(backend, version, gpu.name, gpu.compute_capability)


def _plan(onnx: Path, backend: str, version: Callable[[str], str]) -> Path:
    """The plan of a network that runs here; EngineError says what is missing."""
    driver = cuda_driver.probe()
    if not driver.present:
        raise EngineError(f"TensorRT needs {driver.needs} ({driver.reason})")
    if not tensorrt_library.installed(backend):
        raise EngineError(f"{backend} is not installed; run: {tensorrt_library.TENSORRTS[backend]}")
    machine = here(backend, version(backend))
    for precision in _PRECISIONS:
        found = find_cached(onnx, precision, machine)
        if found is not None:
            return found
    raise EngineError(
        f"no plan of {onnx.name} for {driver.gpus[0].name} and {backend} {machine.tensorrt}; "
        f"run: main.py build --onnx {onnx} --backend {backend}"
    )


def _only_way(path: Path, engine: EngineName) -> Choice:
    if engine == "auto" or (path.suffix.lower() == SUFFIX and engine != "onnxruntime"):
        return Choice(path, f"what {path.suffix} files are for")
    raise UsageError(f"{path}: expected an ONNX file for --engine {engine}, got {path.suffix!r}")
