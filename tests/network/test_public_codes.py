"""Set as docs/cpn.md says, our CPN has the size of each public code's, to the parameter."""

from __future__ import annotations

import pytest
import torch

from network.cpn import Cpn, CpnConfig
from network.published import pytorch_cpn, tf_cpn


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (tf_cpn(50), 27_009_770),
        (pytorch_cpn(50), 27_406_826),
        (tf_cpn(101), 46_001_898),
        (pytorch_cpn(101), 46_398_954),
    ],
)
def test_parameters_are_as_many_as_in_the_public_code(config: CpnConfig, parameters: int) -> None:
    """Counted in those codes with all heads, by whoever built them for the project's facts."""
    with torch.device("meta"):
        network = Cpn(config)

    assert sum(weight.numel() for weight in network.parameters()) == parameters
