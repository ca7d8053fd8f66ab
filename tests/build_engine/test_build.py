"""`main.py build`: a checkpoint becomes a network file with its card and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from build_engine.build import Config, run
from engines.engine import open_engine
from engines.engine_file import read_engine
from network import checkpoint
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpn, LiteCpnConfig
from network.described import describe
from pose.card import ModelCard
from pose.errors import InputError, ModelFileError, OutputError, UsageError
from tests.build_engine.toy_pose import write_pictures

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


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(), "expected --checkpoint or --onnx"),
        (Config(checkpoint=Path("a.pt")), "where to write the ONNX file"),
        (Config(checkpoint=Path("a.pt"), out=Path("b.onnx")), "where to write the ONNX file"),
        (Config(onnx="pose", name="mine"), "give --checkpoint too"),
        (
            Config(onnx="pose", out=Path("b.onnx"), precision="fp32"),
            "expected --precision fp16 or int8",
        ),
        (Config(onnx="pose", out=Path("b.plan")), r"ending in \.engine"),
        (Config(onnx="nobody"), "expected a model's name"),
    ],
)
def test_flags_that_do_not_fit_together_are_told(config: Config, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(config)
    assert not Path("b.onnx").exists()


def test_numbers_that_tensorrt_has_not_are_told_before_the_export(tmp_path: Path) -> None:
    _checkpoint(tmp_path / "final.pt")
    out = tmp_path / "x.engine"

    with pytest.raises(UsageError, match="--workspace-mib: expected 0 to"):
        run(Config(checkpoint=tmp_path / "final.pt", out=out, workspace_mib=-1))

    assert [path.name for path in tmp_path.iterdir()] == ["final.pt"]


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    _checkpoint(tmp_path / "final.pt")
    new = tmp_path / "new"

    run(Config(checkpoint=tmp_path / "final.pt", onnx=str(new / "a" / "x.onnx")))
    run(Config(checkpoint=tmp_path / "final.pt", out=new / "b" / "x.safetensors"))

    found = sorted(str(path.relative_to(new)) for path in new.rglob("*.*"))
    assert found == ["a/x.md", "a/x.onnx", "b/x.safetensors"]


def test_a_checkpoint_goes_all_the_way_to_an_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights, ONNX beside the engine, half precision, plan: by the real TensorRT-RTX."""
    pytest.importorskip("tensorrt_rtx", reason="needs pip install -e '.[rtx]'")
    _checkpoint(tmp_path / "final.pt")

    run(
        Config(
            checkpoint=tmp_path / "final.pt",
            out=tmp_path / "mine.engine",
            backend="tensorrt_rtx",
            batch=(1, 2, 4),
            level=0,
            pictures=write_pictures(tmp_path / "pictures"),
        )
    )

    said = capsys.readouterr().out
    assert "differs from torch by at most" in said
    assert "fp16 beside fp32, both on ONNX Runtime: " in said
    found = read_engine(tmp_path / "mine.engine")
    assert found.card.name == "small"
    assert found.built_for.onnx == str(tmp_path / "mine.onnx")


def test_nothing_that_is_read_is_written_over(tmp_path: Path) -> None:
    weights, onnx = tmp_path / "final.pt", tmp_path / "x.onnx"
    _checkpoint(weights)
    before = weights.read_bytes()

    for config in (
        Config(checkpoint=weights, onnx=str(weights)),
        Config(checkpoint=weights, onnx=str(onnx), out=tmp_path / "." / "x.onnx"),
        Config(onnx=str(onnx), out=onnx),
    ):
        with pytest.raises(OutputError, match="give it another name"):
            run(config)

    assert weights.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final.pt"]


def test_a_page_of_somebody_elses_stays(tmp_path: Path) -> None:
    _checkpoint(tmp_path / "final.pt")
    notes = tmp_path / "notes.md"
    notes.write_text("# What I thought\n")

    for _ in range(2):
        run(Config(checkpoint=tmp_path / "final.pt", onnx=str(tmp_path / "notes.onnx")))

    assert notes.read_text() == "# What I thought\n"
    assert "| task |" in (tmp_path / "notes.card.md").read_text()


@pytest.mark.parametrize("second", ["file", "folder"])
def test_where_both_pages_are_somebody_elses_nothing_is_written(
    tmp_path: Path, second: str
) -> None:
    _checkpoint(tmp_path / "final.pt")
    (tmp_path / "notes.md").write_text("# What I thought\n")
    card = tmp_path / "notes.card.md"
    if second == "file":
        card.write_text("# What I play\n")
    else:
        card.mkdir()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(OutputError, match="which are somebody else's"):
        run(Config(checkpoint=tmp_path / "final.pt", onnx=str(tmp_path / "notes.onnx")))

    assert sorted(tmp_path.iterdir()) == before
    assert second == "folder" or card.read_text() == "# What I play\n"
