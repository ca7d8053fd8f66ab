"""The load of processor and GPU, with clocks and a driver of the test's own."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from app.cores import cores
from app.load import Load, LoadGauge


class Driver:
    """Stands in for NVML: 40 % busy, a quarter of its memory used; proves our calls only."""

    def __init__(self, works: bool = True) -> None:
        self._works = works

    def nvmlInit_v2(self) -> int:
        return 0 if self._works else 9

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, handle: Any) -> int:
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: Any, rates: Any) -> int:
        ctypes.cast(rates, ctypes.POINTER(ctypes.c_uint))[0] = 40
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        values = ctypes.cast(memory, ctypes.POINTER(ctypes.c_ulonglong))
        values[0], values[1], values[2] = 8 << 30, 6 << 30, 2 << 30
        return 0


def gauge(nvml: Any, jetson: Path, busy_s: float = 0.0) -> LoadGauge:
    walls, busies = iter([10.0, 12.0]), iter([1.0, 1.0 + busy_s])
    return LoadGauge(nvml, jetson, lambda: next(walls), lambda: next(busies))


@pytest.mark.parametrize(("busy_s", "share"), [(0.0, 0.0), (2.0 * cores(), 1.0), (cores(), 0.5)])
def test_the_processor_is_told_as_a_share_of_our_cores(
    tmp_path: Path, busy_s: float, share: float
) -> None:
    assert gauge(Driver(works=False), tmp_path / "load", busy_s)().cpu == pytest.approx(share)


def test_an_nvidia_gpu_is_asked(tmp_path: Path) -> None:
    assert gauge(Driver(), tmp_path / "load")() == Load(0.0, 0.4, 0.25)


def test_a_jetson_tells_per_mille(tmp_path: Path) -> None:
    (tmp_path / "load").write_text("731\n")

    assert gauge(Driver(works=False), tmp_path / "load")() == Load(0.0, 0.731, None)


def test_without_a_gpu_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert gauge(Driver(works=False), tmp_path / "load")() == Load(0.0, None, None)
