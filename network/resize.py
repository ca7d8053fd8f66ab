"""Bilinear enlargement of feature maps, in the three ways that published CPNs use."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

ResizeRule = Literal["align_corners", "half_pixel", "asymmetric"]


def enlarged(x: Tensor, size_hw: tuple[int, int], rule: ResizeRule) -> Tensor:
    """Enlarge (N, C, h, w) to a whole multiple of its size.

    Args:
        x: Feature maps.
        size_hw: Wanted height and width.
        rule: `align_corners` (pytorch-cpn), `half_pixel` (today's usual) or `asymmetric`
            (TensorFlow 1, tf-cpn: output pixel i looks at input i / factor).
    """
    if (int(x.shape[2]), int(x.shape[3])) == size_hw:
        return x
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
