"""NVIDIA's driver, asked through ctypes: what GPUs are here, and the calls that PyCUDA lacks.

Needs no package. TensorRT must not be touched before `probe` found a GPU: without a driver its
runtime ends the process with a segmentation fault instead of an error.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pose.errors import EngineError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY
_CAPTURES_THIS_THREAD = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may allocate
_VERSION_FILE = Path("/sys/module/nvidia/version")  # Linux, desktop and data centre


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        number: What the driver counts it as, from 0.
        name: As the driver says it.
        compute_capability: Such as `9.0`.
        memory_bytes: All of its memory.
    """

    number: int
    name: str
    compute_capability: str
    memory_bytes: int

    @property
    def architecture(self) -> str:
        """As compilers name it: `sm_90`."""
        return f"sm_{self.compute_capability.replace('.', '')}"


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver said.

    Attributes:
        reason: Why there is no GPU to work with; empty if there is one.
        cuda: The newest CUDA that it understands, such as `13.0`; empty without a driver.
        gpus: In the driver's order.
        version: Its own version, such as `580.95.05`; empty where the system does not tell.
        needs: What would help; empty if there is a GPU.
    """

    reason: str
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    version: str = ""
    needs: str = ""

    @property
    def present(self) -> bool:
        """Whether there is a GPU to work with."""
        return not self.reason


def probe() -> Driver:
    """Look for a driver and its GPUs. Never raises; a process that forks later must not use it."""
    try:
        cuda = ctypes.CDLL(LIBRARY)
    except OSError:
        needs = f"an NVIDIA GPU and its driver ({LIBRARY})"
        return Driver("no driver", needs=needs)
    code = cuda.cuInit(0)
    if code:
        return Driver(f"driver error {code}", needs="a GPU that this process may use")
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    gpus = tuple(_gpu(cuda, number) for number in range(count.value))
    named = f"{version.value // 1000}.{version.value % 1000 // 10}"
    if not gpus:
        return Driver(f"driver for CUDA {named}, no device", named, needs="an NVIDIA GPU")
    return Driver("", named, gpus, _own_version())


def _gpu(cuda: Any, number: int) -> Gpu:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(96)
    major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(device), number)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    capability = f"{major.value}.{minor.value}"
    return Gpu(number, name.value.decode(errors="replace"), capability, memory.value)


def _own_version() -> str:
    try:
        return _VERSION_FILE.read_text().strip()
    except OSError:
        return ""


# ---- calls -----------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _loaded(library: str) -> Any:
    try:
        return ctypes.CDLL(library)
    except OSError as error:
        raise EngineError(f"no NVIDIA driver: {error}; see main.py doctor") from error


def call(name: str, *arguments: Any) -> None:
    """Call a function of the driver.

    Args:
        name: Such as `cuStreamSynchronize`.
        arguments: ctypes values of the sizes that cuda.h says; a bare int would be cut to 32 bits.

    Raises:
        MemoryError: The GPU's memory is full.
        EngineError: Any other error, by its name; or there is no driver.
    """
    check(getattr(_loaded(LIBRARY), name)(*arguments), name)


def check(code: int, what: str) -> None:
    """Turn an error code of the driver into an exception, as `call` does."""
    if code == 0:
        return
    text = ctypes.c_char_p()
    _loaded(LIBRARY).cuGetErrorName(code, ctypes.byref(text))
    message = f"{what}: {(text.value or b'unknown').decode()} ({code})"
    if code == _OUT_OF_MEMORY:
        raise MemoryError(message)
    raise EngineError(f"the GPU failed in {message}; see main.py doctor")


class Graph:
    """Work on a stream, recorded once and launched as one: CUDA graphs, which PyCUDA lacks."""

    def __init__(self, stream: int, enqueue: Callable[[], None]) -> None:
        """Record.

        Args:
            stream: Handle of a stream of this thread's context, not the default one.
            enqueue: Puts the work on the stream; nothing of it runs yet. It must not allocate,
                wait, or copy from memory that is not page-locked.

        Raises:
            EngineError: Something in it cannot be recorded; the stream is as it was.
        """
        self._stream = ctypes.c_void_p(stream)
        self._exec = ctypes.c_void_p()
        graph = ctypes.c_void_p()
        call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_CAPTURES_THIS_THREAD))
        try:
            enqueue()
        except BaseException:
            # The capture has to end before the stream can be used again; enqueue's error is told.
            _loaded(LIBRARY).cuStreamEndCapture(self._stream, ctypes.byref(graph))
            if graph:
                _loaded(LIBRARY).cuGraphDestroy(graph)
            raise
        call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        try:
            call(
                "cuGraphInstantiateWithFlags",
                ctypes.byref(self._exec), graph, ctypes.c_ulonglong(0),
            )  # fmt: skip
        finally:
            call("cuGraphDestroy", graph)

    def launch(self) -> None:
        """Put all of it on the stream."""
        call("cuGraphLaunch", self._exec, self._stream)

    def free(self) -> None:
        """Let go of it; the context must be current."""
        if self._exec:
            call("cuGraphExecDestroy", self._exec)
            self._exec = ctypes.c_void_p()
