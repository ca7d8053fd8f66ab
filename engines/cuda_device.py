"""One GPU, held by one thread: memory, copies, kernels and graphs behind a small protocol.

`PyCudaDevice` works through PyCUDA; `engines.driver_device` does the same through ctypes alone,
for machines where PyCUDA, which has no wheels, was not built. Whoever enters a device owns it: it
keeps the GPU's primary context, the one that TensorRT works in, on the stack of that thread until
it leaves, and belongs in no other thread meanwhile.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from engines import cuda_driver
from engines.cuda_driver import Gpu
from pose.errors import EngineError, UsageError

_log = logging.getLogger(__name__)

Array = npt.NDArray[Any]
Function = Any  # a kernel that was loaded, as the device knows it
Sides = tuple[int, int, int]


class Recording(Protocol):
    """Work that was recorded once: a CUDA graph."""

    def launch(self) -> None: ...

    def free(self) -> None: ...


class CudaDevice(Protocol):
    """A GPU and one stream on it, usable while entered, in the thread that entered.

    Everything runs in order on `stream`; nothing is done before `synchronize` returns, and no
    array that was given may be changed before. Leaving frees whatever was not freed. Each method
    raises MemoryError where the GPU is full and EngineError where it fails.
    """

    gpu: Gpu
    stream: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the GPU."""
        ...

    def free(self, address: int) -> None:
        """Give back what `allocate` gave."""
        ...

    def pinned(self, size: int) -> npt.NDArray[np.uint8]:
        """`size` bytes of page-locked memory, which copies without the CPU; for use inside only."""
        ...

    def upload(self, address: int, array: Array) -> None:
        """Copy a contiguous array to the GPU."""
        ...

    def download(self, array: Array, address: int) -> None:
        """Fill a contiguous array from the GPU."""
        ...

    def copy(self, to: int, source: int, size: int) -> None:
        """Copy `size` bytes on the GPU."""
        ...

    def synchronize(self) -> None:
        """Wait until all is done."""
        ...

    def load(self, image: bytes, name: str) -> Function:
        """A kernel out of a compiled image."""
        ...

    def launch(self, function: Function, grid: Sides, block: Sides, *arguments: Any) -> None:
        """Run a kernel; arguments are numpy scalars of the sizes that it takes."""
        ...

    def record(self, enqueue: Callable[[], None]) -> Recording:
        """Record what `enqueue` puts on the stream, instead of running it."""
        ...


def open_device(number: int = 0, through: str = "") -> CudaDevice:
    """Choose how to work on a GPU; enter what comes back.

    Args:
        number: Which GPU, as the driver counts.
        through: `pycuda` or `driver`; empty takes PyCUDA where it is installed.

    Raises:
        EngineError: No such GPU, no driver, or the package that was asked for is not installed.
        UsageError: No such way.
    """
    from engines.driver_device import DriverDevice  # it knows this file

    gpu = find_gpu(number)
    installed = importlib.util.find_spec("pycuda") is not None
    if through not in ("", "pycuda", "driver"):
        raise UsageError(f"expected a GPU through pycuda or driver, got {through!r}")
    if through == "pycuda" and not installed:
        raise EngineError("PyCUDA is not installed; run: pip install -e '.[trt]'")
    if through == "pycuda" or (installed and not through):
        return PyCudaDevice(gpu)
    return DriverDevice(gpu)


def find_gpu(number: int) -> Gpu:
    """A GPU by its number; EngineError where there is none."""
    driver = cuda_driver.probe()
    if not driver.present:
        raise EngineError(f"no GPU to work with: {driver.reason}; it needs {driver.needs}")
    if not 0 <= number < len(driver.gpus):
        raise EngineError(
            f"expected a GPU from 0 to {len(driver.gpus) - 1}, got {number}; see main.py doctor"
        )
    return driver.gpus[number]


class PyCudaDevice:
    """A GPU through PyCUDA."""

    # PyCUDA leaves a context on its thread's stack when it lets go of a primary one, so this
    # process lets go of none before it ends: GPU number -> PyCUDA's context.
    _kept: dict[int, Any] = {}  # noqa: RUF012
    _keeping = threading.Lock()

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.stream = 0
        self._cuda: Any = None
        self._context: Any = None
        self._stream: Any = None
        self._memory: dict[int, Any] = {}
        self._pinned: list[Any] = []
        self._modules: dict[bytes, Any] = {}
        self._graphs: list[cuda_driver.Graph] = []

    def __enter__(self) -> Self:
        if self._context is not None:
            raise RuntimeError(f"{self.gpu.name} was entered twice")
        try:
            self._cuda = importlib.import_module("pycuda.driver")
        except ImportError as error:
            raise EngineError(f"PyCUDA does not load here: {error}; build it again") from error
        with self._errors("cannot start"):
            self._cuda.init()
            context = self._primary()
            context.push()
            self._context = context
            try:
                self._stream = self._cuda.Stream()
            except BaseException:
                self._leave()
                raise
            self.stream = int(self._stream.handle)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._context is None:
            return
        try:
            self._stream.synchronize()
        except self._cuda.Error as error:  # whatever failed was told when it failed
            _log.debug("while leaving %s: %s", self.gpu.name, error)
        for release in (
            *(graph.free for graph in self._graphs),
            *(memory.free for memory in self._memory.values()),
            *(memory.free for memory in self._pinned),
        ):
            try:
                release()
            except (self._cuda.Error, EngineError) as error:
                _log.debug("while leaving %s: %s", self.gpu.name, error)
        self._leave()

    def allocate(self, size: int) -> int:
        """See `CudaDevice.allocate`."""
        with self._errors(f"no {size} bytes of GPU memory"):
            memory = self._cuda.mem_alloc(max(size, 1))
        self._memory[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        """See `CudaDevice.free`."""
        with self._errors("freeing"):
            self._memory.pop(address).free()

    def pinned(self, size: int) -> npt.NDArray[np.uint8]:
        """See `CudaDevice.pinned`."""
        with self._errors(f"no {size} bytes of page-locked memory"):
            array: npt.NDArray[np.uint8] = self._cuda.pagelocked_empty(max(size, 1), np.uint8)
        self._pinned.append(array.base)
        return array

    def upload(self, address: int, array: Array) -> None:
        """See `CudaDevice.upload`."""
        with self._errors("copying to the GPU"):
            self._cuda.memcpy_htod_async(address, array, self._stream)

    def download(self, array: Array, address: int) -> None:
        """See `CudaDevice.download`."""
        with self._errors("copying from the GPU"):
            self._cuda.memcpy_dtoh_async(array, address, self._stream)

    def copy(self, to: int, source: int, size: int) -> None:
        """See `CudaDevice.copy`."""
        with self._errors("copying on the GPU"):
            self._cuda.memcpy_dtod_async(to, source, size, self._stream)

    def synchronize(self) -> None:
        """See `CudaDevice.synchronize`."""
        with self._errors("waiting for the GPU"):
            self._stream.synchronize()

    def load(self, image: bytes, name: str) -> Function:
        """See `CudaDevice.load`."""
        with self._errors(f"loading the kernel {name}"):
            if image not in self._modules:
                self._modules[image] = self._cuda.module_from_buffer(image)
            return self._modules[image].get_function(name)

    def launch(self, function: Function, grid: Sides, block: Sides, *arguments: Any) -> None:
        """See `CudaDevice.launch`."""
        with self._errors("launching a kernel"):
            function(*arguments, grid=grid, block=block, stream=self._stream)

    def record(self, enqueue: Callable[[], None]) -> Recording:
        """See `CudaDevice.record`."""
        self._graphs.append(cuda_driver.Graph(self.stream, enqueue))
        return self._graphs[-1]

    def _primary(self) -> Any:
        with self._keeping:
            if self.gpu.number not in self._kept:
                device = self._cuda.Device(self.gpu.number)
                self._kept[self.gpu.number] = device.retain_primary_context()
            return self._kept[self.gpu.number]

    def _leave(self) -> None:
        """Drop what belongs to the context, then take it off this thread's stack."""
        self._graphs, self._memory, self._pinned, self._modules = [], {}, [], {}
        self._stream, self.stream = None, 0
        context, self._context = self._context, None
        context.pop()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        if self._cuda is None:
            raise RuntimeError(f"enter {self.gpu.name} before use")
        try:
            yield
        except self._cuda.MemoryError as error:
            raise MemoryError(f"{self.gpu.name}, {what}: {error}") from error
        except self._cuda.Error as error:
            raise EngineError(f"{self.gpu.name}, {what}: {error}; see main.py doctor") from error
