"""A torch network becomes an ONNX file with its card inside, compared with torch before it counts.

Opset 17, the newest that TensorRT 8.6 (JetPack 6.0) reads; hence torch's exporter by tracing, as
the other one starts at opset 18. The batch is free, and so are height and width where the card says
`any_size`. The file appears only after it was checked.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from build_engine.onnx_card import with_card, write_onnx
from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.types import FloatArray

OPSET = 17
TOLERANCE = 1e-4
INPUT_NAMES = {"pose": "crops", "person": "frames"}
OUTPUT_NAMES = {"pose": ("heatmaps",), "person": ("xyxy", "scores")}
_BATCHES = (1, 3)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: The ONNX file.
        file_bytes: Its size.
        difference: Largest difference from torch, as `TOLERANCE` measures it.
        shapes: Input shapes that were compared.
    """

    path: Path
    file_bytes: int
    difference: float
    shapes: tuple[tuple[int, ...], ...]


def export(
    network: nn.Module,
    card: ModelCard,
    path: Path,
    output_names: Sequence[str] | None = None,
) -> Exported:
    """Write a network as ONNX and prove that ONNX Runtime gives torch's answers.

    Args:
        network: Takes (N, 3, H, W) float32 as the card normalises; answers one tensor or a tuple,
            each with first axis N. It is copied, so mode and device of the caller's stay.
        card: Travels inside the file; its input size and `any_size` decide the input's shape.
        path: Where; an older file is replaced only by one that passed.
        output_names: One per tensor; the names of the card's task if not given.

    Raises:
        ModelFileError: ONNX Runtime and torch differ by more than `TOLERANCE` times the largest
            value (1 at least), the graph is not valid ONNX, or the network does not run on the
            card's input.
        ValueError: The network's answers are not as many as the names.
        OutputError: The file cannot be written.
    """
    names = tuple(output_names or OUTPUT_NAMES[card.task])
    still = copy.deepcopy(network).cpu().float().eval()
    shapes = _shapes(card)
    try:
        answers = _torch_answers(still, np.zeros(shapes[0], np.float32))
    except (MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the network cannot take the input of its card, {shapes[0]}: {error}"
        ) from error
    if len(answers) != len(names):
        raise ValueError(f"the network answers {len(answers)} tensors, expected {names}")

    model = with_card(_traced(still, card, names, shapes[-1]), card)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelFileError(f"{path}: the export is not valid ONNX: {error}") from error
    difference = _compare(still, model.SerializeToString(), names, shapes, path)
    write_onnx(model, path)
    _log.info("%s: within %.1e of torch on %s", path, difference, shapes)
    return Exported(path, path.stat().st_size, difference, shapes)


def _shapes(card: ModelCard) -> tuple[tuple[int, ...], ...]:
    """Input shapes to compare: two batches, and where any size goes another, wide one."""
    width, height = card.input_size_wh
    shapes = [(batch, 3, height, width) for batch in _BATCHES]
    if card.any_size:
        shapes.insert(1, (_BATCHES[0], 3, max(32, height // 2 // 32 * 32), width + 32))
    return tuple(shapes)


def _traced(
    network: nn.Module, card: ModelCard, names: Sequence[str], shape: Sequence[int]
) -> onnx.ModelProto:
    """The graph as torch's tracer sees it; a batch above 1 keeps it from folding the axis away."""
    free = {0: "n", 2: "h", 3: "w"} if card.any_size else {0: "n"}
    source = INPUT_NAMES[card.task]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "traced.onnx"
        # torch 2.9 on calls this exporter legacy. Tracing warns of every size that may become a
        # constant; whether it matters, the comparison at other batches and sizes decides.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            network, (torch.zeros(*shape),), file, dynamo=False, opset_version=OPSET,
            input_names=[source], output_names=list(names),
            dynamic_axes={source: free, **{name: {0: "n"} for name in names}},
        )  # fmt: skip
        return onnx.load(file)


def _compare(
    network: nn.Module,
    content: bytes,
    names: Sequence[str],
    shapes: Sequence[Sequence[int]],
    path: Path,
) -> float:
    """Largest difference over all shapes, relative to an answer's largest value or to 1."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    random = np.random.default_rng(0)
    worst = 0.0
    for shape in shapes:
        batch = random.standard_normal(shape, np.float32)
        try:
            found = session.run(list(names), {source: batch})
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelFileError(f"{path}: the export does not run on {shape}: {error}") from error
        for name, ours, theirs in zip(names, _torch_answers(network, batch), found, strict=True):
            if ours.shape != theirs.shape:
                raise ModelFileError(
                    f"{path}: {name} of {shape} is {theirs.shape} in ONNX, {ours.shape} in torch; "
                    "a size was traced as a constant"
                )
            scale = max(1.0, float(np.abs(ours).max(initial=0)))
            difference = float(np.abs(ours - theirs).max(initial=0)) / scale
            if not difference <= TOLERANCE:  # NaN is not
                raise ModelFileError(
                    f"{path}: {name} of {shape} differs from torch by {difference:.2e}, "
                    f"at most {TOLERANCE:.0e} is allowed; nothing was written"
                )
            worst = max(worst, difference)
    return worst


def _torch_answers(network: nn.Module, batch: FloatArray) -> list[FloatArray]:
    with torch.inference_mode():
        answers = network(torch.from_numpy(batch))
    tensors = [answers] if isinstance(answers, torch.Tensor) else list(answers)
    return [tensor.numpy() for tensor in tensors]
