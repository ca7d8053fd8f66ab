"""Set as docs/cpn.md says, our CPN has the size of each public code's, to the parameter."""

from __future__ import annotations

import pytest

from network.backbones.resnet import ResnetConfig
from network.cpn import Cpn, CpnConfig
from network.global_net import GlobalNetConfig
from network.refine_net import RefineNetConfig

TF_CPN = CpnConfig(
    ResnetConfig(stride_on="3x3", bn_epsilon=1e-9),
    GlobalNetConfig(merge="bias", resize="asymmetric", bn_epsilon=1e-9),
    RefineNetConfig(shortcut="identity", resize="asymmetric", bn_epsilon=1e-9),
)
PYTORCH_CPN = CpnConfig(ResnetConfig(stride_on="3x3"))


@pytest.mark.parametrize(
    ("config", "parameters"), [(TF_CPN, 27_009_770), (PYTORCH_CPN, 27_406_826)]
)
def test_parameters_are_as_many_as_in_the_public_code(config: CpnConfig, parameters: int) -> None:
    """Counted in those codes with all heads, by whoever built them for the project's facts."""
    assert sum(weight.numel() for weight in Cpn(config).parameters()) == parameters
