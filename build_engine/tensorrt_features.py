"""What a TensorRT can do, asked of the module itself: from 8.6 to 11, and TensorRT-RTX.

Never by version: JetPack's builds, the wheels and RTX number themselves differently, and what
counts is whether a name is there. 8.6 types weakly (a flag asks for half precision), 10 can type
strongly (the graph says it), 11 knows nothing else and has dropped the flags. Knows no GPU: a
module, or anything with its names, in; a decision out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Precision = Literal["fp32", "fp16", "int8"]
Graph = Literal["fp32", "fp16", "quantised"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True, slots=True)
class Way:
    """How a TensorRT is asked for a precision.

    Attributes:
        graph: The ONNX graph that it reads: in float32, in half, or with Q/DQ pairs.
        network_flags: Bits for `Builder.create_network`.
        builder_flags: Names of `BuilderFlag` to set.
        calibrated: Whether its own calibrator finds the ranges of INT8.
        hold_float32: Whether layers of float32 must be held there one by one: weak typing would
            run them in half.
    """

    graph: Graph
    network_flags: int
    builder_flags: tuple[str, ...]
    calibrated: bool
    hold_float32: bool


def way(trt: Any, precision: Precision) -> Way:
    """Decide how to ask this TensorRT for a precision.

    Args:
        trt: The module `tensorrt` or `tensorrt_rtx`.
        precision: What the engine shall be.
    """
    creation = getattr(trt, "NetworkDefinitionCreationFlag", None)
    strong = hasattr(creation, "STRONGLY_TYPED")
    if precision == "int8" and has_calibrator(trt):
        flags = _flags(trt, "INT8", "FP16")
        return Way("fp32", _bits(creation, "EXPLICIT_BATCH"), flags, True, False)
    graph: Graph = "quantised" if precision == "int8" else precision
    if strong:
        return Way(graph, _bits(creation, "EXPLICIT_BATCH", "STRONGLY_TYPED"), (), False, False)
    # 11 and RTX have neither this flag nor need of it: their graphs always say what they are
    wanted: dict[Precision, tuple[str, ...]] = {"fp32": (), "fp16": ("FP16",), "int8": ("INT8",)}
    hold = _flags(trt, "OBEY_PRECISION_CONSTRAINTS") if precision == "fp16" else ()
    flags = (*_flags(trt, *wanted[precision]), *hold)
    return Way(graph, _bits(creation, "EXPLICIT_BATCH"), flags, False, bool(hold))


def has_calibrator(trt: Any) -> bool:
    """Whether it finds INT8 ranges itself: 8.6 and 10 do, 11 and RTX want them in the graph."""
    return hasattr(trt, "IInt8EntropyCalibrator2") and hasattr(trt.BuilderFlag, "INT8")


def shows_progress(trt: Any) -> bool:
    """Whether a build can be watched: from 10 on."""
    return hasattr(trt, "IProgressMonitor") and hasattr(trt.IBuilderConfig, "progress_monitor")


def shares_profiles(trt: Any) -> bool:
    """Whether several contexts share a profile only if asked: 8.6; later ones always do."""
    return hasattr(getattr(trt, "PreviewFeature", None), "PROFILE_SHARING_0806")


def builds_without_gpu(trt: Any) -> bool:
    """Whether it builds for GPUs that are not here, as TensorRT-RTX does."""
    return hasattr(trt.IBuilderConfig, "set_compute_capability")


def _flags(trt: Any, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if hasattr(trt.BuilderFlag, name))


def _bits(creation: Any, *names: str) -> int:
    bits = 0
    for name in names:
        if hasattr(creation, name):
            bits |= 1 << int(getattr(creation, name))
    return bits
