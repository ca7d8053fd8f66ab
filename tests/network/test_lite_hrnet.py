"""Lite-HRNet: any input size, and the same answers as the file that it starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from network.backbones.lite_hrnet import LiteHrnet, load_tinypose

PYRAMID = ("/Relu_143_output_0", "/Relu_141_output_0", "/Relu_139_output_0", "/Relu_136_output_0")


@pytest.mark.parametrize("size_hw", [(64, 64), (128, 96), (256, 192), (384, 288)])
def test_features_come_at_four_strides(size_hw: tuple[int, int]) -> None:
    height, width = size_hw

    with torch.no_grad():
        found = LiteHrnet().eval()(torch.zeros(1, 3, height, width))

    assert [tuple(level.shape[1:]) for level in found] == [
        (channels, height // stride, width // stride)
        for channels, stride in ((40, 4), (40, 8), (80, 16), (160, 32))
    ]


def test_early_and_late_are_the_whole(rng: np.random.Generator) -> None:
    network = LiteHrnet().eval()
    image = torch.from_numpy(rng.normal(size=(1, 3, 64, 64)).astype(np.float32))

    with torch.no_grad():
        for one, other in zip(network(image), network.late(network.early(image)), strict=True):
            torch.testing.assert_close(one, other)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 269 weights"):
        load_tinypose(LiteHrnet(), {"P.w1": np.zeros((1, 1, 1, 1), np.float32)})


def test_before_training_it_equals_the_published_file(
    shared: Path, rng: np.random.Generator
) -> None:
    model = onnx.load(str(shared / "data/teachers/tinypose_256x192_A.onnx"))
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    network = LiteHrnet().eval()
    weight, bias = load_tinypose(network, tensors)
    for name in PYRAMID:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    image = rng.normal(size=(2, 3, 256, 192)).astype(np.float32)

    published = session.run([*PYRAMID, "heatmap"], {"image": image})
    with torch.no_grad():
        found = network(torch.from_numpy(image))
        heatmap = F.conv2d(found[0], torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy()))

    for ours, theirs in zip([*found, heatmap], published, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)
