"""Checkpoints that cannot be imported: each says why, and runs nothing."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from build_engine.published import pytorch_cpn_name, tf_cpn_name
from build_engine.weights import read_weights
from network.cpn import Cpn, CpnConfig
from network.published import pytorch_cpn, tf_cpn
from pose.card import ModelCard
from pose.errors import InputError, UsageError
from tests.build_engine.tf_bundle_writer import write_bundle


@cache
def _names(make: Callable[[], CpnConfig]) -> tuple[str, ...]:
    with torch.device("meta"):
        return tuple(name for name in Cpn(make()).state_dict() if "batches_t" not in name)


def _hollow_pytorch(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """All names of a ResNet-50's file, each with one number."""
    tensors: dict[str, Any] = {
        f"module.{pytorch_cpn_name(name)}": torch.zeros(1) for name in _names(pytorch_cpn)
    }
    change(tensors)
    torch.save({"epoch": 1, "state_dict": tensors}, path)
    return path


def _hollow_tf(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    tensors: dict[str, Any] = {
        tf_cpn_name(name, 50): np.zeros(1, np.float32) for name in _names(tf_cpn)
    }
    change(tensors)
    write_bundle(path, tensors)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("module.resnet.bn1.bias"), r"1 missing: resnet\.bn1\.bias$"),
        (lambda t: t.update({"module.extra": torch.zeros(1)}), "1 left over: extra$"),
        (
            lambda t: t.update({"module.a.b": t.pop("module.refine_net.final_predict.2.bias")}),
            r"1 missing: refine_net\.final_predict\.2\.bias; 1 left over: a\.b$",
        ),
        (lambda t: t.update({"module.note": "hello"}), "got other things: note"),
        (lambda t: None, r"tensors have other shapes: backbone\.conv1\.weight \(1,\) instead of"),
        (
            lambda t: t.update({"module.global_net.upsamples.9.1.bias": torch.zeros(256)}),
            r"1 left over: global_net\.upsamples\.9\.1\.bias$",
        ),
        (
            lambda t: t.update({"module.resnet.bn1.bias": torch.zeros(1).to_sparse()}),
            r"got other things: resnet\.bn1\.bias$",
        ),
        (
            lambda t: [t.pop(n) for n in list(t) if "layer3.5" in n],
            "ResNet-50 or ResNet-101, found neither",
        ),
    ],
)
def test_a_pth_tar_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_weights(_hollow_pytorch(tmp_path / "CPN50_256x192.pth.tar", change))

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("refine_out/weights"), "1 missing: refine_out/weights$"),
        (lambda t: t.update({"logits/weights": np.zeros(1, "f")}), "1 left over: logits/weights$"),
        (lambda t: None, "tensors have other shapes"),
        (lambda t: [t.pop(n) for n in list(t) if "resnet" in n], "found neither"),
        (lambda t: t.clear(), "found neither"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_weights(_hollow_tf(tmp_path / "256x192.ckpt", change))

    assert "\n" not in str(refused.value)


def test_a_merge_bias_of_another_shape_is_listed(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {n: v.shape for n, v in Cpn(pytorch_cpn()).state_dict().items()}

    def widen(tensors: dict[str, Any]) -> None:
        for name in _names(pytorch_cpn):  # one number each in the file, seen as all of them
            tensors[f"module.{pytorch_cpn_name(name)}"] = torch.zeros(1).expand(shapes[name])
        tensors["module.global_net.upsamples.0.1.bias"] = torch.zeros(7)

    with pytest.raises(
        InputError,
        match=r"1 tensors have other shapes: global_net\.upsamples\.0\.1\.bias \(7,\) instead of "
        r"\(256,\)$",
    ):
        read_weights(_hollow_pytorch(tmp_path / "CPN50_256x192.pth.tar", widen))


class Hostile:
    """Unpickled carelessly, it runs a program."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self._proof}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_anything_but_tensors_is_not_read(zipped: bool, tmp_path: Path) -> None:
    state = {"state_dict": {"module.resnet.conv1.weight": Hostile(tmp_path / "proof")}}
    path = tmp_path / "CPN50_256x192.pth.tar"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)

    with pytest.raises(
        InputError, match=r"tensors and nothing else, but it names \w+\.system"
    ) as e:
        read_weights(path)

    assert "\n" not in str(e.value) and "weights_only" not in str(e.value)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint", b"\x80\x02}q\x00."])
def test_what_is_no_checkpoint_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "CPN50_256x192.pth.tar"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=r"CPN50_256x192\.pth\.tar") as refused:
        read_weights(path)

    assert "\n" not in str(refused.value)


def _cut(path: Path, kept: int) -> None:
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(999)}, whole, _use_new_zipfile_serialization=False)
    path.write_bytes(whole.getvalue()[:kept])


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: _cut(path, 150), "(cut short; copy it again|damaged or something else)$"),
        (lambda path: path.write_text("dear aunt, how are you?"), "damaged or something else"),
    ],
)
def test_why_a_file_is_no_checkpoint_is_said_in_words(
    write: Callable[[Path], Any], reason: str, tmp_path: Path
) -> None:
    write(tmp_path / "CPN50_256x192.pth.tar")

    with pytest.raises(InputError, match=f"expected a checkpoint of .*{reason}"):
        read_weights(tmp_path / "CPN50_256x192.pth.tar")


# ---- the input size -----------------------------------------------------------------------------


def _card_of(path: Path, input_size: str, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    for name in ("_check_shapes", "_fill"):
        monkeypatch.setattr(f"build_engine.import_checkpoint.{name}", lambda *_: None)
    return read_weights(_hollow_tf(path, lambda _: None), input_size)[1]


@pytest.mark.parametrize(
    ("name", "input_size", "size_wh"),
    [
        ("COCO.res50.256x192.CPN/snapshot_350.ckpt", "", (192, 256)),
        ("COCO.res50.384x288.CPN/snapshot_350.ckpt", "", (288, 384)),
        ("COCO.res50.384x288.CPN/snapshot_256x192.ckpt", "", (192, 256)),
        ("snapshot_256x192.ckpt", "384x288", (288, 384)),
    ],
)
def test_the_size_stands_in_the_name_or_comes_from_the_user(
    name: str,
    input_size: str,
    size_wh: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)

    card = _card_of(tmp_path / name, input_size, monkeypatch)

    assert card.input_size_wh == size_wh
    assert card.name == f"tf-cpn-50-{size_wh[1]}x{size_wh[0]}"


@pytest.mark.parametrize("input_size", ["", "256", "large", "250x190", "00x00", "256x00"])
def test_a_size_that_nobody_tells_is_asked_for(
    input_size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"--input-size 256x192|32 divides, got \d+x\d+;"):
        _card_of(tmp_path / "snapshot_350.ckpt", input_size, monkeypatch)


def test_a_training_of_ours_has_its_own_size(tmp_path: Path) -> None:
    torch.save({"network": {}, "describe": {}}, tmp_path / "best.pt")

    with pytest.raises(UsageError, match=re.escape("--input-size is for published checkpoints")):
        read_weights(tmp_path / "best.pt", "256x192")
