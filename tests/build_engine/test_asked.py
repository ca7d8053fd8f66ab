"""What cannot be meant, or has no place, is one line before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_engine.asked import check, export_to
from build_engine.build import Config
from pose.errors import OutputError, UsageError


def _config(flags: dict[str, Any]) -> Config:
    paths = {name: Path(flags[name]) for name in ("checkpoint", "out") if name in flags}
    others = {name: value for name, value in flags.items() if name not in paths}
    return Config(**paths, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "exported"),
    [
        ({"onnx": "pose"}, None),
        ({"onnx": "pose", "side": 640, "level": 5}, None),
        ({"onnx": "pose", "out": "x.onnx", "precision": "int8", "calibrate_on": 8}, None),
        ({"checkpoint": "a.pt", "onnx": "x.onnx", "name": "n", "measured": ("a=b",)}, "x.onnx"),
        ({"checkpoint": "a.pth", "onnx": "x.onnx", "input_size": "64x32"}, "x.onnx"),
        ({"checkpoint": "a.pt", "out": "b/x.engine", "name": "n", "level": 5}, "b/x.onnx"),
        ({"checkpoint": "a.pt", "onnx": "x.onnx", "out": "y.onnx", "name": "n"}, "x.onnx"),
        ({"checkpoint": "a.pt", "out": "x.safetensors"}, None),
    ],
)
def test_what_can_be_meant_passes(flags: dict[str, Any], exported: str | None) -> None:
    config = _config(flags)

    check(config)

    assert export_to(config) == (Path(exported) if exported else None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "expected --checkpoint or --onnx"),
        ({"onnx": "pose", "name": "n"}, "give --checkpoint too"),
        ({"onnx": "pose", "input_size": "256x192"}, "give --checkpoint too"),
        ({"onnx": "pose", "out": "b.safetensors"}, "is made of --checkpoint"),
        ({"onnx": "pose", "out": "b.onnx", "level": 5, "side": 64}, "--side, --level would change"),
        ({"onnx": "pose", "out": "b"}, r"--out: expected a file ending in \.engine"),
        ({"checkpoint": "a.pt", "onnx": "noext"}, r"ending in \.onnx to write, got noext"),
        ({"checkpoint": "a.pt", "onnx": "pose"}, r"ending in \.onnx to write, got pose"),
        ({"checkpoint": "a.pt", "onnx": "x.safetensors"}, r"ending in \.onnx to write"),
        ({"checkpoint": "a.ckpt", "onnx": "a.ckpt.meta"}, r"ending in \.onnx to write"),
        (
            {"checkpoint": "a.pt", "onnx": "x.onnx", "precision": "int8"},
            r"--precision would change nothing in the export .* with --out",
        ),
        ({"checkpoint": "a.pt", "onnx": "x.onnx", "out": "x.plan"}, r"ending in \.engine"),
        (
            {"checkpoint": "a.pt", "onnx": "x.onnx", "out": "y.onnx", "precision": "fp32"},
            "--precision fp16 or int8",
        ),
        (
            {"checkpoint": "a.pt", "out": "w.safetensors", "onnx": "x.onnx", "name": "n"},
            r"--onnx, --name would change nothing in --out w\.safetensors",
        ),
        (
            {"checkpoint": "a.pt", "out": "w.safetensors", "precision": "fp32"},
            "--precision would change",
        ),
        (
            {"checkpoint": "a.pt", "out": "w.safetensors", "measured": ("a=b.json",)},
            "--measured would change",
        ),
        (
            {"checkpoint": "a.pt", "out": "w.safetensors", "input_size": "64x32"},
            "--input-size would change",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(_config(flags))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"onnx": "file/x.onnx"}, "file is a file, expected a folder"),
        ({"onnx": "file/deeper/x.onnx"}, "file is a file, expected a folder"),
        ({"onnx": "folder.onnx"}, "is a folder, expected the name of a file"),
        ({"out": "file/p.safetensors"}, "file is a file, expected a folder"),
        ({"onnx": "x.onnx", "out": "file/p.onnx"}, "file is a file, expected a folder"),
        ({"onnx": "x.onnx", "out": "file/p.engine"}, "file is a file, expected a folder"),
        (
            {"out": "x.engine", "timing_cache": Path("final.pt")},
            "final.pt is read or written already",
        ),
    ],
)
def test_what_has_no_place_is_refused(
    flags: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder.onnx").mkdir()

    with pytest.raises(OutputError, match=message):
        check(_config({"checkpoint": "final.pt", **flags}))
