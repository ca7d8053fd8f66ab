"""Build, test and measure everything on this machine's NVIDIA GPU, and write it to docs/gpu.md.

Engines of the models that ship and of CPN-50 in every precision, each compared with ONNX Runtime;
the tests marked `gpu`; latency and throughput beside torch and ONNX Runtime on the same GPU. Where
a GPU or TensorRT is missing it says so in one line and exits with 69.

Example:
    main.py gpu
"""

from __future__ import annotations

import datetime
import importlib.util
import logging
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from build_engine.build_tensorrt import BuildOptions
from build_engine.compare import Parity
from build_engine.make_engine import Request, make_engine
from build_engine.tensorrt_features import PRECISIONS
from build_engine.watch import watched
from engines.cuda_driver import Driver, probe
from evaluation import gpu_speed
from evaluation.gpu_report import Machine, Results, rendered, rewrite
from evaluation.gpu_speed import BATCHES, Timing
from model_zoo.zoo import model_path
from pose.errors import EXIT_BUG, ModelFileError, PoseAppError, UnavailableError, UsageError

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = _ROOT / "docs" / "gpu.md"
_CPN = "cpn-50"
_FAILED = "FAILED: "
_PEAK_BATCH = 64
_VERSIONS = ("tensorrt", "pycuda", "torch", "onnxruntime", "onnxruntime-gpu")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """What to measure, and where to write it."""

    cpn: Path | None = None
    """Weights or ONNX of CPN-50; without it random ones, which are as fast but find nobody."""
    work: Path = Path("runs/gpu")
    """Folder for what is built of CPN-50."""
    seconds: float = 2.0
    """How long to repeat each measurement."""
    batches: tuple[int, ...] = BATCHES
    """Batch sizes."""
    annotations: Path | None = None
    """COCO keypoint annotations, to measure what each precision costs in AP."""
    images: Path | None = None
    """Their photographs."""
    tests: bool = True
    """Run the tests marked gpu too."""
    page: Path = _PAGE
    """Page whose table is rewritten."""


def run(config: Config) -> int:
    """Measure and print; answers 0, or 70 if a test failed or an engine was refused."""
    if (config.annotations is None) != (config.images is None):
        raise UsageError("--annotations and --images go together")
    if not config.batches or min(config.batches) < 1 or config.seconds <= 0:
        raise UsageError("expected --batches of 1 or more and --seconds above 0")
    driver = available()
    missing: dict[str, str] = {}
    config.work.mkdir(parents=True, exist_ok=True)
    tests = _gpu_tests() if config.tests else ""
    cpn, weights, module = _cpn(config)
    sources = {"person": "person", "pose": "pose", _CPN: str(cpn)}
    engines, parity = _engines(sources, config, missing)

    timings: list[Timing] = []
    for (network, precision), path in engines.items():
        found = gpu_speed.on_tensorrt(network, path, config.batches, config.seconds)
        _gather(timings, f"TensorRT of {network} {precision}", found, missing)
    for network, source in sources.items():
        found = gpu_speed.on_onnxruntime(
            network, model_path(source), config.batches, config.seconds
        )
        _gather(timings, f"ONNX Runtime CUDA of {network}", found, missing)
    if module is None:
        missing["torch of CPN-50"] = "an ONNX file was given; give weights"
    else:
        found = gpu_speed.on_torch(_CPN, module, (192, 256), config.batches, config.seconds)
        _gather(timings, "torch of CPN-50", found, missing)

    results = Results(
        machine=_machine(driver),
        parity=parity,
        timings=timings,
        tests=tests,
        ap=_ap(config, engines, missing),
        peak_share=_peak_shares(driver, timings),
        missing=missing,
        weights=weights,
    )
    rewrite(config.page, results)
    sys.stdout.write(rendered(results))
    refused = any(isinstance(found, str) for found in parity.values())
    return EXIT_BUG if refused or tests.startswith(_FAILED) else 0


def available() -> Driver:
    """The driver with its GPUs.

    Raises:
        UnavailableError: One line with everything that is missing here.
    """
    driver = probe()
    lacks = [] if driver.present else [f"{driver.needs} ({driver.reason})"]
    if importlib.util.find_spec("tensorrt") is None:
        lacks.append("TensorRT (pip install -e '.[trt]')")
    lacks += [
        f"{package} (pip install -e '.[train]')"
        for package in ("torch", "onnx")
        if importlib.util.find_spec(package) is None
    ]
    if lacks:
        raise UnavailableError(f"main.py gpu needs {', '.join(lacks)}")
    return driver


def _gpu_tests() -> str:
    """Run the tests marked `gpu`; answers pytest's last line, behind FAILED if they did."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stdout)
    last = ([line for line in done.stdout.splitlines() if line.strip()] or ["no answer"])[-1]
    return f"{_FAILED * bool(done.returncode)}{last.strip('= ')}"


def _cpn(config: Config) -> tuple[Path, str, Any]:
    """An ONNX file of CPN-50, what its weights are, and the torch module if there is one."""
    if config.cpn is not None and config.cpn.suffix == ".onnx":
        return config.cpn, f"the weights of {config.cpn.name}", None
    import torch

    from build_engine.export_onnx import export
    from build_engine.weights import read_weights
    from network.cpn import Cpn
    from training.cpn_recipe import CARD

    path = config.work / f"{_CPN}.onnx"
    if config.cpn is not None:
        network, card = read_weights(config.cpn)
        weights = f"the weights of {config.cpn.name}"
    else:
        torch.manual_seed(0)
        network, card = Cpn().eval(), CARD
        weights = "random weights (no checkpoint given): its speed counts, its answers do not"
    export(network, card, path)
    return path, weights, network


def _engines(
    sources: dict[str, str], config: Config, missing: dict[str, str]
) -> tuple[dict[tuple[str, str], Path], dict[tuple[str, str], Parity | str]]:
    """Build every network in every precision, into the user's cache."""
    engines: dict[tuple[str, str], Path] = {}
    parity: dict[tuple[str, str], Parity | str] = {}
    top = max(config.batches)
    options = BuildOptions(batch=(1, min(16, top), top))
    for network, source in sources.items():
        for precision in PRECISIONS:
            request = Request(
                onnx=source,
                precision=precision,
                options=options,
                refuse_drift=network != _CPN or config.cpn is not None,
            )
            try:
                with watched(f"{network} {precision}") as watch:
                    made = make_engine(request, watch)
            except ModelFileError as error:  # it drifted: that is a result
                parity[network, precision] = f"REFUSED: {error}"
                continue
            except PoseAppError as error:
                missing[f"{network} {precision}"] = str(error)
                continue
            engines[network, precision] = made.path
            if made.engine is not None:
                parity[network, precision] = made.engine
    return engines, parity


def _gather(
    timings: list[Timing], what: str, found: Iterable[Timing], missing: dict[str, str]
) -> None:
    """Take what can be measured; what cannot is told, and does not lose the rest."""
    try:
        for timing in found:
            timings.append(timing)
            _log.info(
                "%s %s %s, batch %d: %.3f ms, %.0f crops/s", timing.network, timing.runner,
                timing.precision, timing.batch, timing.p50_ms, timing.crops_per_s,
            )  # fmt: skip
    except (PoseAppError, RuntimeError) as error:
        missing[what] = " ".join(str(error).split())[:300]


def _machine(driver: Driver) -> Machine:
    return Machine(
        gpu=driver.gpus[0].name,
        driver=f"{driver.version or 'of unknown version'} (CUDA {driver.cuda})",
        versions=dict(_versions()),
        date=datetime.date.today().isoformat(),
    )


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", sys.version.split()[0]
    for package in _VERSIONS:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def _peak_shares(driver: Driver, timings: list[Timing]) -> dict[str, float]:
    """What of the chip's peak CPN-50 reaches at batch 64, by precision."""
    from network.cpn import Cpn
    from network.macs import cost

    operations = 2 * cost(Cpn(), (192, 256)).macs
    shares: dict[str, float] = {}
    for precision in PRECISIONS:
        peak = gpu_speed.peak_operations(driver.gpus[0], precision)
        rates = [
            each.crops_per_s
            for each in timings
            if (each.network, each.runner, each.precision, each.batch)
            == (_CPN, "TensorRT", precision, _PEAK_BATCH)
        ]
        if peak and rates:
            shares[precision] = max(rates) * operations / peak
    return shares


def _ap(
    config: Config, engines: dict[tuple[str, str], Path], missing: dict[str, str]
) -> dict[str, float]:
    """AP of the pose model that ships on people's true boxes, by precision."""
    if config.annotations is None or config.images is None:
        missing["AP by precision"] = "no --annotations and --images were given"
        return {}
    from evaluation.evaluate import Config as Evaluation
    from evaluation.evaluate import measure

    found: dict[str, float] = {}
    for precision in PRECISIONS:
        path = engines.get(("pose", precision))
        if path is None:
            continue
        report = measure(
            Evaluation(config.annotations, config.images, boxes="truth", pose=str(path))
        )
        found[precision] = report.figures["AP"]
    return found
