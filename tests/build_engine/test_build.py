"""`main.py build`: a checkpoint becomes a network file with its card and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from build_engine.build import Config, run
from engines.engine import open_engine
from network import checkpoint
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpn, LiteCpnConfig
from network.described import describe
from pose.card import ModelCard
from pose.errors import InputError, ModelFileError

SMALL = LiteCpnConfig(backbone=LiteHrnetConfig(modules=(1, 1, 1), units=1), level_channels=16)
CARD = ModelCard(
    name="small",
    task="pose",
    architecture="small CPN",
    input_size_wh=(64, 96),
    decoder="heatmap_dark",
    skeleton="coco_17",
)


def _checkpoint(path: Path) -> LiteCpn:
    torch.manual_seed(3)
    network = LiteCpn(SMALL).eval()
    described = {"network": describe(network), "card": CARD.to_json()}
    checkpoint.save(path, {"network": network.state_dict(), "describe": described})
    return network


def test_a_checkpoint_becomes_an_engine_with_the_same_answers(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    network = _checkpoint(tmp_path / "final.pt")
    (tmp_path / "figures.json").write_text(json.dumps({"AP": 0.61234567, "people": 88}))

    run(
        Config(
            checkpoint=tmp_path / "final.pt",
            onnx=str(tmp_path / "pose.onnx"),
            measured=(f"true boxes={tmp_path / 'figures.json'}",),
            name="tiny",
        )
    )

    assert "pose.onnx" in capsys.readouterr().out
    crops = rng.normal(size=(3, 3, 96, 64)).astype(np.float32)
    with open_engine(tmp_path / "pose.onnx") as engine:
        found = engine.infer(crops)["heatmaps"]
    with torch.no_grad():
        wanted = network(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert engine.card.name == "tiny"
    assert engine.card.measured == {"AP, true boxes": 0.6123}
    assert "0.6123" in (tmp_path / "pose.md").read_text()


@pytest.mark.parametrize("state", [{}, {"weights": 1}, {"network": {}}])
def test_a_checkpoint_without_a_description_is_refused(
    tmp_path: Path, state: dict[str, object]
) -> None:
    checkpoint.save(tmp_path / "x.pt", state)

    with pytest.raises(InputError, match=r"checkpoint of main\.py train"):
        run(Config(checkpoint=tmp_path / "x.pt", onnx=str(tmp_path / "x.onnx")))


def test_a_family_nobody_knows_is_refused(tmp_path: Path) -> None:
    described = {"network": {"family": "vgg"}, "card": CARD.to_json()}
    checkpoint.save(tmp_path / "x.pt", {"network": {}, "describe": described})

    with pytest.raises(ModelFileError, match="vgg"):
        run(Config(checkpoint=tmp_path / "x.pt", onnx=str(tmp_path / "x.onnx")))


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"AP": "high"}'])
def test_figures_that_are_no_numbers_are_refused(tmp_path: Path, text: str) -> None:
    _checkpoint(tmp_path / "final.pt")
    (tmp_path / "figures.json").write_text(text)

    with pytest.raises(InputError, match=r"figures\.json"):
        run(
            Config(
                checkpoint=tmp_path / "final.pt",
                onnx=str(tmp_path / "x.onnx"),
                measured=(f"x={tmp_path / 'figures.json'}",),
            )
        )
    assert not (tmp_path / "x.onnx").exists()
