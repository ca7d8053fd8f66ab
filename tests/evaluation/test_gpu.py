"""`main.py gpu`: one line where there is no GPU; what it measures, on fakes of clock and engine."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import main
from build_engine.compare import Parity
from build_engine.make_engine import Request
from build_engine.tensorrt_features import PRECISIONS
from engines.cuda_driver import Driver, Gpu, probe
from evaluation import gpu, gpu_speed
from evaluation.gpu_report import BEGIN, END
from evaluation.gpu_speed import Timing, on_onnxruntime, on_torch, peak_operations, timed
from model_zoo.zoo import model_path
from pose.errors import EngineError, ModelFileError, UnavailableError, UsageError
from tests.build_engine.toy_pose import write_toy

ROOT = Path(main.__file__).parent
without_gpu = pytest.mark.skipif(probe().present, reason="there is a GPU here")
H100 = Gpu(0, "NVIDIA H100", "9.0", 80 << 30)


@without_gpu
def test_without_a_gpu_one_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["gpu"]) == 69

    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "error: main.py gpu needs an NVIDIA GPU and its driver" in said


@without_gpu
def test_make_gpu_installs_nothing_without_a_gpu() -> None:
    """The script that make calls first; it must not fetch gigabytes to say no."""
    done = subprocess.run(
        ["sh", "scripts/setup.sh", "gpu"], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHON": sys.executable},
    )  # fmt: skip

    assert done.returncode == 69
    assert done.stderr.count("\n") == 1
    assert "expected an NVIDIA GPU and its driver" in done.stderr


def test_everything_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "probe", lambda: Driver("no driver", needs="a GPU"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(UnavailableError, match=r"a GPU \(no driver\), TensorRT.*torch.*onnx"):
        gpu.available()


@pytest.mark.parametrize(
    "config",
    [
        gpu.Config(annotations=Path("a.json")),
        gpu.Config(images=Path("a")),
        gpu.Config(batches=()),
        gpu.Config(batches=(0, 1)),
        gpu.Config(seconds=0),
    ],
)
def test_flags_that_do_not_fit_are_told_before_anything_is_built(config: gpu.Config) -> None:
    with pytest.raises(UsageError):
        gpu.run(config)


def test_a_time_is_the_median_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAKE clock: each call takes 2 ms, but the first ten 100 ms and every tenth 50 ms."""
    now, calls = [0.0], [0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def once() -> None:
        calls[0] += 1
        slow = 0.1 if calls[0] <= 10 else 0.05 if calls[0] % 10 == 0 else 0.002
        now[0] += slow

    median, most = timed(once, seconds=1.0)

    assert median == pytest.approx(2.0)
    assert most == pytest.approx(50.0)
    assert calls[0] > 100


def test_a_slow_network_is_run_thirty_times_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [0]
    monkeypatch.setattr("time.perf_counter", lambda: float(calls[0]))

    def once() -> None:
        calls[0] += 1

    timed(once, seconds=0.001)

    assert calls[0] == 10 + 30


@pytest.mark.parametrize(
    ("name", "capability", "processors", "mhz", "precision", "tera"),
    [
        ("H100 SXM", "9.0", 132, 1830, "fp16", 989.4),
        ("H100 SXM", "9.0", 132, 1830, "fp32", 494.7),
        ("H100 SXM", "9.0", 132, 1830, "int8", 1978.9),
        ("A100", "8.0", 108, 1410, "fp16", 312),
        ("A100", "8.0", 108, 1410, "fp32", 156),
        ("RTX 4090", "8.9", 128, 2520, "fp16", 330.3),
        ("RTX 4090", "8.9", 128, 2520, "fp32", 82.6),
        ("T4", "7.5", 40, 1590, "fp16", 65),
        ("RTX 5090", "12.0", 170, 2407, "fp16", 419),
    ],
)
def test_the_peak_is_that_of_the_data_sheet(
    monkeypatch: pytest.MonkeyPatch, name: str, capability: str, processors: int, mhz: int,
    precision: str, tera: float,
) -> None:  # fmt: skip
    def call(function: str, value: Any, number: ctypes.c_int, device: ctypes.c_int) -> None:
        attribute = {16: processors, 13: mhz * 1000}[number.value]
        ctypes.cast(value, ctypes.POINTER(ctypes.c_int))[0] = attribute

    monkeypatch.setattr(gpu_speed, "call", call)

    peak = peak_operations(Gpu(0, name, capability, 1), precision)

    assert peak == pytest.approx(tera * 1e12, rel=0.01)


@pytest.mark.parametrize(("capability", "precision"), [("13.0", "fp16"), ("7.5", "fp32")])
def test_a_peak_that_is_not_known_is_not_invented(capability: str, precision: str) -> None:
    assert peak_operations(Gpu(0, "new", capability, 1), precision) is None


def test_what_cannot_be_measured_is_told_and_loses_nothing_else() -> None:
    timings: list[Timing] = []
    missing: dict[str, str] = {}
    one = Timing("pose", "TensorRT", "fp16", 1, True, 0.5, 0.6)

    def found(error: Exception) -> object:
        yield one
        raise error

    for number, error in enumerate([EngineError("GPU full"), RuntimeError("no\nCUDA")]):
        gpu._gather(timings, f"thing {number}", found(error), missing)  # type: ignore[arg-type]

    assert timings == [one, one]
    assert missing == {"thing 0": "GPU full", "thing 1": "no CUDA"}
    assert one.crops_per_s == 2000


@without_gpu
def test_rivals_that_are_not_here_say_so() -> None:
    pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    with pytest.raises(RuntimeError, match=r"without CUDA|does not start"):
        list(on_onnxruntime("pose", model_path("pose"), (1,), 0.1))
    with pytest.raises(RuntimeError, match="has no CUDA"):
        list(on_torch("cpn-50", None, (192, 256), (1,), 0.1))


def test_a_whole_run_writes_its_page_and_fails_if_an_engine_drifts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a FAKE GPU with FAKE engines and times: what is asked for, and where it is written."""
    pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    asked: list[tuple[str, str, bool]] = []

    def make(request: Request, watch: object) -> object:
        asked.append((request.onnx, request.precision, request.refuse_drift))
        if (request.onnx, request.precision) == ("person", "int8"):
            raise ModelFileError("it drifted")
        parity = Parity(8, 1e-3, 1.0, 0.9999, 0.01, True)
        return SimpleNamespace(path=Path(f"{request.precision}.engine"), engine=parity)

    def on_tensorrt(network: str, path: Path, batches: tuple[int, ...], _: float) -> list[Timing]:
        return [Timing(network, "TensorRT", path.stem, size, True, 1, 2) for size in batches]

    monkeypatch.setattr(gpu, "available", lambda: Driver("", "13.0", (H100,), "580.1"))
    monkeypatch.setattr(gpu, "make_engine", make)
    monkeypatch.setattr(gpu_speed, "on_tensorrt", on_tensorrt)
    monkeypatch.setattr(gpu_speed, "on_onnxruntime", lambda *_: iter(()))
    monkeypatch.setattr(gpu_speed, "peak_operations", lambda *_: 1e15)
    cpn = write_toy(tmp_path / "cpn.onnx")
    page = tmp_path / "gpu.md"
    page.write_text(f"{BEGIN}\n{END}\n", "utf-8")

    config = gpu.Config(cpn, tmp_path / "work", tests=False, page=page)
    code = gpu.run(config)

    assert code == 70
    names = [(name, precision) for name in ("person", "pose", str(cpn)) for precision in PRECISIONS]
    assert [each[:2] for each in asked] == names
    assert all(refuses for _, _, refuses in asked), "trained weights may not drift"
    text = page.read_text("utf-8")
    assert capsys.readouterr().out.strip() in text
    assert "REFUSED: it drifted" in text
    assert "| cpn-50 | TensorRT | fp16 | yes | 64 | 1.000 | 2.000 | 64,000 | – |" in text
    assert "85%" in text  # 64,000 crops/s of 6.66 G multiply-adds, counted as two, of 1e15
    assert "- torch of CPN-50: an ONNX file was given; give weights" in text
    assert "CPN-50 has the weights of cpn.onnx" in text
