"""Tiny networks, written where a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pose.card import CARD_KEY, ModelCard

CARD = ModelCard(
    name="toy",
    task="person",
    architecture="a mean",
    input_size_wh=(64, 32),
    decoder="centre",
    channels="bgr",
)
POSE_CARD = replace(
    CARD, task="pose", skeleton="coco_17", decoder="heatmap_quarter", input_size_wh=(48, 64)
)

Shape = Sequence[int | str]


def model(
    nodes: Sequence[onnx.NodeProto],
    input_shape: Shape,
    outputs: Sequence[tuple[str, int, Shape | None]],
    card: ModelCard | None = CARD,
    weights: Sequence[onnx.TensorProto] = (),
    input_kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A graph with the input `frames`, and a card unless None."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("frames", input_kind, list(input_shape))],
        [
            helper.make_tensor_value_info(name, kind, None if shape is None else list(shape))
            for name, kind, shape in outputs
        ],
        list(weights),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card is not None:
        helper.set_model_props(made, {"made by": "a test", CARD_KEY: card.to_json()})
    return made


def write_model(path: Path, made: onnx.ModelProto) -> Path:
    """Write a model in one file."""
    path.write_bytes(made.SerializeToString())
    return path


def mean_nodes() -> list[onnx.NodeProto]:
    """`small` = every 8x8 block's mean (N, 3, H/8, W/8); `mean` = the picture's mean (N, 3)."""
    return [
        helper.make_node("AveragePool", ["frames"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["frames"], ["mean"], axes=[2, 3], keepdims=0),
    ]


def write_mean_network(
    path: Path, card: ModelCard | None = CARD, batch: int | str = "n", sides: Shape | None = None
) -> Path:
    """Write a network whose answers are means, free in its batch unless told."""
    width, height = (card or CARD).input_size_wh
    free = card is not None and card.any_size
    hw = sides if sides is not None else (("h", "w") if free else (height, width))
    return write_model(
        path,
        model(
            mean_nodes(),
            (batch, 3, *hw),
            [("small", TensorProto.FLOAT, None), ("mean", TensorProto.FLOAT, None)],
            card,
            [numpy_helper.from_array(np.arange(64, dtype=np.float32), "weights")],
        ),
    )
