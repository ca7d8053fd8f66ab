"""A pose network of two convolutions, and pictures to try it on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pose.card import ModelCard
from tests.engines.tiny_networks import POSE_CARD, model


def convolutions(card: ModelCard = POSE_CARD, channels: int = 8) -> onnx.ModelProto:
    """frames -> Conv -> Relu -> Conv -> Relu -> Conv -> * 300 -> heatmaps, nodes without names."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.standard_normal((channels, 3, 3, 3)),
        "middle": random.standard_normal((channels, channels, 1, 1)) / channels,
        "last": random.standard_normal((17, channels, 1, 1)) / channels,
        "stretch": np.array(300.0),
    }
    nodes = [
        helper.make_node("Conv", ["frames", "first"], ["a"], pads=[1, 1, 1, 1], strides=[4, 4]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "middle"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "last"], ["e"]),
        helper.make_node("Mul", ["e", "stretch"], ["heatmaps"]),
    ]
    initial = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ]
    shape = ("n", 3, card.input_size_wh[1], card.input_size_wh[0])
    return model(nodes, shape, [("heatmaps", TensorProto.FLOAT, None)], card, initial)


def write_toy(path: Path, channels: int = 8) -> Path:
    """Write it as an ONNX file."""
    path.write_bytes(convolutions(channels=channels).SerializeToString())
    return path


def write_pictures(folder: Path, count: int = 6) -> Path:
    """Blurred noise, so that neighbouring pixels are alike, as in photographs."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    for number in range(count):
        noise = random.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        _, content = cv2.imencode(".png", cv2.GaussianBlur(noise, (0, 0), 3))
        (folder / f"{number}.png").write_bytes(content.tobytes())
    return folder
