"""The two public CPNs as configurations: what tf-cpn and pytorch-cpn built, switch by switch.

docs/cpn.md has the table. The paper's own network is `CpnConfig()`.
"""

from __future__ import annotations

from network.backbones.resnet import ResnetConfig
from network.cpn import CpnConfig
from network.global_net import GlobalNetConfig
from network.refine_net import RefineNetConfig


def tf_cpn(depth: int = 50, keypoints: int = 17) -> CpnConfig:
    """The authors' TensorFlow code: legacy resize, identity shortcuts, merges with a bias."""
    epsilon = 1e-9
    return CpnConfig(
        ResnetConfig(depth, stride_on="3x3", bn_epsilon=epsilon),
        GlobalNetConfig(keypoints=keypoints, merge="bias", resize="asymmetric", bn_epsilon=epsilon),
        RefineNetConfig(
            keypoints=keypoints, shortcut="identity", resize="asymmetric", bn_epsilon=epsilon
        ),
    )


def pytorch_cpn(depth: int = 50, keypoints: int = 17) -> CpnConfig:
    """The PyTorch code: aligned corners, projections everywhere, merges with BatchNorm."""
    return CpnConfig(
        ResnetConfig(depth, stride_on="3x3"),
        GlobalNetConfig(keypoints=keypoints, merge="batchnorm", resize="align_corners"),
        RefineNetConfig(keypoints=keypoints, shortcut="projection", resize="align_corners"),
    )
