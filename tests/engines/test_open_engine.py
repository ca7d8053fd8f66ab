"""Choosing a backend by the file's name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from build_engine.onnx_card import attach_card
from engines import engine
from engines.engine import Backend, Engine, open_engine
from engines.fake_engine import FakeEngine, write_fake
from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.errors import EngineError, UsageError
from tests.engines.tiny_networks import CARD, POSE_CARD, write_mean_network


@pytest.mark.parametrize("name", ["model", "model.pth", "model.onnx.part"])
def test_an_unknown_suffix_names_the_known_ones(name: str, tmp_path: Path) -> None:
    known = sorted(suffix for each in engine.BACKENDS.values() for suffix in each.suffixes)
    said = re.escape(f"ending in {' or '.join(known)}, got")

    with pytest.raises(UsageError, match=said):
        open_engine(tmp_path / name)


def test_a_backend_that_is_not_installed_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = Backend((".plan",), "no_such_package.engine:Engine", "pip install -e .[trt]")
    monkeypatch.setattr(engine, "BACKENDS", {"absent": absent})

    with pytest.raises(EngineError, match=r"absent backend.*run: pip install -e \.\[trt\]"):
        open_engine(tmp_path / "model.plan")


def test_the_suffix_chooses_the_backend(tmp_path: Path) -> None:
    onnx: Engine = OnnxRuntimeEngine(write_mean_network(tmp_path / "m.onnx"))  # mypy checks these
    fake: Engine = FakeEngine(write_fake(tmp_path / "m.fake", CARD, "figures"))

    (tmp_path / "m.onnx").rename(tmp_path / "m.ONNX")
    assert type(open_engine(tmp_path / "m.ONNX")) is type(onnx)
    assert type(open_engine(tmp_path / "m.fake")) is type(fake)


def test_a_network_of_others_runs_once_it_has_a_card(
    shared: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    teacher = shared / "data" / "teachers" / "tinypose_256x192_A.onnx"
    card = replace(POSE_CARD, input_size_wh=(192, 256), decoder="heatmap_dark", channels="rgb")
    batch = rng.standard_normal((3, 3, 256, 192), np.float32)
    oracle = onnxruntime.InferenceSession(str(teacher), providers=["CPUExecutionProvider"])

    with open_engine(attach_card(teacher, card, tmp_path / "pose.onnx"), max_batch=2) as ours:
        found = ours.infer(batch)

    (expected,) = oracle.run(None, {"image": batch})
    np.testing.assert_allclose(found["heatmap"], expected, atol=1e-5)
