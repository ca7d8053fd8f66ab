"""A real network, small enough for a test, that finds keypoints by their colour.

Map k is how alike each pixel is to colour k of `keypoint_colours`, averaged over 9 x 9 pixels,
every fourth kept: smooth peaks where a frame was drawn with discs of these colours.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from engines.fake_engine import keypoint_colours
from pose.card import ModelCard
from tests.engines.tiny_networks import model, write_model

COLOUR_CARD = ModelCard(
    name="colours",
    task="pose",
    architecture="colour distance",
    input_size_wh=(192, 256),
    decoder="heatmap_dark",
    skeleton="coco_17",
    mean=(10, 20, 30),
    std=(50, 60, 70),
)
_REACH = 120.0  # distance of colours, 0 to 255 per channel, from which on nothing is alike
_OUTPUT = "heatmaps"


def write_colour_network(path: Path, decoder: str = "heatmap_dark", batch: int | str = "n") -> Path:
    """Write it as ONNX, with a card that names a decoder."""
    card = replace(COLOUR_CARD, decoder=decoder, heatmap_peak=0.5)
    colours = keypoint_colours(17)[:, ::-1].astype(np.float32)  # (17, 3) RGB
    weights = {
        "mean": np.array(card.mean, np.float32).reshape(1, 3, 1, 1),
        "std": np.array(card.std, np.float32).reshape(1, 3, 1, 1),
        "one": np.ones((17, 3, 1, 1), np.float32),
        "colour": (-2 * colours).reshape(17, 3, 1, 1),
        "length": (colours**2).sum(axis=1),
        "scale": np.array(-1 / _REACH**2, np.float32),
        "whole": np.array(1, np.float32),
    }
    nodes = [
        helper.make_node("Mul", ["frames", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["rgb"]),
        helper.make_node("Mul", ["rgb", "rgb"], ["squared"]),
        helper.make_node("Conv", ["squared", "one"], ["own"]),
        helper.make_node("Conv", ["rgb", "colour", "length"], ["rest"]),
        helper.make_node("Add", ["own", "rest"], ["distance"]),
        helper.make_node("Mul", ["distance", "scale"], ["minus"]),
        helper.make_node("Add", ["minus", "whole"], ["alike"]),
        helper.make_node("Relu", ["alike"], ["kept"]),
        helper.make_node(
            "AveragePool", ["kept"], [_OUTPUT],
            kernel_shape=[9, 9], strides=[4, 4], pads=[4, 4, 4, 4], count_include_pad=1,
        ),
    ]  # fmt: skip
    width, height = card.input_size_wh
    initial = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    shape = (batch, 17, height // 4, width // 4)
    return write_model(
        path,
        model(
            nodes, (batch, 3, height, width), [(_OUTPUT, TensorProto.FLOAT, shape)], card, initial
        ),
    )
