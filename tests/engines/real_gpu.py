"""Engines on this machine's own GPU, for tests marked `gpu`; elsewhere those say why they skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from build_engine.build_tensorrt import BuildOptions, build_plan, profile
from build_engine.tensorrt_features import way
from engines import tensorrt_library
from engines.cuda_driver import probe
from engines.engine_file import BuiltFor, shape_text, write_engine
from pose.errors import EngineError
from pose.onnx_header import card_in_onnx


def skip_without_gpu() -> None:
    """Skip, and say what is missing."""
    driver = probe()
    if not driver.present:
        pytest.skip(f"needs {driver.needs}: {driver.reason}")
    try:
        tensorrt_library.load("tensorrt")
    except EngineError as error:
        pytest.skip(str(error))


def build_for_this_gpu(path: Path, onnx: Path, max_batch: int = 16) -> Path:
    """Build a small network in float32, so that its answers can be compared closely."""
    trt = tensorrt_library.load("tensorrt")
    gpu = probe().gpus[0]
    card = card_in_onnx(onnx.read_bytes(), str(onnx))
    batch = (1, min(4, max_batch), max_batch)
    shapes = profile(card, batch)
    options = BuildOptions(batch, workspace_mib=256)
    plan = build_plan(trt, onnx.read_bytes(), shapes, way(trt, "fp32"), options, None, None)
    low, usual, high = map(shape_text, shapes)
    built_for = BuiltFor(
        "tensorrt", str(trt.__version__), onnx.name, "0" * 64, low, usual, high,
        gpu=gpu.name, compute_capability=gpu.compute_capability,
    )  # fmt: skip
    return write_engine(path, card, built_for, plan)
