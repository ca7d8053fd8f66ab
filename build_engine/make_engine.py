"""From an ONNX file to an engine file that was run and compared before it takes its name.

Knows no torch: a Jetson builds with `onnxruntime` and TensorRT alone from a file that was exported
elsewhere (half precision needs `onnx` here, or a file that is in half already).
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from build_engine.build_tensorrt import BuildOptions, Watch, build_plan, profile
from build_engine.compare import Parity, check, compare
from build_engine.pictures import pictures
from build_engine.tensorrt_features import Precision, builds_without_gpu, way
from engines import tensorrt_library
from engines.cuda_driver import Driver, Gpu, probe
from engines.engine import open_engine, read_network_file
from engines.engine_cache import cache_folder, cached_engine, onnx_sha256
from engines.engine_file import SUFFIX, BuiltFor, Here, shape_text, write_engine
from engines.onnxruntime_engine import OnnxRuntimeEngine
from model_zoo.zoo import model_path
from pose.card import ModelCard, sized
from pose.errors import EngineError, UsageError
from pose.onnx_header import card_in_onnx

Backend = Literal["tensorrt", "tensorrt_rtx"]
NOT_VERIFIED = "built, not verified: no GPU here"
_WORKSPACE_SHARE = 16  # of the GPU's memory: 256 MiB of 4 GiB, as Jetsons share theirs
_WORKSPACE_MIB = (256, 4096)
_WORKSPACE_UNKNOWN_MIB = 4096  # TensorRT-RTX wants 1.2 GB for CPN-50 at batch 64
_VERIFIED_ON = 8  # pictures

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What to build.

    Attributes:
        onnx: Name of a model that ships, or an ONNX file with its card.
        out: Engine file; None for the cache.
        precision: Of the engine.
        backend: What builds and runs it.
        options: For TensorRT.
        keep: Node names or operators that stay float32.
        pictures_from: Folder or video to compare and to calibrate on; None for the clip that ships.
        calibrate_on: Pictures that INT8's ranges are learned from.
        timing_cache: Whether kernels' times are remembered in the cache folder, where
            `options.timing_cache` names no file.
        refuse_drift: Whether `compare.LIMITS` hold. Without, NaN alone is an error: for random
            weights, whose heatmaps have no maximum to speak of.
        side: Longest side of a detector's input in pixels; 0 takes the card's.
    """

    onnx: str
    out: Path | None = None
    precision: Precision = "fp16"
    backend: Backend = "tensorrt"
    options: BuildOptions = field(default_factory=BuildOptions)
    keep: tuple[str, ...] = ()
    pictures_from: Path | None = None
    calibrate_on: int = 64
    timing_cache: bool = True
    refuse_drift: bool = True
    side: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What was built.

    Attributes:
        path: The engine file.
        built_for: As it says itself.
        plan_bytes: Size of the plan.
        graph: How the graph that TensorRT read differs from the float32 one, on ONNX Runtime;
            None where it is the same file, or where TensorRT changes the precision itself.
        engine: How the engine differs, on this GPU; None without one.
    """

    path: Path
    built_for: BuiltFor
    plan_bytes: int
    graph: Parity | None
    engine: Parity | None


def make_engine(request: Request, watch: Watch | None = None) -> Made:
    """Build, verify where there is a GPU, and only then give the file its name.

    Args:
        request: What.
        watch: Told of the builder's steps.

    Raises:
        EngineError: No GPU, no TensorRT, or TensorRT failed; its own words are in it.
        ModelFileError: The ONNX file cannot be used, or the engine is not the same network.
        UsageError: Options that do not fit.
        OutputError: The engine cannot be written.
    """
    if request.out is not None and request.out.suffix != SUFFIX:
        raise UsageError(f"--out: expected a file ending in {SUFFIX}, got {request.out}")
    source = model_path(request.onnx)
    card = _source_card(source, request.precision)
    if request.side:
        card = sized(card, request.side)
    shapes = profile(card, request.options.batch)
    driver = probe()
    if request.backend == "tensorrt" and not driver.present:
        raise EngineError(
            f"TensorRT builds on the GPU that will run the engine: {driver.reason}; it needs "
            f"{driver.needs}, or --backend tensorrt_rtx, which builds without"
        )
    trt = tensorrt_library.load(request.backend, needs_driver=False)
    gpu = driver.gpus[0] if driver.present else None
    here = Here(request.backend, str(trt.__version__), "", "")
    if gpu and not builds_without_gpu(trt):  # RTX finishes its plans on whatever GPU runs them
        here = replace(here, gpu=gpu.name, compute_capability=gpu.compute_capability)
    out = request.out or cached_engine(source, request.precision, here)
    options = _completed(request, here, gpu)

    asked = way(trt, request.precision)
    content, changed = _graph(request, source, card, asked.graph)
    with ExitStack() as stack:
        calibrator = _calibrator(trt, request, card, stack) if asked.calibrated else None
        plan = build_plan(trt, content, shapes, asked, options, watch, calibrator)
    low, usual, high = (shape_text(shape) for shape in shapes)
    built_for = BuiltFor(
        backend=request.backend,
        tensorrt=here.tensorrt,
        onnx=request.onnx,
        onnx_sha256=onnx_sha256(source),
        min_shape=low,
        opt_shape=usual,
        max_shape=high,
        gpu=here.gpu,
        compute_capability=here.compute_capability,
        cuda=driver.cuda,
        driver=driver.version,
        options=flags(request),
    )
    found = _verified(out, source, card, plan, built_for, request, driver)
    word = f"on {gpu.name}: {found}" if gpu and found else ""
    built_for = replace(built_for, verified=word)
    path = write_engine(out, replace(card, precision=request.precision), built_for, plan)
    return Made(path, built_for, len(plan), changed, found)


def flags(request: Request) -> str:
    """The flags of `main.py build` that ask for this again, without `--onnx` and `--out`."""
    standard = BuildOptions()
    options = request.options
    said = [f"--precision {request.precision}"]
    if request.backend != "tensorrt":
        said.append(f"--backend {request.backend}")
    if request.side:
        said.append(f"--side {request.side}")
    if options.batch != standard.batch:
        said.append("--batch " + " ".join(map(str, options.batch)))
    for name, flag in (("workspace_mib", "--workspace-mib"), ("level", "--level"),
                       ("dla_core", "--dla-core")):  # fmt: skip
        if getattr(options, name) != getattr(standard, name):
            said.append(f"{flag} {getattr(options, name)}")
    if request.keep:
        said.append("--keep-fp32 " + " ".join(request.keep))
    return " ".join(said)


def workspace_mib(memory_bytes: int) -> int:
    """Scratch memory for TensorRT by the GPU's memory; on a Jetson that is everybody's memory."""
    low, high = _WORKSPACE_MIB
    return min(max(memory_bytes // _WORKSPACE_SHARE >> 20, low), high)


def _source_card(source: Path, precision: Precision) -> ModelCard:
    card = card_in_onnx(read_network_file(source), str(source))
    if card.precision not in ("fp32", precision):
        raise UsageError(
            f"{source} is in {card.precision} already, which cannot become {precision}; "
            "give the float32 file"
        )
    return card


def _completed(request: Request, here: Here, gpu: Gpu | None) -> BuildOptions:
    options = request.options
    if not options.workspace_mib:
        chosen = workspace_mib(gpu.memory_bytes) if gpu else _WORKSPACE_UNKNOWN_MIB
        options = replace(options, workspace_mib=chosen)
    if request.timing_cache and options.timing_cache is None and here.gpu:
        name = f"{here.backend}-{here.tensorrt}-{here.compute_capability}.timing"
        options = replace(options, timing_cache=cache_folder("timing") / name)
    return options


def _graph(
    request: Request, source: Path, card: ModelCard, wanted: str
) -> tuple[bytes, Parity | None]:
    """The ONNX content in the precision that TensorRT shall read it in."""
    if wanted == "fp32" or card.precision == request.precision:
        return read_network_file(source), None
    from build_engine.precision import converted  # needs onnx, which a Jetson may lack

    return converted(
        source, card, request.precision, request.keep, request.pictures_from,
        request.calibrate_on, request.refuse_drift,
    )  # fmt: skip


def _calibrator(trt: Any, request: Request, card: ModelCard, stack: ExitStack) -> Any:
    from build_engine.calibrate import calibrator
    from build_engine.precision import halves
    from engines.cuda_device import open_device

    device = stack.enter_context(open_device())
    learn, _ = halves(card, request.calibrate_on, request.pictures_from)
    return calibrator(trt, device, learn)


def _verified(
    out: Path,
    source: Path,
    card: ModelCard,
    plan: bytes,
    built_for: BuiltFor,
    request: Request,
    driver: Driver,
) -> Parity | None:
    """Run the plan from a file beside its place, and compare it with ONNX Runtime."""
    if not driver.present:
        return None
    trial = out.with_name(f"{out.stem}.unverified{SUFFIX}")
    batch = pictures(card, _VERIFIED_ON, request.pictures_from)
    try:
        write_engine(trial, replace(card, precision=request.precision), built_for, plan)
        with OnnxRuntimeEngine(source, providers=["cpu"]) as right:
            try:
                with open_engine(trial, trust=True) as ours:
                    found = compare(right, ours, batch)
            except EngineError as error:
                raise EngineError(f"the engine was built but does not run: {error}") from error
        check(found, request.precision, request.onnx, request.refuse_drift)
    finally:
        trial.unlink(missing_ok=True)
    return found
