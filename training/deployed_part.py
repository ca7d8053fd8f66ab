"""Networks that only answer while another trains: on ONNX Runtime, crop by crop."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from network.cpn import LiteCpn
from pose.crops import to_batch
from training import distill
from training.distill_job import Start
from training.pose_card import CARD


class _Early(nn.Module):
    def __init__(self, network: LiteCpn) -> None:
        super().__init__()
        self.backbone = network.backbone

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.backbone.early(image)


def frozen_part(network: LiteCpn, start: Start) -> nn.Module:
    """The backbone up to `start`, as it is deployed."""
    deployed = network.export()
    return deployed.backbone if start == "pyramid" else _Early(deployed)


def deployed(part: nn.Module) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Put a network, or a part of one, on ONNX Runtime: three times as fast as torch on a CPU.

    Returns:
        (N, H, W, 3) uint8 BGR crops -> its answers, one or more, each (N, ...).
    """
    width, height = distill.SIZE_WH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.onnx"
        with warnings.catch_warnings():
            # Sizes become constants on purpose: every crop has the same.
            warnings.filterwarnings("ignore", "Converting a tensor to a Python")
            warnings.simplefilter("ignore", DeprecationWarning)
            image = torch.zeros(1, 3, height, width)
            torch.onnx.export(part.eval(), (image,), file, opset_version=17, dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(file), options)
    name = session.get_inputs()[0].name

    def forward(crops: np.ndarray) -> list[np.ndarray]:
        batch = to_batch(crops, CARD)
        answers = [session.run(None, {name: one[None]}) for one in batch]
        return [np.concatenate(level) for level in zip(*answers, strict=True)]

    return forward
