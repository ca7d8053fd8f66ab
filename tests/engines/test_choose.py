"""Which engine `auto` takes, and what it says; nothing that was asked for by name is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import tensorrt_library
from engines.choose import EngineName, choose, here
from engines.engine_cache import cached_engine
from engines.engine_file import Here
from pose.errors import EngineError, UsageError
from tests.engines.fake_gpu import VERSION, FakeGpu, install, write_fake_engine
from tests.engines.tiny_networks import write_mean_network


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    return write_mean_network(tmp_path / "toy.onnx")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    return install(monkeypatch, tmp_path)


@pytest.fixture
def plan(gpu: FakeGpu, onnx: Path) -> Path:
    """A plan in the cache, under the name that belongs to this machine."""
    return write_fake_engine(cached_engine(onnx, "fp16", here("tensorrt", VERSION)), onnx)


def test_a_plan_for_this_gpu_is_taken(plan: Path, onnx: Path) -> None:
    for engine in ("auto", "tensorrt"):
        choice = choose(onnx, engine)
        assert (choice.path, choice.reason) == (plan, "tensorrt, from its plan in the cache")


def test_a_changed_network_has_no_plan(plan: Path, onnx: Path) -> None:
    write_mean_network(onnx, batch=2)

    choice = choose(onnx)

    assert choice.path == onnx
    assert "ONNX Runtime: no plan of toy.onnx for FAKE GPU" in choice.reason
    assert f"main.py build --onnx {onnx}" in choice.reason


def test_onnxruntime_by_name_wins_over_a_plan(plan: Path, onnx: Path) -> None:
    assert choose(onnx, "onnxruntime").path == onnx


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("driver", "TensorRT needs an NVIDIA GPU and its driver"),
        ("package", "tensorrt is not installed; run: pip install"),
        ("libraries", "tensorrt does not load here"),
        ("plan", "no plan of toy.onnx for FAKE GPU and tensorrt 10.3.0; run: main.py build"),
    ],
)
def test_what_is_missing_is_said_and_only_auto_does_without(
    gpu: FakeGpu, onnx: Path, monkeypatch: pytest.MonkeyPatch, missing: str, why: str
) -> None:
    if missing == "driver":
        monkeypatch.setattr("engines.cuda_driver.LIBRARY", "libno-such-driver.so")
    elif missing == "package":
        monkeypatch.setattr(tensorrt_library, "installed", lambda backend: False)
    elif missing == "libraries":

        def broken(name: str) -> None:
            raise ImportError("libnvonnxparser.so.10: cannot open shared object file")

        monkeypatch.setattr("importlib.import_module", broken)

    choice = choose(onnx, "auto")

    assert choice.path == onnx
    assert choice.reason.startswith("ONNX Runtime: ") and why in choice.reason
    with pytest.raises(EngineError, match=why.split(";")[0]):
        choose(onnx, "tensorrt")


def test_a_plan_of_tensorrt_rtx_names_no_gpu(gpu: FakeGpu) -> None:
    assert here("tensorrt_rtx", "1.7.1") == Here("tensorrt_rtx", "1.7.1", "", "")


@pytest.mark.parametrize(
    ("name", "engine", "allowed"),
    [
        ("m.engine", "auto", True),
        ("m.engine", "tensorrt", True),
        ("m.engine", "onnxruntime", False),
        ("m.fake", "auto", True),
        ("m.fake", "tensorrt", False),
        ("m.fake", "onnxruntime", False),
    ],
)
def test_a_file_of_another_kind_runs_one_way_or_not_at_all(
    name: str, engine: EngineName, allowed: bool
) -> None:
    if allowed:
        assert choose(Path(name), engine).path == Path(name)
    else:
        with pytest.raises(UsageError, match="expected an ONNX file"):
            choose(Path(name), engine)
