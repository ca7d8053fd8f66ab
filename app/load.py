"""How busy this machine is: shares of the processor and of an NVIDIA GPU. Imports no package.

The GPU is asked through the driver's own library (NVML) on a PC, through the kernel on a Jetson.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cores import cores

_JETSON_LOAD = Path("/sys/devices/gpu.0/load")  # per mille


@dataclass(frozen=True, slots=True)
class Load:
    """One look.

    Attributes:
        cpu: Share of this process's cores that this process kept busy since the last look, 0 to 1.
        gpu: Share of time that the GPU was busy, 0 to 1; None without one.
        gpu_memory: Share of the GPU's memory in use, 0 to 1; None where nobody tells.
    """

    cpu: float
    gpu: float | None = None
    gpu_memory: float | None = None


class LoadGauge:
    """Looks at the load; each call answers for the time since the one before.

    Args:
        nvml: The driver's library, loaded; None looks for it.
        jetson: File with the GPU's load in per mille.
        wall, busy: Clocks of time and of processor time of this process, seconds.
    """

    def __init__(
        self,
        nvml: Any = None,
        jetson: Path = _JETSON_LOAD,
        wall: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        self._wall, self._busy = wall, busy
        self._jetson = jetson
        self._wall_s, self._busy_s = wall(), busy()
        self._nvml, self._device = _first_device(nvml)

    def __call__(self) -> Load:
        """Look."""
        wall_s, busy_s = self._wall(), self._busy()
        passed = wall_s - self._wall_s
        cpu = (busy_s - self._busy_s) / (passed * cores()) if passed > 0 else 0.0
        self._wall_s, self._busy_s = wall_s, busy_s
        return Load(min(1.0, max(0.0, cpu)), *self._gpu())

    def _gpu(self) -> tuple[float | None, float | None]:
        if self._nvml is None:
            try:
                return int(self._jetson.read_text()) / 1000, None
            except (OSError, ValueError):
                return None, None
        rates, memory = (ctypes.c_uint * 2)(), (ctypes.c_ulonglong * 3)()
        gpu = used = None
        if not self._nvml.nvmlDeviceGetUtilizationRates(self._device, ctypes.byref(rates)):
            gpu = rates[0] / 100
        if not self._nvml.nvmlDeviceGetMemoryInfo(self._device, ctypes.byref(memory)) and memory[0]:
            used = memory[2] / memory[0]  # total, free, used
        return gpu, used


def _first_device(nvml: Any) -> tuple[Any, ctypes.c_void_p]:
    """NVML and a handle of its first GPU; (None, …) where there is none."""
    device = ctypes.c_void_p()
    if nvml is None:
        try:
            nvml = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return None, device
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)):
        return None, device
    return nvml, device
