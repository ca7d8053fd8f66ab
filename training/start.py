"""What a training starts from: a checkpoint or an ONNX file of ours, or a model that ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from model_zoo.zoo import MODELS, model_path
from network import checkpoint
from network.shipped import load_shipped
from pose.errors import InputError


def check_start(init: Path | None) -> None:
    """Find out before hours of other work whether the file is there.

    Raises:
        InputError: It is not, or it is not the file that shipped.
    """
    if init is None:
        return
    if str(init) in MODELS:
        model_path(str(init))
    elif not init.is_file():
        raise InputError(
            f"--init: expected a checkpoint, an ONNX file or one of {', '.join(MODELS)}, "
            f"found no file {init}"
        )


def start_from(network: nn.Module, init: Path, pictures: Callable[[], Tensor]) -> None:
    """Fill a network with weights.

    Args:
        network: Filled in place.
        init: A name of the zoo, an ONNX file, else a checkpoint.
        pictures: Makes (N, 3, H, W) normalised pictures; only asked for ONNX files.

    Raises:
        InputError: No such file, or the weights of another network.
    """
    check_start(init)
    if init.suffix == ".onnx" or str(init) in MODELS:
        load_shipped(network, model_path(init), pictures())
    else:
        checkpoint.fill(network, checkpoint.load(init).get("network"), init)
