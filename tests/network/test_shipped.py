"""Circle: weights -> ONNX file -> weights, for both kinds that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from build_engine.export_onnx import export
from model_zoo.zoo import model_path
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpn, LiteCpnConfig
from network.person_detector import PersonDetector
from network.shipped import load_shipped
from pose.errors import ModelFileError
from training.person_card import CARD as PERSON_CARD
from training.pose_card import CARD

SMALL = LiteCpnConfig(backbone=LiteHrnetConfig(modules=(1, 1, 1)), level_channels=16)


def _pictures(size_wh: tuple[int, int]) -> torch.Tensor:
    return torch.rand(3, 3, *size_wh[::-1], generator=torch.Generator().manual_seed(3))


@pytest.fixture
def trained() -> LiteCpn:
    """A small network whose BatchNorm has seen something and whose RefineNet speaks."""
    torch.manual_seed(1)
    network = LiteCpn(SMALL)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    with torch.no_grad():
        network.train()(_pictures(CARD.input_size_wh))
    return network.eval()


@pytest.mark.parametrize("is_folded", [True, False])
def test_a_pose_network_comes_back_with_its_answers(
    trained: LiteCpn, tmp_path: Path, is_folded: bool
) -> None:
    path = tmp_path / "pose.onnx"
    export(trained.export() if is_folded else trained, CARD, path)
    network, pictures = LiteCpn(SMALL), _pictures(CARD.input_size_wh)

    load_shipped(network, path, pictures)

    with torch.no_grad():
        wanted = trained(pictures)
        torch.testing.assert_close(network.eval()(pictures), wanted, atol=2e-5, rtol=0)
        # The statistics are those of the pictures: training goes on from the same answers.
        torch.testing.assert_close(network.train()(pictures), wanted, atol=2e-4, rtol=0)
    for ours, theirs in zip(
        network.backbone.parameters(), trained.backbone.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_detector_comes_back_with_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(1)
    detector, again = PersonDetector(), PersonDetector()
    path = tmp_path / "person.onnx"
    export(detector.export(), PERSON_CARD, path)

    load_shipped(again, path, _pictures((64, 64)))

    for ours, theirs in zip(again.parameters(), detector.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["pose", "person"])
def test_training_goes_on_from_what_ships(name: str) -> None:
    network = LiteCpn() if name == "pose" else PersonDetector()

    load_shipped(network, model_path(name), _pictures(CARD.input_size_wh))

    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_another_networks_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"person\.onnx: expected a convolution"):
        load_shipped(LiteCpn(), model_path("person"), _pictures((192, 256)))
    with pytest.raises(ModelFileError, match="expected an ONNX file"):
        (tmp_path / "no.onnx").write_text("no")
        load_shipped(LiteCpn(), tmp_path / "no.onnx", _pictures((192, 256)))
