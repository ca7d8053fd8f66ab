"""A FAKE GPU for tests: a libcuda on host memory, and a TensorRT that runs ONNX Runtime on it.

Both prove the order of our calls and the arithmetic of our kernels, not NVIDIA's behaviour. The
fake libcuda is C++ (`fake_cuda/`), so that ctypes, the argument sizes and the kernels' source are
real; it needs g++ and is built once per run.
"""

from __future__ import annotations

import atexit
import ctypes
import enum
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from engines import cuda_driver, cuda_kernels, tensorrt_library
from engines.cuda_kernels import FOLDER
from engines.engine_cache import cache_folder
from engines.engine_file import BuiltFor, shape_text, write_engine
from pose.card import ModelCard
from pose.onnx_header import card_in_onnx

VERSION = "10.3.0"
_PLAN = b"a fake plan\n"
_PLENTY = 1 << 30


@lru_cache(maxsize=1)
def library() -> Path:
    """The fake libcuda, compiled; skips where there is no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++, to build the fake GPU")
    folder = tempfile.mkdtemp(prefix="fake-gpu-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Path(folder) / "libcuda.so"
    source = Path(__file__).parent / "fake_cuda" / "libcuda.cpp"
    flags = ["-O1", "-std=c++17", "-shared", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [compiler, *flags, "-I", str(FOLDER), "-o", str(made), str(source)], check=True, timeout=100
    )
    return made


class FakeGpu:
    """What a test may ask of the fake and do to it."""

    def __init__(self) -> None:
        self.cuda = ctypes.CDLL(str(library()))
        self.cuda.fake_trace.restype = ctypes.c_char_p
        self.cuda.fake_used.restype = ctypes.c_size_t
        self.cuda.fake_living.restype = ctypes.c_long
        self.cuda.fake_reset(ctypes.c_size_t(_PLENTY))
        self.trt = FakeTensorRt(self)

    @property
    def calls(self) -> list[str]:
        """`thread call` of everything since the start, threads counted from 0."""
        return [str(line) for line in self.cuda.fake_trace().decode().splitlines()]

    @property
    def living(self) -> int:
        """Things that were made and not let go of."""
        return int(self.cuda.fake_living())

    def limit(self, size: int) -> None:
        """Hold no more than so many bytes from now on."""
        self.cuda.fake_limit(ctypes.c_size_t(size))

    def fail(self, name: str, code: int) -> None:
        """Let the next call of a function fail."""
        self.cuda.fake_fail(name.encode(), code)

    def note(self, what: str) -> None:
        """Write into `calls`."""
        self.cuda.fake_note(what.encode())


def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    """Put the fakes where NVIDIA's libraries would be, and the caches into a folder."""
    gpu = FakeGpu()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cuda_driver, "LIBRARY", str(library()))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no PyCUDA
    monkeypatch.setitem(sys.modules, "tensorrt", gpu.trt.module)
    monkeypatch.setattr(tensorrt_library, "_loggers", {})
    monkeypatch.setattr(tensorrt_library, "installed", lambda backend: backend == "tensorrt")
    monkeypatch.setattr(cuda_kernels, "kernels_for", lambda *_: b"the fake libcuda has its own")
    return gpu


def write_fake_engine(path: Path, onnx: Path, max_batch: int = 16, **changes: Any) -> Path:
    """An `.engine` file for the fake GPU, that runs an ONNX file."""
    card = card_in_onnx(onnx.read_bytes(), str(onnx))
    width, height = card.input_size_wh
    least = (1, 3, 32, 32) if card.any_size else (1, 3, height, width)
    largest = (max_batch, 3, height, width)
    built_for = replace(
        BuiltFor(
            "tensorrt", VERSION, onnx.name, "0" * 64,
            shape_text(least), shape_text(largest), shape_text(largest),
            gpu="FAKE GPU", compute_capability="9.0",
        ),
        **changes,
    )  # fmt: skip
    plan = _PLAN + json.dumps([least, largest]).encode() + b"\n" + onnx.read_bytes()
    return write_engine(path, card, built_for, plan)


def cached(name: str) -> Path:
    """A file in the cache, where engines are believed."""
    return cache_folder() / name


# ---- TensorRT ----------------------------------------------------------------------------------


class _Severity(enum.Enum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class _Mode(enum.Enum):
    INPUT, OUTPUT = range(2)


class _Logger:
    Severity = _Severity

    def log(self, severity: _Severity, message: str) -> None: ...


class FakeTensorRt:
    """A module with the names of TensorRT that our runtime uses, and knobs for faults.

    Attributes:
        module: Stands in `sys.modules`.
        shares_profiles: False as TensorRT 8.6 is unless a plan was built to share.
        deserialised: Plans so far.
        full_beyond: Batches above this find the GPU full while they run.
    """

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.shares_profiles = True
        self.deserialised = 0
        self.full_beyond = 1 << 20
        self.fails_to_run = ""
        self.logger: Any = None
        made = ModuleType("tensorrt")
        made.__version__ = VERSION  # type: ignore[attr-defined]
        made.ILogger = _Logger  # type: ignore[attr-defined]
        made.TensorIOMode = _Mode  # type: ignore[attr-defined]
        made.float32, made.nptype = "float32", np.dtype  # type: ignore[attr-defined]
        made.Runtime = lambda logger: _Runtime(self, logger)  # type: ignore[attr-defined]
        self.module = made

    def complain(self, message: str) -> None:
        """Say an error as TensorRT does."""
        self.logger.log(_Severity.ERROR, message)


class _Runtime:
    def __init__(self, trt: FakeTensorRt, logger: Any) -> None:
        assert trt.gpu.cuda.fake_current(), "TensorRT was touched without a CUDA context"
        self._trt, trt.logger = trt, logger

    def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
        if not plan.startswith(_PLAN):
            self._trt.complain("Version tag does not match")
            return None
        profile, _, onnx = plan[len(_PLAN) :].partition(b"\n")
        self._trt.deserialised += 1
        self._trt.gpu.note("deserialise")
        return _Engine(self._trt, json.loads(profile), onnx)


class _Engine:
    def __init__(self, trt: FakeTensorRt, profile: list[list[int]], onnx: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self.trt, self.profile = trt, profile
        self.session = onnxruntime.InferenceSession(onnx, options, ["CPUExecutionProvider"])
        self.names = [each.name for each in self.session.get_inputs()]
        self.outputs = [each.name for each in self.session.get_outputs()]
        self.num_io_tensors = len(self.names) + len(self.outputs)
        self.contexts = 0
        self.shapes: dict[tuple[int, ...], dict[str, tuple[int, ...]]] = {}

    def __del__(self) -> None:
        self.trt.gpu.note("plan gone" if self.trt.gpu.cuda.fake_current() else "plan gone TOO LATE")

    def get_tensor_name(self, index: int) -> str:
        return str([*self.names, *self.outputs][index])

    def get_tensor_mode(self, name: str) -> _Mode:
        return _Mode.INPUT if name in self.names else _Mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return "float32"

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        least, largest = map(tuple, self.profile)
        return [least, largest, largest]

    def create_execution_context(self) -> _Context | None:
        self.contexts += 1
        self.trt.gpu.note("context")
        return _Context(self, first=self.contexts == 1)

    def shapes_for(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if shape not in self.shapes:
            answers = self.session.run(None, {self.names[0]: np.zeros(shape, np.float32)})
            self.shapes[shape] = {
                name: answer.shape for name, answer in zip(self.outputs, answers, strict=True)
            }
        return self.shapes[shape]


_Callback = ctypes.CFUNCTYPE(None)


class _Context:
    def __init__(self, engine: _Engine, first: bool) -> None:
        self._engine, self._first = engine, first
        self._trt = engine.trt
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._has_profile = False
        self._recorded = False
        self._kept: list[Any] = []  # callbacks that the stream, or a graph, may still call

    def __del__(self) -> None:
        if not self._trt.gpu.cuda.fake_current():
            self._trt.gpu.note("context gone TOO LATE")

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        assert profile == 0 and stream
        if not self._first and not self._trt.shares_profiles:
            self._trt.complain("Profile 0 has been picked by another IExecutionContext")
            return False
        self._has_profile = True
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert not self._recorded, "a context was changed after it was recorded"
        assert self._has_profile
        least, largest = self._engine.profile
        if not all(a <= b <= c for a, b, c in zip(least, shape, largest, strict=True)):
            self._trt.complain(f"setInputShape: {shape} is not in the profile")
            return False
        self._shape = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [] if self._shape else list(self._engine.names)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._engine.shapes_for(self._shape)[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert not self._recorded, "a context was changed after it was recorded"
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self._trt.fails_to_run or self._shape[0] > self._trt.full_beyond:
            self._trt.complain(self._trt.fails_to_run or "Cuda Runtime (out of memory)")
            return False
        self._trt.gpu.note(f"execute {self._shape[0]}")
        self._recorded |= bool(self._trt.gpu.cuda.fake_capturing())
        callback = _Callback(self._work())
        self._kept.append(callback)
        return bool(self._trt.gpu.cuda.fake_enqueue(ctypes.c_void_p(stream), callback) == 0)

    def _work(self) -> Callable[[], None]:
        engine, shape, addresses = self._engine, self._shape, dict(self._addresses)

        def run() -> None:
            batch = _array(addresses[engine.names[0]], shape).copy()
            answers = engine.session.run(None, {engine.names[0]: batch})
            for name, answer in zip(engine.outputs, answers, strict=True):
                _array(addresses[name], answer.shape)[:] = answer

        return run


def _array(address: int, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * size).from_address(address)).reshape(shape)


def card_of(engine_card: ModelCard) -> ModelCard:
    """A card without what an engine's file adds to it."""
    return replace(engine_card, built_for={})
