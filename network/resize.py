"""Bilinear enlargement of feature maps, in the three ways that published CPNs use.

A fourth, `matrices`, gives what `align_corners` gives as two products with constants: ONNX Runtime
takes a third of the time for it on a CPU. It is for networks as they are deployed.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

ResizeRule = Literal["align_corners", "half_pixel", "asymmetric", "matrices"]


def enlarged(x: Tensor, size_hw: tuple[int, int], rule: ResizeRule) -> Tensor:
    """Enlarge (N, C, h, w) to a whole multiple of its size.

    Args:
        x: Feature maps.
        size_hw: Wanted height and width.
        rule: `align_corners` (pytorch-cpn), `half_pixel` (today's usual) or `asymmetric`
            (TensorFlow 1, tf-cpn: output pixel i looks at input i / factor), or `matrices`.
    """
    if (int(x.shape[2]), int(x.shape[3])) == size_hw:
        return x
    if rule == "matrices":
        down = _stretching(int(x.shape[2]), size_hw[0]).to(x)
        across = _stretching(int(x.shape[3]), size_hw[1]).to(x)
        return torch.matmul(down, torch.matmul(x, across.T))
    if rule != "asymmetric":
        aligned = rule == "align_corners"
        return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=aligned)
    # With one more column and row, aligned corners are exactly i / factor.
    # (Joined, not padded: torch exports a Pad whose widths are six nodes of arithmetic.)
    taller = torch.cat([x, x[:, :, -1:]], dim=2)
    wider = torch.cat([taller, taller[:, :, :, -1:]], dim=3)
    height, width = size_hw
    large = F.interpolate(wider, size=(height + 1, width + 1), mode="bilinear", align_corners=True)
    return large[:, :, :height, :width]


def _stretching(inputs: int, outputs: int) -> Tensor:
    """(outputs, inputs): of which inputs each output is made; first and last lie on each other."""
    places = torch.arange(outputs, dtype=torch.float64) * ((inputs - 1) / max(outputs - 1, 1))
    away = (places[:, None] - torch.arange(inputs, dtype=torch.float64)[None]).abs()
    return (1 - away).clamp(min=0).float()
