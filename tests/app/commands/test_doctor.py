"""`main.py doctor`: what it finds, and what it says is missing."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

import main
from app import machine, machine_gpu
from app.commands import doctor
from app.machine import Finding
from engines import cuda_driver, cuda_kernels
from engines.cuda_kernels import Nvrtc
from engines.engine_cache import cached_engine
from engines.engine_file import Here
from model_zoo.zoo import model_path
from pose.errors import ModelFileError
from tests.engines.fake_gpu import VERSION, install, write_fake_engine


def test_every_piece_is_looked_for_and_what_is_missing_says_what_it_needs() -> None:
    findings = {each.name: each for each in machine.look()}

    assert {"Python", "numpy", "onnxruntime", "torch", "tensorrt", "PyQt5"} <= set(findings)
    assert {"NVIDIA GPU", "Cameras", "Screen", "H.264 encoder", "Model pose"} <= set(findings)
    assert all(each.present or each.needs for each in findings.values())
    assert findings["numpy"].present and findings["H.264 decoder"].present


def test_no_optional_package_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken TensorRT must not break the doctor."""

    class Watcher:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            assert name.partition(".")[0] not in ("torch", "tensorrt", "pycuda", "PyQt5")

    monkeypatch.setattr(sys, "meta_path", [Watcher(), *sys.meta_path])
    machine.look()


def test_what_apt_installed_without_pips_knowledge_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As OpenCV and TensorRT on a Jetson."""

    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)

    findings = {each.name: each for each in machine.look()}

    assert findings["opencv-python"].present
    assert findings["opencv-python"].detail.startswith("the system's")
    assert not findings["pycuda"].present


@pytest.mark.parametrize("devices", [[], ["/dev/video0"]])
def test_cameras_are_listed(monkeypatch: pytest.MonkeyPatch, devices: list[str]) -> None:
    monkeypatch.setattr("glob.glob", lambda pattern: devices)
    monkeypatch.setattr("os.access", lambda path, mode: True)

    (cameras,) = (each for each in machine.look() if each.name == "Cameras")

    assert cameras.present == bool(devices)


@pytest.mark.parametrize(
    ("finding", "code"),
    [
        (Finding("fine", True, "1.0", required=True), 0),
        (Finding("extra", False, "", "pip install x"), 0),
        (Finding("core", False, "", "pip install y", required=True), 69),
    ],
)
def test_only_what_is_required_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    finding: Finding,
    code: int,
) -> None:
    monkeypatch.setattr(doctor, "look", lambda: [finding])

    assert main.main(["doctor"]) == code
    said = capsys.readouterr().out
    assert finding.name in said and finding.needs in said


def test_json_is_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "look", lambda: [Finding("fine", True, "1.0")])

    assert main.main(["doctor", "--json"]) == 0

    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["name"], finding["present"], finding["detail"]) == ("fine", True, "1.0")


class _Driver:
    """What libcuda answers: functions that return a code and fill in their first argument."""

    def __init__(self, code: int = 0, names: tuple[bytes, ...] = ()) -> None:
        self._code, self._names = code, names

    def cuInit(self, flags: int) -> int:
        return self._code

    def cuDriverGetVersion(self, version: object) -> int:
        version._obj.value = 12040  # type: ignore[attr-defined]
        return 0

    def cuDeviceGetCount(self, count: object) -> int:
        count._obj.value = len(self._names)  # type: ignore[attr-defined]
        return 0

    def cuDeviceGet(self, device: object, number: int) -> int:
        device._obj.value = number  # type: ignore[attr-defined]
        return 0

    def cuDeviceGetName(self, text: object, size: int, device: object) -> int:
        text.value = self._names[device.value]  # type: ignore[attr-defined]
        return 0

    def cuDeviceGetAttribute(self, value: object, attribute: int, device: object) -> int:
        value._obj.value = {75: 8, 76: 6}[attribute]  # type: ignore[attr-defined]
        return 0

    def cuDeviceTotalMem_v2(self, size: object, device: object) -> int:
        size._obj.value = 3 << 29  # type: ignore[attr-defined]
        return 0


@pytest.mark.parametrize(
    ("driver", "present", "detail"),
    [
        (None, False, "no driver"),
        (_Driver(code=100), False, "driver error 100"),
        (_Driver(), False, "driver for CUDA 12.4, no device"),
        (
            _Driver(names=(b"A30", b"T4")),
            True,
            "A30 (8.6, 1.5 GiB), T4 (8.6, 1.5 GiB); driver 1.2.3 for CUDA 12.4",
        ),
    ],
)
def test_the_gpu_is_asked_through_its_driver(
    monkeypatch: pytest.MonkeyPatch, driver: _Driver | None, present: bool, detail: str
) -> None:
    def load(name: str) -> _Driver:
        if driver is None:
            raise OSError("cannot open shared object file")
        return driver

    monkeypatch.setattr("ctypes.CDLL", load)
    monkeypatch.setattr(cuda_driver, "_own_version", lambda: "1.2.3")
    monkeypatch.setattr(cuda_kernels, "compilers", lambda: iter([]))

    (gpu,) = (each for each in machine.look() if each.name == "NVIDIA GPU")

    assert (gpu.present, gpu.detail) == (present, detail)


def test_engines_in_the_cache_and_what_auto_takes_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path)
    monkeypatch.setattr(machine_gpu, "_installed_version", lambda backend: VERSION)
    here = Here("tensorrt", VERSION, "FAKE GPU", "9.0")
    engine = cached_engine(model_path("pose"), "fp16", here)

    before = {each.name: each for each in machine.look()}
    write_fake_engine(engine, model_path("pose"))
    after = {each.name: each for each in machine.look()}
    engine.write_bytes(engine.read_bytes()[:-1])
    damaged = {each.name: each for each in machine.look()}

    cache, auto = "Engines in the cache", "Engine for pose"
    assert (before[cache].present, before[cache].detail) == (False, "none")
    assert "main.py build" in before[cache].needs and "main.py build" in before[auto].detail
    assert after[cache].present and "for FAKE GPU, tensorrt 10.3.0" in after[cache].detail
    assert after[auto].detail == "tensorrt, from its plan in the cache"
    assert not damaged[cache].present and "cut short or altered" in damaged[cache].needs


@pytest.mark.parametrize(
    ("versions", "present", "detail"),
    [
        ([], False, "none"),
        ([(14, 0)], False, "NVRTC 14.0"),
        ([(14, 0), (13, 5)], True, "NVRTC 14.0, NVRTC 13.5"),
    ],
)
def test_a_compiler_must_be_no_newer_than_the_driver(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    versions: list[tuple[int, int]],
    present: bool,
    detail: str,
) -> None:
    install(monkeypatch, tmp_path)
    found = [Nvrtc("", version, None) for version in versions]
    monkeypatch.setattr(cuda_kernels, "compilers", lambda: iter(found))

    (compiler,) = (each for each in machine.look() if each.name == "Compiler for the GPU")

    assert (compiler.present, compiler.detail) == (present, detail)
    assert bool(compiler.needs) != present


def test_a_missing_model_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> Path:
        raise ModelFileError(f"{name} is not here")

    monkeypatch.setattr(machine, "model_path", missing)

    models = [each for each in machine.look() if each.name.startswith("Model ")]

    assert models and all(each.required and not each.present for each in models)
