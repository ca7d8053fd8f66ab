"""The trunk: shapes for any input, and the same features as the file that it starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from network.backbones.cspnext import (
    CspNext,
    CspNextConfig,
    CspPafpn,
    convolutions_of,
    load_in_order,
)
from network.person_detector import PersonDetector, candidates, load_rtmdet
from pose.errors import ModelFileError

TEACHER = Path(__file__).parents[3] / "shared/data/teachers/rtmdet_nano_person.onnx"
needs_teacher = pytest.mark.skipif(not TEACHER.exists(), reason="needs ../shared/data/teachers")

SMALL = CspNextConfig(widths=(4, 8, 8, 16, 16), depths=(1, 1, 1, 1))


@pytest.mark.parametrize("size_hw", [(32, 32), (64, 96), (160, 32)])
def test_features_have_strides_8_16_and_32_for_any_multiple_of_32(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    trunk, neck = CspNext(SMALL).eval(), CspPafpn(SMALL).eval()

    with torch.no_grad():
        levels = neck(trunk(torch.zeros(2, 3, height, width)))

    assert [tuple(level.shape) for level in levels] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip(SMALL.widths[2:], (8, 16, 32), strict=True)
    ]


def test_an_empty_batch_goes_through() -> None:
    with torch.no_grad():
        levels = CspPafpn(SMALL)(CspNext(SMALL)(torch.zeros(0, 3, 64, 64)))

    assert [len(level) for level in levels] == [0, 0, 0]


def test_rtmdet_nano_has_its_published_size() -> None:
    """The person version of RTMDet-nano: 986 thousand parameters with BatchNorm folded."""
    assert sum(p.numel() for p in PersonDetector().parameters()) == 985_927


def test_weights_of_another_architecture_are_refused() -> None:
    with pytest.raises(ModelFileError, match="another architecture"):
        load_in_order(CspNext(SMALL), [])


@needs_teacher
def test_weights_of_other_widths_are_refused() -> None:
    shallow = CspNextConfig(widths=(4, 8, 8, 16, 16))

    with pytest.raises(ModelFileError, match="expected"):
        load_in_order(CspNext(shallow), convolutions_of(TEACHER, "/backbone/"))


@pytest.mark.parametrize("content", [None, b"not a network"])
def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "teacher.onnx"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"teacher\.onnx"):
        convolutions_of(file, "/backbone/")


@needs_teacher
def test_a_missing_prefix_is_named() -> None:
    with pytest.raises(ModelFileError, match="/tail/"):
        convolutions_of(TEACHER, "/tail/")


@needs_teacher
@pytest.mark.parametrize("size_hw", [(320, 320), (96, 160)])
def test_features_and_answers_equal_the_teacher_before_training(size_hw: tuple[int, int]) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = onnx.load(str(TEACHER))
    features = [
        f"/neck/{block}/final_conv/activate/Mul_output_0"
        for block in ("top_down_blocks.1", "bottom_up_blocks.0", "bottom_up_blocks.1")
    ]
    for name in features:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    frames = np.random.default_rng(0).normal(size=(1, 3, *size_hw)).astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(None, {"input": frames}), strict=True))
    detector = PersonDetector().eval()

    load_rtmdet(detector, TEACHER)
    with torch.no_grad():
        levels = detector.neck(detector.backbone(torch.from_numpy(frames)))
        maps = detector(torch.from_numpy(frames))
        xyxy, _ = candidates(maps)

    for level, name in zip(levels, features, strict=True):
        np.testing.assert_allclose(level.numpy(), expected[name], atol=1e-4)
    first = 0
    for index, level in enumerate(maps):
        np.testing.assert_allclose(
            level.centre.numpy(), expected[f"rtmdet_head.0.{index}"], atol=1e-4
        )
        boxes = _boxes(expected[f"rtmdet_head.1.{index}"], level.stride)
        np.testing.assert_allclose(xyxy[:, first : first + len(boxes)][0], boxes, atol=2e-3)
        first += len(boxes)


def _boxes(sides: np.ndarray, stride: int) -> np.ndarray:
    """The teacher's own decoding: cell minus left and top, plus right and bottom."""
    y, x = np.mgrid[: sides.shape[2], : sides.shape[3]] * stride
    left, top, right, bottom = sides[0]
    return np.stack([x - left, y - top, x + right, y + bottom], -1).reshape(-1, 4)
