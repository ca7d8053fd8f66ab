"""`main.py doctor`: what it finds, and what it says is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import main
from app import machine
from app.commands import doctor
from app.machine import Finding
from pose.errors import ModelFileError


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


@pytest.mark.parametrize(
    ("driver", "present", "detail"),
    [
        (None, False, "no driver"),
        (_Driver(code=100), False, "driver error 100"),
        (_Driver(), False, "driver for CUDA 12.4, no device"),
        (_Driver(names=(b"H200", b"T4")), True, "H200, T4; driver for CUDA 12.4"),
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

    (gpu,) = (each for each in machine.look() if each.name == "NVIDIA GPU")

    assert (gpu.present, gpu.detail) == (present, detail)


def test_a_missing_model_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> Path:
        raise ModelFileError(f"{name} is not here")

    monkeypatch.setattr(machine, "model_path", missing)

    models = [each for each in machine.look() if each.name.startswith("Model ")]

    assert models and all(each.required and not each.present for each in models)
