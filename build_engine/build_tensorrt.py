"""An ONNX graph becomes a TensorRT plan: parse, profile, configure, build.

The same lines for TensorRT 8.6, 10, 11 and TensorRT-RTX; `tensorrt_features` says where they
differ. TensorRT answers None or False where Python would raise, so every answer is looked at, and
its own words go into the error. Nothing here runs a plan.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_engine.tensorrt_features import Way, builds_without_gpu, shares_profiles, shows_progress
from engines import tensorrt_library
from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError, OutputError, UsageError

_SMALLEST_SIDE = 32  # of a detector's canvas, whose sides are multiples of it
_MEBI = 1 << 20
_MOST_MIB = 1 << 24  # 16 TiB; TensorRT counts bytes in 64 bits
_MOST_CORES = 15  # more than any Jetson has

_log = logging.getLogger(__name__)

Shape = tuple[int, ...]
Watch = Callable[[str, int, int], None]  # phase, steps done, steps in all


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a plan shall be like, beside its precision.

    Attributes:
        batch: Smallest, usual and largest number of pictures in a run.
        workspace_mib: Most scratch memory of one layer, in MiB; 0 is for whoever knows the GPU
            to replace.
        level: Optimisation level, 0 (fast build) to 5 (fast engine).
        dla_core: Deep learning accelerator of a Jetson; -1 for the GPU.
        timing_cache: File that remembers how fast kernels were here; None for none.

    Raises:
        UsageError: A number that TensorRT does not have.
    """

    batch: tuple[int, int, int] = (1, 4, 16)
    workspace_mib: int = 0
    level: int = 3
    dla_core: int = -1
    timing_cache: Path | None = None

    def __post_init__(self) -> None:
        for flag, value, low, high in (
            ("--workspace-mib", self.workspace_mib, 0, _MOST_MIB),
            ("--level", self.level, 0, 5),
            ("--dla-core", self.dla_core, -1, _MOST_CORES),
        ):
            if not low <= value <= high:
                raise UsageError(f"{flag}: expected {low} to {high}, got {value}")


def profile(card: ModelCard, batch: Sequence[int]) -> tuple[Shape, Shape, Shape]:
    """Smallest, usual and largest input of a network.

    Args:
        card: With `any_size`, height and width are free too, from 32 to the card's; what is usual
            is a frame of 16:9.
        batch: Smallest, usual, largest number of pictures.

    Raises:
        UsageError: They are not in order.
    """
    low, usual, high = batch
    if not 1 <= low <= usual <= high:
        raise UsageError(f"--batch: expected 1 <= MIN <= OPT <= MAX, got {low} {usual} {high}")
    width, height = card.input_size_wh
    if not card.any_size:
        return (low, 3, height, width), (usual, 3, height, width), (high, 3, height, width)
    wide = min(height, -(-width * 9 // 16 // _SMALLEST_SIDE) * _SMALLEST_SIDE)
    return (
        (low, 3, _SMALLEST_SIDE, _SMALLEST_SIDE),
        (usual, 3, wide, width),
        (high, 3, height, width),
    )


def build_plan(
    trt: Any,
    content: bytes,
    shapes: tuple[Shape, Shape, Shape],
    way: Way,
    options: BuildOptions,
    watch: Watch | None = None,
    calibrator: Any = None,
) -> bytes:
    """Build a plan.

    Args:
        trt: The module, from `engines.tensorrt_library.load`.
        content: ONNX file in the precision that `way.graph` names.
        shapes: From `profile`.
        way: From `tensorrt_features.way`.
        options: How.
        watch: Told of every step, where this TensorRT tells.
        calibrator: For `way.calibrated`.

    Returns:
        What `deserialize_cuda_engine` reads.

    Raises:
        ModelFileError: TensorRT cannot parse the graph.
        EngineError: It cannot build it here.
        UsageError: Options that it does not have.
        KeyboardInterrupt: Ctrl-C, noticed at the next step.
    """
    tensorrt_library.said()  # what was said before is not about this
    logger = tensorrt_library.logger(trt)
    builder = _made(trt.Builder, logger)
    network = builder.create_network(way.network_flags)
    parser = trt.OnnxParser(network, logger)  # both are kept: it does not keep its network alive
    _parse(parser, network, content)
    if way.hold_float32:
        _hold_float32(trt, network)

    config = builder.create_builder_config()
    _configure(trt, builder, config, way, options)
    if calibrator is not None:
        config.int8_calibrator = calibrator
    lengths = builder.create_optimization_profile()
    lengths.set_shape(network.get_input(0).name, *shapes)
    if config.add_optimization_profile(lengths) < 0:
        raise EngineError(f"expected {shapes} to fit the network{tensorrt_library.complaint()}")
    if calibrator is not None and hasattr(config, "set_calibration_profile"):
        config.set_calibration_profile(lengths)
    cache = _timing_cache(trt, config, options.timing_cache)
    with _ctrl_c_kept() as interrupted:
        monitor = None
        if watch is not None and shows_progress(trt):
            monitor = config.progress_monitor = _monitor(trt, watch, interrupted)
        plan = builder.build_serialized_network(network, config)
    if interrupted():
        raise KeyboardInterrupt
    if monitor is not None and monitor.stopped is not None:
        raise monitor.stopped
    if plan is None:
        words = tensorrt_library.complaint()
        hint = "; raise --workspace-mib or lower --batch" if "OutOfMemory" in words else ""
        raise EngineError(f"{trt.__name__} built nothing{words}{hint}")
    if cache is not None and options.timing_cache is not None:
        _keep(options.timing_cache, bytes(cache.serialize()))
    return bytes(plan)


def _made(kind: Any, logger: Any) -> Any:
    """A builder; without a driver 8.6 raises TypeError, as its factory answered null."""
    try:
        builder = kind(logger)
    except TypeError as error:
        raise EngineError(
            f"TensorRT made no builder ({error}){tensorrt_library.complaint()}; see main.py doctor"
        ) from error
    return builder


def _parse(parser: Any, network: Any, content: bytes) -> None:
    parsed = parser.parse(content)
    if not parsed or parser.num_errors:
        said = [_parser_error(parser.get_error(i)) for i in range(parser.num_errors)]
        words = "; ".join(said) or f"no reason given{tensorrt_library.complaint()}"
        raise ModelFileError(f"TensorRT cannot read this ONNX: {words}")
    if network.num_inputs != 1 or not network.num_outputs:  # `parse(b"xxxx")` says True
        raise ModelFileError(
            "expected an ONNX network of one input, TensorRT found "
            f"{network.num_inputs} inputs and {network.num_outputs} outputs"
        )


def _parser_error(error: Any) -> str:
    """What the parser says of one node; 8.6 knows only its number."""
    known = [
        getattr(error, name)() for name in ("node_operator", "node_name") if hasattr(error, name)
    ]
    where = " ".join(text for text in known if text) or error.node()
    return f"{error.desc()} (node {where})"


def _configure(trt: Any, builder: Any, config: Any, way: Way, options: BuildOptions) -> None:
    for name in way.builder_flags:
        config.set_flag(getattr(trt.BuilderFlag, name))
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * _MEBI)
    config.builder_optimization_level = options.level
    if shares_profiles(trt):  # one context per thread and per CUDA graph, on the same profile
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
    if options.dla_core >= 0:
        if builder.num_DLA_cores <= options.dla_core:
            raise EngineError(
                f"--dla-core {options.dla_core}: this machine has {builder.num_DLA_cores} of them"
            )
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = options.dla_core
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)  # layers that a DLA has not


def _hold_float32(trt: Any, network: Any) -> None:
    """Weak typing may run any layer in half; those that the graph has in float32 stay there."""
    moves = (trt.LayerType.CONSTANT, trt.LayerType.SHAPE, trt.LayerType.CAST)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type not in moves and layer.get_output(0).dtype == trt.float32:
            layer.precision = trt.float32


def _timing_cache(trt: Any, config: Any, path: Path | None) -> Any:
    if path is None:
        return None
    if builds_without_gpu(trt):
        raise UsageError(
            f"--timing-cache: {trt.__name__} times nothing while it builds; leave it out"
        )
    try:
        before = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UsageError(f"--timing-cache {path}: {error.strerror or error}") from error
    cache = config.create_timing_cache(before)
    if cache is None or not config.set_timing_cache(cache, False):
        _log.warning("%s is of another GPU or TensorRT; starting a new one", path)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _keep(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _ctrl_c_kept() -> Iterator[Callable[[], bool]]:
    """Gives what tells whether Ctrl-C was pressed meanwhile.

    TensorRT runs its logger and its monitor in this thread and swallows what they raise, so an
    interruption that comes while one of them begins would be lost.
    """
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    listens = threading.current_thread() is threading.main_thread() and before is not None
    if listens:
        signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)


def _monitor(trt: Any, watch: Watch, interrupted: Callable[[], bool]) -> Any:
    """A progress monitor of this TensorRT; its base class exists only there."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Passes steps on. What it raises would cross C++, so it is kept and stops the build."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.stopped: BaseException | None = None
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            self._tell(phase_name, 0)

        def phase_finish(self, phase_name: str) -> None:
            self._tell(phase_name, self._steps.get(phase_name, 0))

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._tell(phase_name, step + 1)
            return self.stopped is None and not interrupted()

        def _tell(self, phase: str, done: int) -> None:
            try:
                watch(phase, done, self._steps.get(phase, 0))
            except BaseException as error:
                self.stopped = self.stopped or error

    return Monitor()
