"""Holding a GPU: the driver's own library on a fake, PyCUDA as a fake module with its signatures.

They prove the order and the form of our calls, not NVIDIA's or PyCUDA's behaviour.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines import cuda_driver
from engines.cuda_device import CudaDevice, PyCudaDevice, find_gpu, open_device
from engines.cuda_driver import Gpu, probe
from engines.driver_device import DriverDevice
from pose.errors import EngineError, UsageError
from tests.engines.fake_gpu import FakeGpu, install

GPU = Gpu(0, "FAKE GPU", "8.7", 1 << 30)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    return install(monkeypatch, tmp_path)


# ---- the driver --------------------------------------------------------------------------------


def test_the_driver_is_asked_for_gpus(gpu: FakeGpu) -> None:
    driver = probe()

    assert (driver.present, driver.cuda, driver.needs) == (True, "13.0", "")
    assert driver.gpus == (Gpu(0, "FAKE GPU", "9.0", 1 << 30),)
    assert driver.gpus[0].architecture == "sm_90"


def test_a_driver_that_fails_is_no_driver(gpu: FakeGpu) -> None:
    gpu.fail("cuInit", 999)

    driver = probe()

    assert not driver.present and driver.reason == "driver error 999" and driver.needs


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_driver, "LIBRARY", "libno-such-driver.so")

    with pytest.raises(EngineError, match="no GPU to work with: no driver; it needs an NVIDIA GPU"):
        find_gpu(0)


def test_gpus_are_counted_from_0(gpu: FakeGpu) -> None:
    assert find_gpu(0).name == "FAKE GPU"
    with pytest.raises(EngineError, match="from 0 to 0, got 1"):
        find_gpu(1)


# ---- choosing ------------------------------------------------------------------------------------


def test_pycuda_is_taken_where_it_is_installed(
    gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(open_device(0), DriverDevice)
    with pytest.raises(EngineError, match="PyCUDA is not installed"):
        open_device(0, through="pycuda")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert isinstance(open_device(0), PyCudaDevice)
    assert isinstance(open_device(0, through="driver"), DriverDevice)
    with pytest.raises(UsageError, match="got 'magic'"):
        open_device(0, through="magic")


# ---- PyCUDA --------------------------------------------------------------------------------------


class _Error(Exception):
    """Stands for pycuda.driver.Error."""


class _Full(_Error):
    """Stands for pycuda.driver.MemoryError."""


class FakePyCuda(ModuleType):
    """`pycuda.driver` with the names that we call: notes what is called, on host memory."""

    Error, MemoryError = _Error, _Full

    def __init__(self) -> None:
        super().__init__("pycuda.driver")
        self.calls: list[str] = []
        self.blocks: dict[int, np.ndarray] = {}
        self.full = False

    def __call__(self, name: str, answer: Any = None) -> Callable[..., Any]:
        """A function that notes its call."""

        def called(*_: Any, **named: Any) -> Any:
            self.calls.append(name)
            return answer

        return called

    def init(self) -> None:
        self.calls.append("init")

    def Device(self, number: int) -> Any:
        context = SimpleNamespace(push=self("push"), pop=self("pop"))
        return SimpleNamespace(retain_primary_context=self("retain", context))

    def Stream(self) -> Any:
        self.calls.append("stream")
        return SimpleNamespace(handle=77, synchronize=self("synchronize"))

    def mem_alloc(self, size: int) -> Any:
        if self.full:
            raise _Full("cuMemAlloc failed: out of memory")
        block = np.full(size, 255, np.uint8)
        self.blocks[block.ctypes.data] = block
        self.calls.append("mem_alloc")
        return _Allocation(block.ctypes.data, self("free"))

    def pagelocked_empty(self, shape: int, dtype: Any) -> np.ndarray:
        self.calls.append("pagelocked_empty")
        return np.zeros(shape, dtype).view(_PageLocked)

    def memcpy_htod_async(self, to: int, source: np.ndarray, stream: Any) -> None:
        self.blocks[to][: source.nbytes] = source.view(np.uint8).ravel()

    def memcpy_dtoh_async(self, to: np.ndarray, source: int, stream: Any) -> None:
        to.view(np.uint8)[:] = self.blocks[source][: to.nbytes]

    def memcpy_dtod_async(self, to: int, source: int, size: int, stream: Any) -> None:
        self.blocks[to][:size] = self.blocks[source][:size]

    def module_from_buffer(self, image: bytes) -> Any:
        if image == b"bad":
            raise _Error("device kernel image is invalid")
        self.calls.append("module")

        def kernel(*arguments: Any, grid: Any, block: Any, stream: Any) -> None:
            self.calls.append(f"kernel {grid} {block} {[type(a).__name__ for a in arguments]}")

        return SimpleNamespace(get_function=lambda name: kernel)


class _Allocation:
    def __init__(self, address: int, free: Callable[[], None]) -> None:
        self._address, self.free = address, free

    def __int__(self) -> int:
        return self._address


class _PageLocked(np.ndarray):
    """An array whose base can be freed, as PyCUDA's."""

    @property
    def base(self) -> Any:
        return SimpleNamespace(free=lambda: None)


@pytest.fixture
def pycuda(monkeypatch: pytest.MonkeyPatch) -> FakePyCuda:
    module = FakePyCuda()
    monkeypatch.setitem(sys.modules, "pycuda", ModuleType("pycuda"))
    monkeypatch.setitem(sys.modules, "pycuda.driver", module)
    monkeypatch.setattr(PyCudaDevice, "_kept", {})
    return module


def test_pycudas_context_is_pushed_first_and_popped_last(pycuda: FakePyCuda) -> None:
    with PyCudaDevice(GPU) as device:
        assert device.stream == 77
        device.allocate(8)
        device.free(device.allocate(4))
        device.load(b"image", "kernel")
        device.synchronize()

    assert pycuda.calls == [
        "init", "retain", "push", "stream", "mem_alloc", "mem_alloc", "free", "module",
        "synchronize", "synchronize", "free", "pop",
    ]  # fmt: skip


def test_pycudas_primary_context_is_retained_once_per_process(pycuda: FakePyCuda) -> None:
    for _ in range(3):
        with PyCudaDevice(GPU), PyCudaDevice(GPU):
            pass

    assert pycuda.calls.count("retain") == 1
    assert pycuda.calls.count("push") == pycuda.calls.count("pop") == 6


def test_pycudas_errors_become_ours(pycuda: FakePyCuda) -> None:
    with PyCudaDevice(GPU) as device:
        with pytest.raises(EngineError, match=r"loading the kernel k: .*image is invalid"):
            device.load(b"bad", "k")
        pycuda.full = True
        with pytest.raises(MemoryError, match=r"no 99 bytes of GPU memory: .*out of memory"):
            device.allocate(99)

    assert pycuda.calls[-1] == "pop"


def test_pycuda_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built for another Python, or without its driver library."""

    def broken(name: str) -> None:
        raise ImportError("libcurand.so.10: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(EngineError, match=r"PyCUDA does not load here: libcurand"):
        PyCudaDevice(GPU).__enter__()


def test_pycuda_gets_kernel_arguments_of_the_right_kinds(pycuda: FakePyCuda) -> None:
    with PyCudaDevice(GPU) as device:
        kernel = device.load(b"image", "kernel")
        device.launch(kernel, (1, 2, 3), (4, 5, 1), np.uint64(7), np.int32(1))

    assert "kernel (1, 2, 3) (4, 5, 1) ['uint64', 'int32']" in pycuda.calls


# ---- what holds for both -----------------------------------------------------------------------


@pytest.fixture(params=["driver", "pycuda"])
def device(request: pytest.FixtureRequest, gpu: FakeGpu, pycuda: FakePyCuda) -> CudaDevice:
    return DriverDevice(GPU) if request.param == "driver" else PyCudaDevice(GPU)


def test_bytes_go_up_across_and_down(device: CudaDevice, rng: np.random.Generator) -> None:
    sent = rng.standard_normal((3, 5), np.float32)
    with device:
        first, second = device.allocate(sent.nbytes), device.allocate(sent.nbytes)
        host = device.pinned(sent.nbytes)
        host[:] = sent.view(np.uint8).ravel()
        device.upload(first, host)
        device.copy(second, first, sent.nbytes)
        back = device.pinned(sent.nbytes)
        device.download(back, second)
        device.synchronize()
        found = back.copy().view(np.float32).reshape(sent.shape)

    np.testing.assert_array_equal(found, sent)


def test_nothing_works_before_entering_or_twice(device: CudaDevice) -> None:
    with pytest.raises(RuntimeError, match="enter FAKE GPU before use"):
        device.allocate(4)
    with device, pytest.raises(RuntimeError, match="entered twice"):
        device.__enter__()
    with device:
        assert device.allocate(4)


def test_arrays_with_holes_are_refused(gpu: FakeGpu) -> None:
    with DriverDevice(GPU) as device, pytest.raises(ValueError, match="contiguous"):
        device.upload(device.allocate(100), np.zeros((4, 4), np.float32)[:, ::2])
