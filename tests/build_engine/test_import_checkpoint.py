"""Published checkpoints: the imported network answers as the published forward pass does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from build_engine import build
from build_engine.published import is_beside_the_network, pytorch_cpn_name, tf_cpn_name
from build_engine.weights import read_weights
from engines.engine import open_engine
from network.cpn import Cpn, CpnConfig
from network.published import pytorch_cpn, tf_cpn
from network.resize import ResizeRule
from pose.card import ModelCard
from tests.build_engine import published_passes
from tests.build_engine.published_passes import Weights
from tests.build_engine.tf_bundle_writer import write_bundle

SIZE_HW = (96, 64)
BGR = (102.9801, 115.9465, 122.7717)

Pass = Callable[[Weights, Tensor], tuple[list[Tensor], Tensor]]


def _image() -> Tensor:
    values = np.random.default_rng(5).uniform(-0.5, 0.5, (2, 3, *SIZE_HW)).astype(np.float32)
    return torch.from_numpy(values)


def _write_pytorch_cpn(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """As pytorch-cpn saves it with an old torch: no counters, no zip, an optimiser beside."""
    state = {f"module.{name}": torch.from_numpy(values) for name, values in tensors.items()}
    moments = {"step": 3, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)}
    optimiser = {"state": {0: moments}, "param_groups": [{"lr": 5e-4, "params": [0]}]}
    whole = {"epoch": 32, "state_dict": state, "optimizer": optimiser}
    torch.save(whole, path, _use_new_zipfile_serialization=False)


def _write_tf_cpn(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """As tf-cpn saves it: Adam's moments and counters beside the network."""
    beside: dict[str, np.ndarray] = {
        f"{name}/{slot}": np.zeros(2, np.float32)
        for name in tensors
        if "moving_" not in name
        for slot in ("Adam", "Adam_1")
    }
    beside |= {name: np.array(0.5, np.float32) for name in ("beta1_power", "beta2_power")}
    write_bundle(path, {**tensors, **beside, "Variable": np.array(350, np.int32)})


def _published(forward: Pass) -> tuple[Weights, list[Tensor], Tensor]:
    weights = Weights(seed=11)
    with torch.no_grad():
        return weights, *forward(weights, _image().double())


def _close(found: Tensor | np.ndarray, wanted: Tensor) -> None:
    np.testing.assert_allclose(np.asarray(found), wanted.numpy(), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(400)  # it writes, reads, exports and compares a hundred megabytes
@pytest.mark.parametrize(
    ("code", "file", "write"),
    [
        ("pytorch_cpn", "CPN50.pth.tar", _write_pytorch_cpn),
        ("tf_cpn", "snapshot_350.ckpt", _write_tf_cpn),
    ],
)
def test_an_imported_network_answers_as_the_published_pass(
    code: str, file: str, write: Callable[[Path, Mapping[str, np.ndarray]], None], tmp_path: Path
) -> None:
    """Every stage within 1e-4 of a statement that shares no line with network/."""
    weights, levels, refined = _published(getattr(published_passes, code))
    write(tmp_path / file, weights.tensors)

    build.run(
        build.Config(checkpoint=tmp_path / file, input_size="96x64", onnx=str(tmp_path / "p.onnx"))
    )

    with open_engine(tmp_path / "p.onnx") as engine:
        found = engine.infer(_image().numpy())["heatmaps"]
    assert refined.std() > 0.1, "heatmaps that are next to nothing would always agree"
    _close(found, refined)
    _check_card(engine.card, code)

    network, _ = read_weights(tmp_path / file, "96x64")
    assert isinstance(network, Cpn)
    with torch.no_grad():
        output = network.all_heatmaps(_image())
    for ours, theirs in zip(reversed(output.levels), levels, strict=True):  # C5's first
        _close(ours, theirs)
    for other in _other_switches(network.config):
        assert (_answer(other, network) - refined).abs().max() > 1e-3, other


def _check_card(card: ModelCard, code: str) -> None:
    assert card.decoder == "heatmap_cpn" and card.heatmap_peak == 255
    assert (card.channels, card.mean) == {
        "tf_cpn": ("bgr", BGR),
        "pytorch_cpn": ("rgb", BGR[::-1]),
    }[code]
    assert card.std == (255, 255, 255) and card.input_size_wh == (64, 96)
    assert card.keypoints.name == "coco_17"


def _other_switches(config: CpnConfig) -> list[CpnConfig]:
    """The same network with one switch turned, where its weights still fit."""
    resize: ResizeRule = (
        "align_corners" if config.refine_net.resize == "asymmetric" else "asymmetric"
    )
    epsilon = 1e-5 if config.refine_net.bn_epsilon == 1e-9 else 1e-9
    turned = [
        replace(config, refine_net=replace(config.refine_net, resize=resize)),
        replace(config, global_net=replace(config.global_net, resize=resize)),
        replace(config, refine_net=replace(config.refine_net, bn_epsilon=epsilon)),
    ]
    if config.refine_net.shortcut == "projection":
        turned.append(replace(config, refine_net=replace(config.refine_net, shortcut="identity")))
    return turned


def _answer(config: CpnConfig, filled: Cpn) -> Tensor:
    with torch.device("meta"):
        network = Cpn(config)
    network = network.to_empty(device="cpu").eval()
    network.load_state_dict(filled.state_dict(), strict=False)
    with torch.no_grad():
        return network(_image()).double()  # type: ignore[no-any-return]


def test_an_early_checkpoint_with_biased_merges_is_imported(tmp_path: Path) -> None:
    weights, _, refined = _published(
        lambda weights, image: published_passes.pytorch_cpn(weights, image, biased_merges=True)
    )
    state = {name: torch.from_numpy(values) for name, values in weights.tensors.items()}
    torch.save(state, tmp_path / "tensors_alone_96x64.pth")  # no `module.`, nothing beside

    network, card = read_weights(tmp_path / "tensors_alone_96x64.pth")

    with torch.no_grad():
        _close(network(_image()), refined)
    assert card.input_size_wh == (64, 96)


# ---- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "tensors"), [(50, 582), (101, 888)])
def test_pytorch_cpn_has_as_many_tensors_as_its_files(depth: int, tensors: int) -> None:
    """Counted in the published files, by whoever gathered the project's facts."""
    with torch.device("meta"):
        names = Cpn(pytorch_cpn(depth)).state_dict()

    assert len({pytorch_cpn_name(name) for name in names}) == tensors


@pytest.mark.parametrize("depth", [50, 101])
def test_every_tensor_has_one_name_in_tf_cpn(depth: int) -> None:
    with torch.device("meta"):
        names = [n for n in Cpn(tf_cpn(depth)).state_dict() if not n.endswith("batches_tracked")]

    theirs = {tf_cpn_name(name, depth) for name in names}

    assert len(theirs) == len(names)
    assert not any(map(is_beside_the_network, theirs))


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("refine_out/weights", False),
        ("refine_out/weights/Adam", True),
        ("refine_out/BatchNorm/gamma/Adam_1", True),
        ("beta1_power", True),
        ("beta2_power", True),
        ("Variable", True),
        ("Variable_1", True),
        ("res5/Variables", False),
    ],
)
def test_what_the_optimiser_left_is_known(name: str, beside: bool) -> None:
    assert is_beside_the_network(name) is beside
