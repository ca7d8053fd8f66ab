"""What torch answers, ONNX Runtime answers through our engine; anything else is not written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from build_engine.export_onnx import OPSET, export
from engines.engine import open_engine
from pose.card import ModelCard
from pose.errors import ModelFileError, OutputError
from tests.engines.tiny_networks import CARD, POSE_CARD

PERSON_CARD = replace(CARD, any_size=True, input_size_wh=(64, 96))


class ToyPose(nn.Module):
    """Two strided convolutions with normalisation: (N, 3, 64, 48) -> (N, 17, 16, 12)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 17, 3, 2, 1)
        )
        self.net(torch.randn(8, 3, 64, 48))  # running statistics that are not 0 and 1

    def forward(self, crops: Tensor) -> Tensor:
        heatmaps: Tensor = self.net(crops)
        return heatmaps


class ToyPerson(nn.Module):
    """One candidate per 32x32 cell, in pixels, so answers reach into the hundreds."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Conv2d(3, 5, 32, 32)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.net(frames).flatten(2).transpose(1, 2)  # (N, A, 5)
        return cells[..., :4] * 300, cells[..., 4].sigmoid()


class Forgetful(ToyPose):
    """Right in torch; in the traced graph the last crop's answer depends on a constant batch."""

    def forward(self, crops: Tensor) -> Tensor:
        count = int(crops.shape[0])
        return super().forward(crops).reshape(count * 17, 16, 12).reshape(count, 17, 16, 12)


class NotANumber(ToyPose):
    def forward(self, crops: Tensor) -> Tensor:
        return super().forward(crops) * float("nan")


class Dropping(ToyPose):
    """Answers differ between calls, as with a dropout that was left on."""

    def forward(self, crops: Tensor) -> Tensor:
        return super().forward(crops) + torch.rand(1)


def test_a_pose_network_answers_the_same_in_our_engine(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    network = ToyPose()
    network.train()
    batch = rng.standard_normal((5, 3, 64, 48), np.float32)

    written = export(network, POSE_CARD, tmp_path / "pose.onnx")

    assert network.training, "the caller's network was changed"
    assert written.difference <= 1e-4
    assert written.file_bytes == written.path.stat().st_size
    assert {shape[0] for shape in written.shapes} == {1, 3}
    with open_engine(written.path, max_batch=2) as engine, torch.inference_mode():
        assert engine.card == POSE_CARD
        found = engine.infer(batch)
        expected = network.eval()(torch.from_numpy(batch)).numpy()
    assert list(found) == ["heatmaps"]
    np.testing.assert_allclose(found["heatmaps"], expected, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["pose.onnx"]


@pytest.mark.parametrize("size_wh", [(64, 96), (96, 32)])
def test_a_person_network_takes_any_size(
    tmp_path: Path, rng: np.random.Generator, size_wh: tuple[int, int]
) -> None:
    network = ToyPerson()
    written = export(network, PERSON_CARD, tmp_path / "person.onnx")
    assert len({shape[2:] for shape in written.shapes}) == 2

    width, height = size_wh
    batch = rng.standard_normal((2, 3, height, width), np.float32)
    with open_engine(written.path) as engine, torch.inference_mode():
        found = engine.infer(batch)
        xyxy, scores = network(torch.from_numpy(batch))

    assert found["xyxy"].shape == (2, width * height // 1024, 4)
    np.testing.assert_allclose(found["xyxy"], xyxy.numpy(), atol=1e-2)
    np.testing.assert_allclose(found["scores"], scores.numpy(), atol=1e-5)


def test_the_graph_is_plain_onnx_of_the_wanted_opset(tmp_path: Path) -> None:
    model = onnx.load(export(ToyPose(), POSE_CARD, tmp_path / "pose.onnx").path)

    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "Conv"]
    assert [each.name for each in model.graph.input] == ["crops"]
    batch, *rest = model.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param
    assert [side.dim_value for side in rest] == [3, 64, 48]


@pytest.mark.parametrize(
    ("network", "card", "message"),
    [
        (Forgetful, POSE_CARD, "does not run on|a size was traced|differs from torch"),
        (NotANumber, POSE_CARD, "differs from torch by nan"),
        (Dropping, POSE_CARD, "differs from torch by"),
    ],
)
def test_an_export_that_differs_from_torch_replaces_nothing(
    tmp_path: Path, network: type[nn.Module], card: ModelCard, message: str
) -> None:
    path = tmp_path / "pose.onnx"
    path.write_bytes(b"yesterday's")

    with pytest.raises(ModelFileError, match=message):
        export(network(), card, path)

    assert path.read_bytes() == b"yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["pose.onnx"]


def test_as_many_names_as_answers_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="answers 1 tensors"):
        export(ToyPose(), PERSON_CARD, tmp_path / "m.onnx")
    named = export(ToyPose(), POSE_CARD, tmp_path / "m.onnx", output_names=["maps"])
    with open_engine(named.path) as engine:
        assert list(engine.infer(np.zeros((0, 3, 64, 48), np.float32))) == ["maps"]


def test_a_file_where_a_folder_belongs_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(OutputError, match="cannot be written"):
        export(ToyPose(), POSE_CARD, tmp_path / "file" / "pose.onnx")


def test_a_network_that_cannot_take_its_cards_input_is_told(tmp_path: Path) -> None:
    class Narrow(ToyPose):
        def forward(self, crops: Tensor) -> Tensor:
            return super().forward(crops) + torch.zeros(1, 17, 3, 3)

    with pytest.raises(ModelFileError, match=r"cannot take the input of its card, \(1, 3, 64, 48"):
        export(Narrow(), POSE_CARD, tmp_path / "pose.onnx")
