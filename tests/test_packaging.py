"""What an installation pulls on which machine: a Jetson never what it cannot have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

requirements = pytest.importorskip(
    "packaging.requirements", reason="needs pip install -e '.[test]'"
)
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
JETPACK_6 = {**LINUX, "platform_machine": "aarch64", "python_version": "3.10"}
JETPACK_7 = {**LINUX, "platform_machine": "aarch64", "python_version": "3.12"}
PC = {**LINUX, "platform_machine": "x86_64", "python_version": "3.12"}
MAC = {
    "sys_platform": "darwin",
    "platform_system": "Darwin",
    "os_name": "posix",
    "platform_machine": "arm64",
    "python_version": "3.12",
}

# No wheel of these for aarch64 Linux, and none that builds: JetPack brings its own.
SYSTEMS_OWN = {"opencv-python", "opencv-python-headless", "pyqt5", "tensorrt", "tensorrt-rtx"}


def pulled(environment: dict[str, str], extra: str = "") -> set[str]:
    """Names of the packages that an installation wants there, without what they want."""
    lines = PROJECT["dependencies"]
    if extra:
        lines = PROJECT["optional-dependencies"][extra]
    found = set()
    for line in lines:
        wanted = requirements.Requirement(line)
        full = environment | {"python_full_version": environment["python_version"] + ".0"}
        if wanted.marker is None or wanted.marker.evaluate(full):
            found.add(wanted.name.lower())
    return found


@pytest.mark.parametrize("extra", ["", "gui", "trt"])
@pytest.mark.parametrize("jetson", [JETPACK_6, JETPACK_7], ids=["JetPack 6", "JetPack 7"])
def test_a_jetson_pulls_nothing_that_cannot_be_had(jetson: dict[str, str], extra: str) -> None:
    assert pulled(jetson, extra) & SYSTEMS_OWN == set()


def test_a_jetson_pulls_what_it_needs() -> None:
    assert {"numpy", "onnxruntime", "av", "scipy", "tyro", "rich"} <= pulled(JETPACK_6)
    assert "tomli" in pulled(JETPACK_6) and "tomli" not in pulled(JETPACK_7)
    assert "pycuda" in pulled(JETPACK_6, "trt")  # built there, from source


@pytest.mark.parametrize("environment", [PC, MAC], ids=["PC", "Mac"])
def test_others_get_opencv_and_the_window_from_the_index(environment: dict[str, str]) -> None:
    assert "opencv-python" in pulled(environment)
    assert "pyqt5" in pulled(environment, "gui")


def test_a_plain_install_never_touches_the_gpu_torch_or_the_gpl() -> None:
    for environment in (JETPACK_6, JETPACK_7, PC, MAC):
        assert (
            pulled(environment) & {"tensorrt", "pycuda", "torch", "pyqt5", "pyvirtualcam"} == set()
        )


def test_the_gpl_camera_is_in_an_extra_of_its_own() -> None:
    holders = [
        extra
        for extra, lines in PROJECT["optional-dependencies"].items()
        if any(line.lower().startswith("pyvirtualcam") for line in lines)
    ]

    assert holders == ["virtual-camera"]


def test_the_oldest_python_is_jetpack_6s() -> None:
    assert PROJECT["requires-python"] == ">=3.10"


def test_engines_are_built_without_torch() -> None:
    """On a Jetson from an ONNX file that was exported on a PC."""
    program = (
        "import sys, build_engine.build, build_engine.make_engine; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100
    )

    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
