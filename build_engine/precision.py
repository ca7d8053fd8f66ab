"""One network file in another precision: float32 becomes half or INT8, and is measured at once.

What comes out still takes and gives float32, so that no engine and no decoder needs to know.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx

from build_engine.calibrate import quantised
from build_engine.compare import Parity, check, compare
from build_engine.onnx_card import write_onnx
from build_engine.pictures import pictures
from build_engine.tensorrt_features import Precision
from build_engine.to_fp16 import to_fp16
from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError
from pose.types import FloatArray

_COMPARED_ON = 12  # pictures


def converted(
    source: Path,
    card: ModelCard,
    precision: Precision,
    keep: Sequence[str] = (),
    pictures_from: Path | None = None,
    calibrate_on: int = 64,
    refuse_drift: bool = True,
) -> tuple[bytes, Parity]:
    """Convert an ONNX file of float32, and compare both on ONNX Runtime.

    Args:
        source: The file.
        card: Its card.
        precision: `fp16` or `int8`.
        keep: Node names or operators that stay float32.
        pictures_from: Folder or video; the clip that ships if not given.
        calibrate_on: Pictures that INT8's ranges are learned from; others are compared on.
        refuse_drift: As for `compare.check`.

    Returns:
        The new file's content, its card inside, and how it differs on pictures that the ranges
        were not learned from.

    Raises:
        ModelFileError: It is not the same network any more (NaN, drift), or cannot be converted.
        UsageError: `keep` fits nothing.
        InputError: No pictures.
    """
    model = onnx.load(source)
    if precision == "int8":
        learn, look = halves(card, calibrate_on, pictures_from)
        made = quantised(model, card, learn, keep)
    else:
        look = pictures(card, _COMPARED_ON, pictures_from)
        made = to_fp16(model, card, keep)
    with tempfile.TemporaryDirectory() as folder:
        file = write_onnx(made, Path(folder) / f"{source.stem}-{precision}.onnx")
        with OnnxRuntimeEngine(source) as right, OnnxRuntimeEngine(file) as ours:
            found = compare(right, ours, look)
        check(found, precision, str(source), refuse_drift)
        return file.read_bytes(), found


def halves(
    card: ModelCard, calibrate_on: int, pictures_from: Path | None
) -> tuple[FloatArray, FloatArray]:
    """Pictures to learn ranges from, and others to compare on; both (n, 3, H, W) float32.

    Raises:
        UsageError: No room for one picture.
        InputError: Fewer than two pictures there.
    """
    if calibrate_on < 1:
        raise UsageError(f"--calibrate-on: expected 1 picture or more, got {calibrate_on}")
    batch = pictures(card, calibrate_on + _COMPARED_ON, pictures_from)
    every = max(2, len(batch) // _COMPARED_ON)
    look, learn = batch[::every], batch[[i for i in range(len(batch)) if i % every]]
    if not len(learn):
        raise ModelFileError(
            f"{pictures_from}: expected two pictures or more to calibrate INT8 on, got {len(batch)}"
        )
    return learn, look
