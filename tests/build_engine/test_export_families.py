"""The networks beside CPN-50 become ONNX files too (its own: test_import_checkpoint.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from build_engine.export_onnx import export
from engines.engine import open_engine
from network.backbones.inception_resnet import InceptionResnetConfig
from network.cpn import Cpn, CpnConfig
from network.described import build, describe
from network.fpn_baseline import FpnBaseline
from network.hourglass import HourglassConfig, StackedHourglass
from tests.engines.tiny_networks import POSE_CARD

CARD = replace(POSE_CARD, input_size_wh=(64, 96))
NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "CPN-Inception": lambda: Cpn(CpnConfig(InceptionResnetConfig(repeats=(1, 1, 1)))),
    "FPN-50": lambda: FpnBaseline(),
    "hourglass": lambda: StackedHourglass(HourglassConfig(stages=2, channels=32)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_described_built_again_and_exported(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = NETWORKS[name]().eval()
    network = build(json.loads(json.dumps(describe(first)))).eval()
    network.load_state_dict(first.state_dict())
    crops = np.random.default_rng(0).normal(size=(2, 3, 96, 64)).astype(np.float32)

    written = export(network, CARD, tmp_path / "pose.onnx")

    with open_engine(written.path) as engine, torch.inference_mode():
        found = engine.infer(crops)["heatmaps"]
        wanted = first(torch.from_numpy(crops)).numpy()
    assert found.shape == (2, 17, 24, 16)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1, np.abs(wanted).max()))
