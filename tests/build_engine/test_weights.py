"""Weights in safetensors: they say which network they are of, or are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import main
from build_engine.weights import read_weights, write_safetensors
from network import checkpoint
from network.backbones.lite_hrnet import LiteHrnetConfig
from network.cpn import LiteCpn, LiteCpnConfig
from network.described import describe
from pose.errors import InputError, OutputError, UsageError
from tests.engines.tiny_networks import POSE_CARD

SMALL = LiteCpnConfig(backbone=LiteHrnetConfig(modules=(1, 1, 1), units=1), level_channels=16)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, LiteCpn]:
    """A checkpoint of a run: an optimizer's leftovers beside the mean of the weights."""
    torch.manual_seed(3)
    network = LiteCpn(SMALL).eval()
    path = tmp_path / "final.pt"
    state = network.state_dict()
    checkpoint.save(
        path,
        {
            "network": {name: value * 2 for name, value in state.items()},
            "ema": state,
            "optimizer": {"step": 7},
            "describe": {"network": describe(network), "card": POSE_CARD.to_json()},
        },
    )
    return path, network


def test_a_checkpoint_becomes_safetensors_and_a_network_again(
    trained: tuple[Path, LiteCpn], tmp_path: Path
) -> None:
    path, network = trained
    crops = torch.randn(2, 3, 64, 96)

    assert (
        main.main(["build", "--checkpoint", str(path), "--out", str(tmp_path / "w.safetensors")])
        == 0
    )
    again, card = read_weights(tmp_path / "w.safetensors")

    assert card == POSE_CARD
    assert not again.training
    with torch.inference_mode():
        torch.testing.assert_close(again(crops), network(crops))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["final.pt", "w.safetensors"]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no metadata"),
        ({"made by": "somebody"}, "made by"),
        ({"describe": "{"}, "no JSON"),
        ({"describe": "[]"}, "lacks the network"),
        ({"describe": '{"network": {}}'}, "lacks the network or the card"),
    ],
)
def test_weights_without_a_description_are_refused(
    tmp_path: Path, metadata: dict[str, str] | None, message: str
) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(2)}, path, metadata)

    with pytest.raises(InputError, match=message):
        read_weights(path)


def test_weights_of_another_network_are_refused(
    trained: tuple[Path, LiteCpn], tmp_path: Path
) -> None:
    described = {"network": describe(trained[1]), "card": POSE_CARD.to_json()}
    save_file(
        {"w": torch.zeros(2)}, tmp_path / "w.safetensors", {"describe": json.dumps(described)}
    )

    with pytest.raises(InputError, match="do not fit its description"):
        read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"dear aunt, how are you", b"\xff" * 64])
def test_what_is_no_safetensors_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match="expected weights in safetensors"):
        read_weights(path)


def test_a_size_is_for_published_checkpoints(trained: tuple[Path, LiteCpn], tmp_path: Path) -> None:
    written = write_safetensors(trained[0], tmp_path / "w.safetensors")

    with pytest.raises(UsageError, match="has its own size"):
        read_weights(written, "256x192")


def test_what_is_no_run_or_no_place_is_told(trained: tuple[Path, LiteCpn], tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.pt", {"weights": 1})

    with pytest.raises(InputError, match=r"expected a checkpoint of main\.py train"):
        write_safetensors(tmp_path / "x.pt", tmp_path / "w.safetensors")
    with pytest.raises(OutputError, match="cannot be written"):
        write_safetensors(trained[0], tmp_path / "x.pt" / "w.safetensors")
