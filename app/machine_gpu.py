"""What this machine has for networks on a GPU: driver, compiler, engines, and what `auto` takes.

As `app.machine`, it imports no TensorRT: a broken one must not break the doctor.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from app.finding import Finding
from engines import cuda_kernels
from engines.choose import choose
from engines.cuda_driver import Driver, probe
from engines.engine_cache import cache_folder
from engines.engine_file import SUFFIX, read_header
from model_zoo.zoo import MODELS, model_path
from pose.errors import EngineError, PoseAppError


def gpu_findings() -> Iterable[Finding]:
    """In the order to show them."""
    driver = probe()
    yield _gpu(driver)
    if driver.present:
        yield _compiler(driver)
    yield _engines()
    yield from _choices()


def _gpu(driver: Driver) -> Finding:
    if not driver.present:
        return Finding("NVIDIA GPU", False, driver.reason, driver.needs)
    gpus = ", ".join(
        f"{gpu.name} ({gpu.compute_capability}, {gpu.memory_bytes / 2**30:.1f} GiB)"
        for gpu in driver.gpus
    )
    return Finding("NVIDIA GPU", True, f"{gpus}; driver {driver.version} for CUDA {driver.cuda}")


def _compiler(driver: Driver) -> Finding:
    """For the GPU's kernels, which are compiled once."""
    found = list(cuda_kernels.compilers())
    newest = int(driver.cuda.partition(".")[0])
    fits = any(compiler.version[0] <= newest for compiler in found)
    detail = ", ".join(map(str, found)) or "none"
    return Finding("Compiler for the GPU", fits, detail, "" if fits else cuda_kernels.NEEDS)


def _engines() -> Finding:
    """Those that were built here; a damaged one is named, and what builds it again."""
    name = "Engines in the cache"
    try:
        files = sorted(cache_folder().glob(f"*{SUFFIX}"))
    except PoseAppError as error:
        return Finding(name, False, "cannot be read", str(error))
    told, damaged = [], []
    for file in files:
        try:
            header = read_header(file)
        except PoseAppError as error:
            damaged.append(str(error))
            continue
        built_for = header.built_for
        told.append(
            f"{header.card.name} {header.card.precision} for {built_for.gpu or 'any GPU'}, "
            f"{built_for.backend} {built_for.tensorrt}"
        )
    if damaged:
        return Finding(name, False, "; ".join(told) or "none", "; ".join(damaged))
    if not told:
        return Finding(name, False, "none", "a GPU and TensorRT: main.py build --onnx pose")
    return Finding(name, True, "; ".join(told))


def _choices() -> Iterable[Finding]:
    """What each model runs on, and why."""
    for model in MODELS:
        try:
            choice = choose(model_path(model), version=_installed_version)
        except PoseAppError as error:
            yield Finding(f"Engine for {model}", False, "none", str(error))
        else:
            yield Finding(f"Engine for {model}", True, choice.reason)


def _installed_version(backend: str) -> str:
    try:
        return metadata.version(backend)
    except metadata.PackageNotFoundError as error:
        raise EngineError(f"{backend} does not tell its version; install it again") from error
