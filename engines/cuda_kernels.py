"""The GPU's kernels: compiled once per machine, by NVRTC or nvcc, and kept in the user's cache.

Sources travel with the program and binaries do not, because a binary fits one architecture and no
older driver than its compiler's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from engines.engine_cache import cache_folder
from pose.errors import EngineError, OutputError

_log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "kernels"
SOURCE, HEADER = FOLDER / "pose_kernels.cu", FOLDER / "pose_kernels.h"
_DIGEST_BYTES = 32
_COMPILE_S = 300.0
NEEDS = "pip install nvidia-cuda-nvrtc (CUDA 13) or nvidia-cuda-nvrtc-cu12, or NVIDIA's nvcc"


class Compiler(Protocol):
    """Turns the sources into a binary for one architecture."""

    @property
    def version(self) -> tuple[int, int]: ...

    def compile(self, architecture: str) -> bytes:
        """A cubin; EngineError with the compiler's own words where it refuses."""
        ...


def kernels_for(architecture: str, cuda: str) -> bytes:
    """The kernels as a binary, compiled if this machine has not done so before.

    Args:
        architecture: Of the GPU, such as `sm_90`.
        cuda: The newest CUDA that the driver understands, such as `13.0`.

    Returns:
        A cubin.

    Raises:
        EngineError: No compiler fits the driver, or it refuses the architecture.
        OutputError: The cache cannot be written.
    """
    sources = hashlib.sha256(SOURCE.read_bytes() + HEADER.read_bytes()).hexdigest()[:16]
    path = cache_folder("kernels") / f"{sources}-{architecture}-cuda{cuda}.cubin"
    kept = _unharmed(path)
    if kept is None:
        compiler = _compiler_for(int(cuda.partition(".")[0]))
        _log.info("compiling the GPU's kernels for %s, once, with %s", architecture, compiler)
        kept = compiler.compile(architecture)
        _keep(path, kept)
    return kept


def compilers() -> Iterator[Compiler]:
    """Those that are installed, the faster one first."""
    for path in _nvrtc_libraries():
        library = _loaded(path)
        if library is not None:
            yield library
    nvcc = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")
    if nvcc:
        try:
            yield Nvcc(nvcc)
        except EngineError as error:
            _log.debug("%s", error)


def _compiler_for(driver_major: int) -> Compiler:
    """One that is no newer than the driver, which could not read its binaries."""
    found = list(compilers())
    for compiler in found:
        if compiler.version[0] <= driver_major:
            return compiler
    here = ", ".join(map(str, found)) or "none"
    raise EngineError(
        f"expected a CUDA compiler of version {driver_major} or older to compile the GPU's "
        f"kernels, got {here}; run: {NEEDS}"
    )


# ---- compilers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nvrtc:
    """NVIDIA's compiler as a library."""

    path: str
    version: tuple[int, int]
    library: Any

    def __str__(self) -> str:
        return f"NVRTC {self.version[0]}.{self.version[1]}"

    def compile(self, architecture: str) -> bytes:
        """See `Compiler.compile`."""
        program = ctypes.c_void_p()
        headers = (ctypes.c_char_p * 1)(HEADER.read_bytes())
        names = (ctypes.c_char_p * 1)(HEADER.name.encode())
        options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++14"]
        self._call(
            "nvrtcCreateProgram", ctypes.byref(program), ctypes.c_char_p(SOURCE.read_bytes()),
            ctypes.c_char_p(SOURCE.name.encode()), ctypes.c_int(1), headers, names,
        )  # fmt: skip
        try:
            given = (ctypes.c_char_p * len(options))(*options)
            code = self.library.nvrtcCompileProgram(program, ctypes.c_int(len(options)), given)
            if code:
                said = self._bytes("nvrtcGetProgramLogSize", "nvrtcGetProgramLog", program)
                raise _refused(self, architecture, said.decode(errors="replace").strip("\0 \n"))
            return self._bytes("nvrtcGetCUBINSize", "nvrtcGetCUBIN", program)
        finally:
            self._call("nvrtcDestroyProgram", ctypes.byref(program))

    def _bytes(self, size_of: str, get: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(size_of, program, ctypes.byref(size))
        content = ctypes.create_string_buffer(size.value)
        self._call(get, program, content)
        return content.raw

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self.library, name)(*arguments)
        if code:
            raise EngineError(f"{self} failed in {name} with {code}; install it again")


@lru_cache(maxsize=8)
def _loaded(path: str) -> Nvrtc | None:
    try:
        library = ctypes.CDLL(path)
        major, minor = ctypes.c_int(), ctypes.c_int()
        if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)) == 0:
            return Nvrtc(path, (major.value, minor.value), library)
    except (OSError, AttributeError) as error:
        _log.debug("%s is no NVRTC: %s", path, error)
    return None


def _nvrtc_libraries() -> Iterator[str]:
    """Of NVIDIA's wheels, of the toolkit, of the system."""
    package = importlib.util.find_spec("nvidia")
    for root in (package.submodule_search_locations if package else None) or ():
        yield from _in(Path(root).glob("*/lib/libnvrtc.so.*"))
        yield from _in(Path(root).glob("*/bin/nvrtc64_*.dll"))
    yield from _in(Path("/usr/local/cuda/lib64").glob("libnvrtc.so.*"))
    system = ctypes.util.find_library("nvrtc")
    if system:
        yield system


def _in(paths: Iterator[Path]) -> Iterator[str]:
    return iter(sorted(str(path) for path in paths if ".alt." not in path.name))


class Nvcc:
    """NVIDIA's compiler as a program."""

    def __init__(self, path: str) -> None:
        """Ask it for its version; EngineError if it does not tell."""
        self._path = path
        try:
            said = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=30, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise EngineError(f"{path} does not run: {error}") from error
        found = re.search(r"release (\d+)\.(\d+)", said)
        if not found:
            raise EngineError(f"{path} does not tell its version, got {said[:80]!r}")
        self.version = int(found[1]), int(found[2])

    def __str__(self) -> str:
        return f"nvcc {self.version[0]}.{self.version[1]}"

    def compile(self, architecture: str) -> bytes:
        """See `Compiler.compile`."""
        with tempfile.TemporaryDirectory(prefix="pose-kernels-") as folder:
            made = Path(folder) / "kernels.cubin"
            line = [self._path, "-cubin", f"-arch={architecture}", "-std=c++14", "-o", str(made)]
            try:
                done = subprocess.run(
                    [*line, str(SOURCE)], capture_output=True, text=True, timeout=_COMPILE_S
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise _refused(self, architecture, str(error)) from error
            if done.returncode or not made.is_file():
                raise _refused(self, architecture, (done.stderr or done.stdout).strip())
            return made.read_bytes()


def _refused(compiler: object, architecture: str, said: str) -> EngineError:
    return EngineError(f"{compiler} does not compile the GPU's kernels for {architecture}: {said}")


# ---- the cache -------------------------------------------------------------------------------


def _unharmed(path: Path) -> bytes | None:
    """A kept binary behind its SHA-256; None where there is none, or it was cut or altered."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, image = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return image if image and hashlib.sha256(image).digest() == digest else None


def _keep(path: Path, image: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(hashlib.sha256(image).digest() + image)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
