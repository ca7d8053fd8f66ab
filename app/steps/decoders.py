"""Box decoders: from what a detector's network answers to candidate boxes, one per cell.

A card names its decoder. A decoder knows no threshold and suppresses nothing (`app.steps.detect`
does), so a new format is one function here and one line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pose.errors import ModelFileError
from pose.types import Boxes, FloatArray

BoxDecoder = Callable[[Mapping[str, FloatArray], int, tuple[int, int]], Boxes]

STRIDES = (8, 16, 32)
PERSON = 0  # COCO's first class


def centre(outputs: Mapping[str, FloatArray], index: int, input_wh: tuple[int, int]) -> Boxes:
    """Our own format: the network has already done the arithmetic.

    Args:
        outputs: `xyxy` (B, A, 4) in input pixels and `scores` (B, A), 0 to 1.
        index: Which picture of the batch.
        input_wh: Width and height of the network's input.

    Returns:
        All A candidates, in input pixels.

    Raises:
        ModelFileError: The network's outputs are not of this format.
    """
    if "xyxy" not in outputs or "scores" not in outputs:
        raise _unlike("centre", "outputs xyxy and scores", outputs)
    return Boxes(outputs["xyxy"][index], outputs["scores"][index])


def yolox(outputs: Mapping[str, FloatArray], index: int, input_wh: tuple[int, int]) -> Boxes:
    """YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430), all classes but people left out.

    Args:
        outputs: One array (B, A, 5 + classes): centre offset from the cell and log size, both in
            strides; objectness and class scores, 0 to 1.
        index: Which picture of the batch.
        input_wh: Width and height of the network's input.

    Returns:
        All A candidates, in input pixels.

    Raises:
        ModelFileError: The network's output is not of this format.
    """
    cells, strides = _cells(input_wh)
    answers = next(iter(outputs.values()))
    if len(outputs) != 1 or answers.shape[1] != len(cells) or answers.shape[2] < 6:
        raise _unlike("yolox", f"one output (B, {len(cells)}, 5 + classes)", outputs)
    answer = answers[index]
    centres = (answer[:, :2] + cells) * strides
    half = np.exp(answer[:, 2:4]) * strides / 2
    scores = answer[:, 4] * answer[:, 5 + PERSON]
    return Boxes(np.concatenate([centres - half, centres + half], axis=1), scores)


def rtmdet(outputs: Mapping[str, FloatArray], index: int, input_wh: tuple[int, int]) -> Boxes:
    """RTMDet (Lyu et al. 2022, https://arxiv.org/abs/2212.07784), people only.

    Args:
        outputs: Per stride a map (B, 1, h, w) of logits and a map (B, 4, h, w) of the distances
            in pixels from the cell's corner to the box's left, top, right and bottom.
        index: Which picture of the batch.
        input_wh: Width and height of the network's input.

    Returns:
        All candidates, in input pixels.

    Raises:
        ModelFileError: The network's outputs are not of this format.
    """
    cells, strides = _cells(input_wh)
    by_depth: dict[int, list[FloatArray]] = {1: [], 4: []}
    for values in sorted(outputs.values(), key=lambda values: -values.shape[-1]):
        if values.ndim == 4 and values.shape[1] in by_depth:
            by_depth[values.shape[1]].append(values[index].reshape(values.shape[1], -1))
    counts = [sum(level.shape[1] for level in levels) for levels in by_depth.values()]
    if len(outputs) != 2 * len(STRIDES) or counts != [len(cells)] * 2:
        raise _unlike("rtmdet", "maps (B, 1, h, w) and (B, 4, h, w) at strides 8, 16, 32", outputs)
    logits = np.concatenate(by_depth[1], axis=1)[0]
    sides = np.concatenate(by_depth[4], axis=1).T  # (A, 4) left, top, right, bottom
    corners = cells * strides
    xyxy = np.concatenate([corners - sides[:, :2], corners + sides[:, 2:]], axis=1)
    return Boxes(xyxy, 1 / (1 + np.exp(-logits)))


BOX_DECODERS: Mapping[str, BoxDecoder] = {"centre": centre, "yolox": yolox, "rtmdet": rtmdet}


def _cells(input_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Column and row of every cell (A, 2), and its stride (A, 1); fine strides first."""
    cells, strides = [], []
    for stride in STRIDES:
        columns, rows = input_wh[0] // stride, input_wh[1] // stride
        row, column = np.mgrid[:rows, :columns]
        cells.append(np.stack([column.ravel(), row.ravel()], axis=1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _unlike(decoder: str, wanted: str, outputs: Mapping[str, FloatArray]) -> ModelFileError:
    shapes = {name: values.shape for name, values in outputs.items()}
    return ModelFileError(
        f"the decoder {decoder!r} expects {wanted}, got {shapes}; mend the detector's card"
    )
