"""The detector's head: what cells say, as boxes, and the network that goes into the ONNX file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from network.backbones.cspnext import CspNextConfig
from network.person_detector import (
    LevelMaps,
    PersonDetector,
    PersonDetectorConfig,
    candidates,
    cell_centres,
)

SMALL = PersonDetectorConfig(
    CspNextConfig(widths=(4, 8, 8, 16, 16), depths=(1, 1, 1, 1)), head_channels=8
)


def test_no_frames_give_no_boxes_but_full_shapes() -> None:
    with torch.no_grad():
        xyxy, scores = PersonDetector(SMALL).export()(torch.zeros(0, 3, 64, 96))

    assert xyxy.shape == (0, 126, 4)  # 8*12 + 4*6 + 2*3 cells
    assert scores.shape == (0, 126)


def test_every_cell_lies_on_its_stride() -> None:
    level = LevelMaps(
        torch.zeros(1, 1, 2, 3), torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3), stride=16
    )

    x, y = cell_centres(level)[0]

    assert x.tolist() == [[0, 16, 32], [0, 16, 32]]
    assert y.tolist() == [[0, 0, 0], [16, 16, 16]]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_boxes_undo_offset_and_size(stride: int) -> None:
    wanted = torch.tensor([10.0, 20.0, 50.0, 100.0])
    cell_x, cell_y = 1, 2
    level = LevelMaps(
        torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), stride
    )
    centre = (wanted[:2] + wanted[2:]) / 2
    cell = torch.tensor([cell_x, cell_y]) * stride
    level.offset[0, :, cell_y, cell_x] = (centre - cell) / stride
    level.size[0, :, cell_y, cell_x] = (wanted[2:] - wanted[:2]) / stride

    xyxy, _ = candidates([level])

    torch.testing.assert_close(xyxy[0, cell_y * 4 + cell_x], wanted)


def test_a_negative_size_is_a_box_without_area() -> None:
    level = LevelMaps(
        torch.zeros(1, 1, 1, 1), torch.zeros(1, 2, 1, 1), torch.full((1, 2, 1, 1), -3.0), 8
    )

    xyxy, _ = candidates([level])

    torch.testing.assert_close(xyxy[0, 0, :2], xyxy[0, 0, 2:])


def test_an_untrained_detector_believes_in_nobody() -> None:
    with torch.no_grad():
        _, scores = PersonDetector(SMALL).export()(torch.zeros(1, 3, 64, 64))

    assert float(scores.max()) < 0.1


def test_the_onnx_file_equals_torch_at_any_batch_and_size(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    module = PersonDetector(SMALL).export().eval()
    file = tmp_path / "person.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            module,
            (torch.zeros(3, 3, 64, 64),),
            file,
            input_names=["frames"],
            output_names=["xyxy", "scores"],
            dynamic_axes={
                "frames": {0: "n", 2: "h", 3: "w"},
                "xyxy": {0: "n"},
                "scores": {0: "n"},
            },
            opset_version=17,
            dynamo=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    for shape in [(1, 3, 64, 64), (2, 3, 96, 32)]:
        frames = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        xyxy, scores = session.run(["xyxy", "scores"], {"frames": frames})
        with torch.no_grad():
            expected_xyxy, expected_scores = module(torch.from_numpy(frames))
        np.testing.assert_allclose(xyxy, expected_xyxy.numpy(), atol=1e-4)
        np.testing.assert_allclose(scores, expected_scores.numpy(), atol=1e-4)
    operators = {node.op_type for node in onnx.load(str(file)).graph.node}
    assert "NonMaxSuppression" not in operators
