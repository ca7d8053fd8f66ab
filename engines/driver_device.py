"""A GPU through the driver's own library and ctypes: nothing to install, nothing to compile.

Does what `engines.cuda_device.PyCudaDevice` does where PyCUDA is not installed.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from ctypes import c_int, c_size_t, c_uint, c_void_p
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from engines.cuda_device import Array, Function, Recording, Sides
from engines.cuda_driver import Gpu, Graph, call
from pose.errors import EngineError

_log = logging.getLogger(__name__)

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: waits for no other stream
_address = ctypes.c_ulonglong  # CUdeviceptr


class DriverDevice:
    """A GPU through libcuda."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.stream = 0
        self._device: c_int | None = None
        self._memory: set[int] = set()
        self._pinned: list[int] = []
        self._modules: dict[bytes, c_void_p] = {}
        self._graphs: list[Graph] = []

    def __enter__(self) -> Self:
        if self._device is not None:
            raise RuntimeError(f"{self.gpu.name} was entered twice")
        device, context, stream = c_int(), c_void_p(), c_void_p()
        call("cuInit", c_uint(0))
        call("cuDeviceGet", ctypes.byref(device), c_int(self.gpu.number))
        call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        try:
            call("cuCtxPushCurrent_v2", context)
            try:
                call("cuStreamCreate", ctypes.byref(stream), c_uint(_NON_BLOCKING))
            except BaseException:
                call("cuCtxPopCurrent_v2", ctypes.byref(c_void_p()))
                raise
        except BaseException:
            call("cuDevicePrimaryCtxRelease_v2", device)
            raise
        self._device, self.stream = device, int(stream.value or 0)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._device is None:
            return
        stream = c_void_p(self.stream)
        self._let_go("cuStreamSynchronize", stream)
        for graph in self._graphs:
            try:
                graph.free()
            except EngineError as error:
                _log.debug("while leaving %s: %s", self.gpu.name, error)
        for module in self._modules.values():
            self._let_go("cuModuleUnload", module)
        for memory in self._memory:
            self._let_go("cuMemFree_v2", _address(memory))
        for host in self._pinned:
            self._let_go("cuMemFreeHost", c_void_p(host))
        self._let_go("cuStreamDestroy_v2", stream)
        self._let_go("cuCtxPopCurrent_v2", ctypes.byref(c_void_p()))
        self._let_go("cuDevicePrimaryCtxRelease_v2", self._device)
        self._device, self.stream = None, 0
        self._memory, self._pinned, self._modules, self._graphs = set(), [], {}, []

    def allocate(self, size: int) -> int:
        """See `CudaDevice.allocate`."""
        self._check_entered()
        found = _address()
        call("cuMemAlloc_v2", ctypes.byref(found), c_size_t(max(size, 1)))
        self._memory.add(found.value)
        return found.value

    def free(self, address: int) -> None:
        """See `CudaDevice.free`."""
        self._memory.remove(address)
        call("cuMemFree_v2", _address(address))

    def pinned(self, size: int) -> npt.NDArray[np.uint8]:
        """See `CudaDevice.pinned`."""
        self._check_entered()
        found, size = c_void_p(), max(size, 1)
        call("cuMemHostAlloc", ctypes.byref(found), c_size_t(size), c_uint(0))
        start = int(found.value or 0)
        self._pinned.append(start)
        return np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(start))

    def upload(self, address: int, array: Array) -> None:
        """See `CudaDevice.upload`."""
        call(
            "cuMemcpyHtoDAsync_v2",
            _address(address), c_void_p(_start(array)), c_size_t(array.nbytes), self._on(),
        )  # fmt: skip

    def download(self, array: Array, address: int) -> None:
        """See `CudaDevice.download`."""
        call(
            "cuMemcpyDtoHAsync_v2",
            c_void_p(_start(array)), _address(address), c_size_t(array.nbytes), self._on(),
        )  # fmt: skip

    def copy(self, to: int, source: int, size: int) -> None:
        """See `CudaDevice.copy`."""
        call("cuMemcpyDtoDAsync_v2", _address(to), _address(source), c_size_t(size), self._on())

    def synchronize(self) -> None:
        """See `CudaDevice.synchronize`."""
        call("cuStreamSynchronize", self._on())

    def load(self, image: bytes, name: str) -> Function:
        """See `CudaDevice.load`."""
        self._check_entered()
        if image not in self._modules:
            module = c_void_p()
            call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(image))
            self._modules[image] = module
        function = c_void_p()
        call(
            "cuModuleGetFunction",
            ctypes.byref(function), self._modules[image], ctypes.c_char_p(name.encode()),
        )  # fmt: skip
        return function

    def launch(self, function: Function, grid: Sides, block: Sides, *arguments: Any) -> None:
        """See `CudaDevice.launch`."""
        kept = [np.array(argument) for argument in arguments]  # the driver copies from these
        places = (c_void_p * len(kept))(*(each.ctypes.data for each in kept))
        sides = [c_uint(side) for side in (*grid, *block)]
        call("cuLaunchKernel", function, *sides, c_uint(0), self._on(), places, None)

    def record(self, enqueue: Callable[[], None]) -> Recording:
        """See `CudaDevice.record`."""
        self._check_entered()
        self._graphs.append(Graph(self.stream, enqueue))
        return self._graphs[-1]

    def _on(self) -> c_void_p:
        self._check_entered()
        return c_void_p(self.stream)

    def _check_entered(self) -> None:
        if self._device is None:
            raise RuntimeError(f"enter {self.gpu.name} before use")

    def _let_go(self, name: str, *arguments: Any) -> None:
        """Call on the way out: what failed was told when it failed, and all must be let go of."""
        try:
            call(name, *arguments)
        except (EngineError, MemoryError) as error:
            _log.debug("while leaving %s: %s", self.gpu.name, error)


def _start(array: Array) -> int:
    if not array.flags.c_contiguous:
        raise ValueError(f"expected a contiguous array, got strides {array.strides}")
    return array.ctypes.data
