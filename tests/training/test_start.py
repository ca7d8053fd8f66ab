"""What a training starts from: the weights arrive, or one line says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from network import checkpoint
from network.person_detector import PersonDetector
from pose.errors import InputError, PoseAppError, UnavailableError, UsageError
from training import train
from training.recipes import Config
from training.start import check_start, start_from


def no_pictures() -> Tensor:
    raise AssertionError("a checkpoint needs no pictures")


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    wanted, network = nn.Linear(2, 3), nn.Linear(2, 3)
    checkpoint.save(tmp_path / "a.pt", {"network": wanted.state_dict()})

    start_from(network, tmp_path / "a.pt", no_pictures)

    torch.testing.assert_close(network.weight, wanted.weight)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ({}, "weights of a Linear, found none"),
        ({"network": [1.0]}, "weights of a Linear, found none"),
        ({"network": {}}, "2 of its 2 tensors are not in it"),
        (
            {"network": {"weight": torch.zeros(3, 2), "bias": torch.zeros(4), "more": 1}},
            "1 of its 2 .* and 1 in it are none of its; first bias",
        ),
    ],
)
def test_weights_of_another_network_are_one_line(
    tmp_path: Path, state: dict[str, object], complaint: str
) -> None:
    checkpoint.save(tmp_path / "a.pt", state)
    network = nn.Linear(2, 3)
    before = network.weight.clone()

    with pytest.raises(InputError, match=complaint):
        start_from(network, tmp_path / "a.pt", no_pictures)

    assert torch.equal(network.weight, before)


def test_another_networks_onnx_file_is_refused() -> None:
    with pytest.raises(InputError, match="expected a convolution"):
        start_from(PersonDetector(), Path("pose"), lambda: torch.zeros(1, 3, 64, 64))


def test_what_is_not_there_is_told_before_anything_else(tmp_path: Path) -> None:
    check_start(None)
    check_start(Path("pose"))
    with pytest.raises(InputError, match=r"--init: .*one of person, pose, .*no file .*gone\.pt"):
        check_start(tmp_path / "gone.pt")


@pytest.mark.parametrize("recipe", ["pose-base", "pose-lite", "person-320"])
def test_every_default_recipe_looks_for_it_first(tmp_path: Path, recipe: str) -> None:
    config = Config(recipe, tmp_path, init=tmp_path / "gone.pt", run_dir=tmp_path / "run")

    with pytest.raises(InputError, match="--init"):
        train.run(config)


@pytest.mark.parametrize(
    ("flags", "error", "complaint"),
    [
        ({"steps": -1}, UsageError, "expected --steps of 0 or more, got -1"),
        ({"batch": -2}, UsageError, "expected --batch"),
        ({"rate": float("nan")}, UsageError, "expected --rate"),
        ({"workers": -1}, UsageError, "expected --workers"),
        ({"device": "gpu"}, UsageError, "expected --device of cpu, cuda"),
        ({"device": "cuda:97"}, UnavailableError, "--device cuda:97: torch sees"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, flags: dict[str, object], error: type[PoseAppError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        train.run(Config("person-320", tmp_path, run_dir=tmp_path / "run", **flags))  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
