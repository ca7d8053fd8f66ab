"""Compiling the kernels: real compilers where they are installed, the cache, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import cuda_kernels
from engines.cuda_kernels import Compiler, Nvcc, Nvrtc, compilers, kernels_for
from pose.errors import EngineError

# Jetson Xavier to the consumer Blackwell cards; NVIDIA drops old ones from new compilers.
ARCHITECTURES = ("sm_72", "sm_75", "sm_80", "sm_87", "sm_90", "sm_100", "sm_120")
DROPPED = {"sm_72": 13}  # since this major version
ADDED = {"sm_100": (12, 8), "sm_120": (12, 8)}  # since this version

ELF = b"\x7fELF"


def first(kind: type) -> Compiler:
    """The first compiler of a kind; skips where none is installed."""
    for compiler in compilers():
        if isinstance(compiler, kind):
            return compiler
    pytest.skip(f"needs {kind.__name__}: {cuda_kernels.NEEDS}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nvrtc_compiles_the_kernels(architecture: str) -> None:
    compiled = False
    for compiler in (each for each in compilers() if isinstance(each, Nvrtc)):
        dropped = compiler.version[0] >= DROPPED.get(architecture, 99)
        if dropped or compiler.version < ADDED.get(architecture, (0, 0)):
            with pytest.raises(EngineError, match=architecture):
                compiler.compile(architecture)
            continue
        image = compiler.compile(architecture)
        assert image.startswith(ELF)
        assert b"cut_crops" in image and b"decode_heatmaps" in image
        compiled = True

    if not compiled:
        pytest.skip(f"needs an NVRTC that takes {architecture}: {cuda_kernels.NEEDS}")


def test_nvcc_compiles_the_kernels() -> None:
    image = first(Nvcc).compile("sm_90")

    assert image.startswith(ELF)
    assert b"cut_crops" in image and b"decode_heatmaps" in image


@pytest.mark.parametrize("kind", [Nvrtc, Nvcc])
def test_a_compilers_own_words_are_told(
    kind: type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = first(kind)
    broken = tmp_path / "pose_kernels.cu"
    broken.write_text('extern "C" __global__ void cut_crops() { no_such_thing(); }')
    monkeypatch.setattr(cuda_kernels, "SOURCE", broken)

    with pytest.raises(EngineError, match=r"does not compile .* for sm_80: .*no_such_thing"):
        compiler.compile("sm_80")


class _Counting:
    """A compiler that only counts."""

    def __init__(self, version: tuple[int, int]) -> None:
        self.version = version
        self.asked: list[str] = []

    def __str__(self) -> str:
        return f"counting {self.version[0]}.{self.version[1]}"

    def compile(self, architecture: str) -> bytes:
        self.asked.append(architecture)
        return b"image for " + architecture.encode()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Counting:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler = _Counting((12, 6))
    monkeypatch.setattr(cuda_kernels, "compilers", lambda: iter([_Counting((13, 5)), compiler]))
    return compiler


def test_each_architecture_is_compiled_once(counting: _Counting) -> None:
    for _ in range(3):
        assert kernels_for("sm_87", "12.6") == b"image for sm_87"
    kernels_for("sm_90", "12.6")

    assert counting.asked == ["sm_87", "sm_90"]


def test_changed_sources_are_compiled_again(
    counting: _Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernels_for("sm_87", "12.6")
    changed = tmp_path / "pose_kernels.h"
    changed.write_bytes(cuda_kernels.HEADER.read_bytes() + b"\n// changed")
    monkeypatch.setattr(cuda_kernels, "HEADER", changed)
    kernels_for("sm_87", "12.6")

    assert len(counting.asked) == 2


@pytest.mark.parametrize("harm", ["cut", "altered", "emptied"])
def test_a_harmed_binary_is_compiled_again(counting: _Counting, tmp_path: Path, harm: str) -> None:
    kernels_for("sm_87", "12.6")
    (kept,) = (tmp_path / "cascaded-pose" / "kernels").iterdir()
    content = kept.read_bytes()
    kept.write_bytes({"cut": content[:-3], "altered": content[:-1] + b"?", "emptied": b""}[harm])

    assert kernels_for("sm_87", "12.6") == b"image for sm_87"
    assert len(counting.asked) == 2


def test_no_compiler_is_taken_that_is_newer_than_the_driver(counting: _Counting) -> None:
    with pytest.raises(EngineError, match=r"version 11 or older .*counting 13\.5, counting 12\.6"):
        kernels_for("sm_87", "11.4")


def test_without_a_compiler_the_line_says_what_to_install(
    counting: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_kernels, "compilers", lambda: iter([]))
    with pytest.raises(EngineError, match="got none; run: pip install nvidia-cuda-nvrtc"):
        kernels_for("sm_87", "12.6")


def test_a_library_that_is_no_compiler_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = tmp_path / "libnvrtc.so.13"
    wrong.write_bytes(b"not a library")
    monkeypatch.setattr(cuda_kernels, "_nvrtc_libraries", lambda: iter([str(wrong)]))
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert list(compilers()) == []
