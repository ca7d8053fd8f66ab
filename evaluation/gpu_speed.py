"""How fast one network runs on a GPU: on TensorRT, and on what else could run it there.

A time is that of the GPU's work on a batch that is already in its memory, until the host knows that
it is done; on TensorRT also from the host's memory and back to it, which is what the application
pays without the fused estimator.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from engines.cuda_driver import Gpu, call
from engines.tensorrt_engine import TensorRtEngine

BATCHES = (1, 4, 16, 64)
_WARM_RUNS = 10  # clocks rise, graphs are recorded, kernels are chosen
_FEWEST_RUNS = 30
_FREE_SIDE = 320  # pixels, where a graph leaves height and width free

# Dense multiply-adds, counted as two, that one multiprocessor does per clock in half precision:
# NVIDIA's data sheets' TFLOPS over multiprocessors and boost clock. What accumulates in half is
# counted where the sheet tells it so (8.6, 8.9, 12.0).
_HALF_OPERATIONS_PER_CLOCK: Mapping[str, int] = {
    "7.0": 1024, "7.2": 1024, "7.5": 1024, "8.0": 2048, "8.6": 1024, "8.7": 2048, "8.9": 1024,
    "9.0": 4096, "10.0": 8192, "12.0": 1024,
}  # fmt: skip
_INT8_OF_HALF = 2.0
_TF32_OF_HALF: Mapping[str, float] = {
    "8.0": 0.5, "8.6": 0.25, "8.7": 0.5, "8.9": 0.25, "9.0": 0.5, "10.0": 0.5, "12.0": 0.25,
}  # fmt: skip
_CLOCK_KHZ, _MULTIPROCESSORS = 13, 16  # CU_DEVICE_ATTRIBUTE_*


@dataclass(frozen=True, slots=True)
class Timing:
    """One network, one way, one batch size.

    Attributes:
        network: Its name.
        runner: `TensorRT`, `torch eager`, `torch.compile` or `ONNX Runtime CUDA`.
        precision: `fp32`, `fp16` or `int8`.
        batch: Pictures in a run.
        graph: Whether it is replayed as a CUDA graph; None where that is the runner's affair.
        p50_ms: Median time of a batch.
        p95_ms: What 19 of 20 batches stay below.
        host_p50_ms: Median from and to the host's memory; None where it was not measured.
    """

    network: str
    runner: str
    precision: str
    batch: int
    graph: bool | None
    p50_ms: float
    p95_ms: float
    host_p50_ms: float | None = None

    @property
    def crops_per_s(self) -> float:
        """Pictures per second."""
        return 1000 * self.batch / self.p50_ms


def timed(once: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median and 95th percentile of a call, in milliseconds, after it was warmed up.

    Args:
        once: Does the work and returns when it is done.
        seconds: How long to repeat it; 30 times at least.
    """
    for _ in range(_WARM_RUNS):
        once()
    took_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while len(took_ms) < _FEWEST_RUNS or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        once()
        took_ms.append(1000 * (time.perf_counter() - start_s))
    median, most = np.percentile(took_ms, [50, 95])
    return float(median), float(most)


def on_tensorrt(
    network: str, path: Path, batches: tuple[int, ...], seconds: float
) -> Iterator[Timing]:
    """Each batch size that the engine takes, with and without CUDA graph.

    Args:
        network: Name for the table.
        path: Engine file; ours, so it is trusted.
        batches: Sizes; those beyond the plan's are left out.
        seconds: For each measurement.
    """
    for graph in (False, True):
        with TensorRtEngine(path, trust=True, cuda_graph=graph) as engine:
            width, height = engine.card.input_size_wh
            for batch in (size for size in batches if size <= engine.max_batch):
                pictures = np.zeros((batch, 3, height, width), np.float32)
                host_ms, _ = timed(lambda: engine.infer(pictures), seconds)  # noqa: B023
                session = engine.session
                prepared = session.prepare(batch, (height, width))

                def once() -> None:
                    session.run(("speed", batch), prepared, prepared.enqueue)  # noqa: B023
                    session.device.synchronize()  # noqa: B023

                median, most = timed(once, seconds)
                yield Timing(
                    network, "TensorRT", engine.card.precision, batch, graph, median, most, host_ms
                )


def on_onnxruntime(
    network: str, path: Path, batches: tuple[int, ...], seconds: float
) -> Iterator[Timing]:
    """ONNX Runtime's CUDA provider with inputs and outputs in the GPU's memory, in float32.

    Raises:
        RuntimeError: This ONNX Runtime has no CUDA, or it does not start.
    """
    provider = "CUDAExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError("this ONNX Runtime is built without CUDA (pip install onnxruntime-gpu)")
    session = onnxruntime.InferenceSession(str(path), providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError("ONNX Runtime's CUDA provider does not start (CUDA or cuDNN missing)")
    source = session.get_inputs()[0]
    sides = [side if isinstance(side, int) else None for side in source.shape[2:]]
    for batch in batches:
        shape = (batch, 3, *(side or _FREE_SIDE for side in sides))
        binding = session.io_binding()
        pictures = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32), "cuda", 0)
        binding.bind_ortvalue_input(source.name, pictures)
        for output in session.get_outputs():
            binding.bind_output(output.name, "cuda")

        def once() -> None:
            session.run_with_iobinding(binding)  # noqa: B023
            binding.synchronize_outputs()  # noqa: B023

        yield Timing(network, "ONNX Runtime CUDA", "fp32", batch, None, *timed(once, seconds))


def on_torch(
    network: str, module: Any, size_wh: tuple[int, int], batches: tuple[int, ...], seconds: float
) -> Iterator[Timing]:
    """Eager and compiled, in float32 (TF32 allowed) and in half, channels last.

    Raises:
        RuntimeError: This torch has no CUDA.
    """
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(f"this torch ({torch.__version__}) has no CUDA")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    kinds = {"fp32": torch.float32, "fp16": torch.float16}
    for precision, kind in kinds.items():
        eager = module.to("cuda", kind, memory_format=torch.channels_last).eval()
        ways = {"torch eager": eager, "torch.compile": torch.compile(eager, mode="max-autotune")}
        for runner, forward in ways.items():
            for batch in batches:
                pictures = torch.zeros(batch, 3, size_wh[1], size_wh[0], device="cuda", dtype=kind)
                pictures = pictures.contiguous(memory_format=torch.channels_last)

                def once() -> None:
                    with torch.inference_mode():
                        forward(pictures)  # noqa: B023
                    torch.cuda.synchronize()

                yield Timing(network, runner, precision, batch, None, *timed(once, seconds))


def peak_operations(gpu: Gpu, precision: str) -> float | None:
    """What the chip could do at most, in operations per second, a multiply-add counted as two.

    Args:
        gpu: From `engines.cuda_driver.probe`.
        precision: `fp32` is TF32 here, as TensorRT computes it.

    Returns:
        None where the compute capability's rate is not known.
    """
    half = _HALF_OPERATIONS_PER_CLOCK.get(gpu.compute_capability)
    share = {"fp32": _TF32_OF_HALF.get(gpu.compute_capability), "fp16": 1.0, "int8": _INT8_OF_HALF}
    of_half = share[precision]
    if half is None or of_half is None:
        return None
    clocks = _attribute(gpu, _MULTIPROCESSORS) * 1000 * _attribute(gpu, _CLOCK_KHZ)
    return clocks * half * of_half


def _attribute(gpu: Gpu, number: int) -> int:
    value = ctypes.c_int()
    call(
        "cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(number), ctypes.c_int(gpu.number)
    )
    return value.value
