"""Weights in safetensors: they say which network they are of, or are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

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

    with pytest.raises(InputError, match="expected the weights of a LiteCpn"):
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


NETWORK = describe(LiteCpn(SMALL))
CARD = POSE_CARD.to_json()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": torch.zeros(2)}, "weights of a LiteCpn, found none"),
        ({"network": [1.0]}, "weights of a LiteCpn, found none"),
        ({"network": 7}, "weights of a LiteCpn, found none"),
        ({"network": {7: torch.zeros(2)}}, "and 1 in it are none of its"),
        ({"ema": None}, "weights of a LiteCpn, found none"),
        ({"describe": "a network"}, "lacks the network or the card"),
        ({"describe": {"network": "cpn", "card": CARD}}, "description of a network, got a str"),
        ({"describe": {"network": NETWORK, "card": {}}}, "card as JSON text, got a dict"),
        ({"describe": {"network": NETWORK, "card": 7}}, "card as JSON text, got a int"),
        (
            {"describe": {"network": NETWORK, "card": replace(POSE_CARD, task="person").to_json()}},
            "expected a card of task pose for a LiteCpn, got person",
        ),
        (
            {"describe": {"network": {**NETWORK, "family": ["cpn"]}, "card": CARD}},
            r"expected a network of \[.*\], got \['cpn'\]",
        ),
        (
            {"describe": {"network": {**NETWORK, "level_channels": -3}, "card": CARD}},
            "description of lite_cpn does not fit",
        ),
        (
            {"describe": {"network": {**NETWORK, "level_channels": 10**7}, "card": CARD}},
            "tensors are not in it or of another shape",
        ),
        (
            {"describe": {"network": {**NETWORK, "level_channels": 10**30}, "card": CARD}},
            "description of lite_cpn does not fit",
        ),
        (
            {"describe": {"network": {"family": "cpn"}, "card": CARD}},
            "'backbone' is missing",
        ),
        (
            {"describe": {"network": {"family": "cpn", "backbone": {"kind": ["x"]}}, "card": CARD}},
            r"expected a backbone of \[.*\], got \('x',\)",
        ),
    ],
)
def test_contents_that_do_not_fit_are_one_line(
    trained: tuple[Path, LiteCpn], tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    state = checkpoint.load(trained[0])
    if "network" in changed:
        del state["ema"]
    checkpoint.save(tmp_path / "x.pt", {**state, **changed})

    for use in (read_weights, lambda path: write_safetensors(path, tmp_path / "w.safetensors")):
        with pytest.raises(InputError, match=message) as refused:
            use(tmp_path / "x.pt")
        assert str(tmp_path / "x.pt") in str(refused.value)
    assert not (tmp_path / "w.safetensors").exists()


def test_a_description_that_json_cannot_hold_is_refused(
    trained: tuple[Path, LiteCpn], tmp_path: Path
) -> None:
    state = checkpoint.load(trained[0])
    state["describe"]["note"] = torch.zeros(2)
    checkpoint.save(tmp_path / "x.pt", state)

    with pytest.raises(InputError, match="description is no JSON"):
        write_safetensors(tmp_path / "x.pt", tmp_path / "w.safetensors")
