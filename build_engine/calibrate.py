"""INT8: where each layer's values lie, learned from pictures, and written into the graph as Q/DQ.

TensorRT 11 knows INT8 only so. What TensorRT wants of it (NVIDIA, "Working with quantized types"):
symmetric ranges, weights per channel, biases left alone. Convolutions and products are quantised,
except the first, which sees pictures, the last, which say where things are, and thin ones, where
INT8 loses most and wins least. Measured on a Lite-HRNet of 298 convolutions (16 pictures of the
demo clip, calibrated on 16 of LSP): keypoints moved by 3.6 pixels in the median with all
convolutions in INT8, by 1.3 without depthwise ones, by 0.9 with ranges that forget outliers
besides, and by 0.8 without those below 32 channels instead. Both are done here. The result runs on
ONNX Runtime too, so what it costs is known before any GPU is asked.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from build_engine.onnx_card import with_card
from build_engine.to_fp16 import last_weighted, matching, name_nodes, tail
from pose.card import ModelCard
from pose.types import FloatArray

_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_THIN = 32  # channels per group
_REMEMBERED = 0.1  # weight of the newest picture in a range's moving average


class _OneByOne(CalibrationDataReader):  # type: ignore[misc]
    """Hands over one picture at a time, so that the memory holds every layer's answer to it."""

    def __init__(self, name: str, batch: FloatArray) -> None:
        self._name, self._waiting = name, iter(batch[:, None])

    def get_next(self) -> dict[str, FloatArray] | None:
        picture = next(self._waiting, None)
        return None if picture is None else {self._name: picture}


def quantised(
    model: onnx.ModelProto, card: ModelCard, batch: FloatArray, keep: Sequence[str] = ()
) -> onnx.ModelProto:
    """Write INT8 into a network as pairs of QuantizeLinear and DequantizeLinear.

    Args:
        model: In float32; not changed.
        card: Its card.
        batch: (N, 3, H, W) float32 to learn the ranges from, as `build_engine.pictures` makes it.
        keep: Patterns of node names or operators that stay float32.

    Returns:
        The network, still of float32 in and out, the card's precision `int8`.

    Raises:
        UsageError: A pattern fits no node.
    """
    named = with_card(model, card)
    name_nodes(named)
    left_out = tail(named) | last_weighted(named) | _first(named) | _thin(named)
    left_out |= matching(named, keep)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # of a library that warns its own users
        file = Path(folder) / "quantised.onnx"
        quantize_static(
            named,
            file,
            _OneByOne(named.graph.input[0].name, batch),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_OPERATORS),
            nodes_to_exclude=sorted(left_out),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "AddQDQPairToWeight": True,
                "QuantizeBias": False,
                "CalibMovingAverage": True,
                "CalibMovingAverageConstant": _REMEMBERED,
            },
        )
        written = onnx.load(file)
    return with_card(written, replace(card, precision="int8"))


def calibrator(trt: Any, device: Any, batch: FloatArray) -> Any:
    """What TensorRT 8.6 and 10 ask for pictures while they look for ranges themselves.

    Args:
        trt: A module with `IInt8EntropyCalibrator2`.
        device: An entered `engines.cuda_device.CudaDevice`.
        batch: (N, 3, H, W) float32.
    """

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        """One picture at a time, in memory of the GPU; nothing is remembered between builds."""

        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._waiting = iter(batch[:, None])
            self._address = device.allocate(batch[0].nbytes)

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            picture = next(self._waiting, None)
            if picture is None:
                return None
            device.upload(self._address, picture)
            device.synchronize()
            return [self._address]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            return None

    return Calibrator()


def _thin(model: onnx.ModelProto) -> set[str]:
    """Names of the convolutions with few channels in a group, depthwise ones above all."""
    sides = {weight.name: min(weight.dims[:2], default=0) for weight in model.graph.initializer}
    return {
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and sides.get(node.input[1], _THIN) < _THIN
    }


def _first(model: onnx.ModelProto) -> set[str]:
    """Name of the first node that could be quantised."""
    names = [node.name for node in model.graph.node if node.op_type in _OPERATORS]
    return set(names[:1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice to preprocess off the log; it speaks through the root logger."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
