"""FAKES of TensorRT 8.6, 10 and 11: modules with the names that each version has, and no more.

They prove which names our builder uses and in which order, not what NVIDIA's code does with them.
The names were read from the real modules (8.6.0, 10.3, 10.16, 11.4); what a version lacks is an
AttributeError here as there. The real parser and builder are tested through TensorRT-RTX.
"""

from __future__ import annotations

import enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PLAN = b"ftrt, so to say"
_ANY = ("TF32", "REFIT", "GPU_FALLBACK", "VERSION_COMPATIBLE", "DISABLE_TIMING_CACHE")
_WEAK = ("FP16", "INT8", "BF16", "OBEY_PRECISION_CONSTRAINTS", "PREFER_PRECISION_CONSTRAINTS")


class _Network:
    num_inputs, num_outputs, num_layers = 1, 1, 3

    def __init__(self, flags: int) -> None:
        self.flags = flags
        kinds = (("CONVOLUTION", "half"), ("CONVOLUTION", "float32"), ("CAST", "float32"))
        self.layers = [
            SimpleNamespace(
                type=kind, precision=None, get_output=lambda _, d=dtype: SimpleNamespace(dtype=d)
            )
            for kind, dtype in kinds
        ]

    def get_layer(self, index: int) -> Any:
        return self.layers[index]

    def get_input(self, index: int) -> Any:
        return SimpleNamespace(name="crops")


class _Cache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content + b" and this build"


def fake(version: str, steps: int = 3, **changed: Any) -> Any:
    """A fake TensorRT.

    Args:
        version: `8.6`, `10` or `11`.
        steps: That its progress monitor reports.
        changed: `parses` (False: it refuses the graph), `builds` (False: it answers None),
            `dla_cores`, `knows_cache` (False: every timing cache is foreign).

    Returns:
        Something like the module; `done` lists what was called, with what.
    """
    tells = {"parses": True, "builds": True, "dla_cores": 0, "knows_cache": True, **changed}
    done: list[tuple[Any, ...]] = []
    weak, monitored = version != "11", version != "8.6"
    creation = {
        "8.6": {"EXPLICIT_BATCH": 0, "EXPLICIT_PRECISION": 1},
        "10": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1, "PREFER_AOT_PYTHON_PLUGINS": 2},
        "11": {"STRONGLY_TYPED": 1, "PREFER_AOT_PYTHON_PLUGINS": 2},
    }[version]
    trt: Any = SimpleNamespace()

    class ILogger:
        class Severity(enum.Enum):
            INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

        def __init__(self) -> None:
            pass

    class Config:
        def __init__(self) -> None:
            if version == "10" or version == "11":
                self._monitor: Any = None
            if weak:
                self.int8_calibrator: Any = None
            self.builder_optimization_level = 3
            self.default_device_type = "GPU"
            self.DLA_core = -1

        def set_flag(self, flag: Any) -> None:
            done.append(("flag", flag))

        def set_memory_pool_limit(self, pool: str, size: int) -> None:
            done.append(("memory", pool, size))

        def set_preview_feature(self, feature: str, on: bool) -> None:
            done.append(("preview", feature, on))

        def add_optimization_profile(self, profile: Any) -> int:
            done.append(("profile", *profile.shapes))
            return 0

        def create_timing_cache(self, content: bytes) -> Any:
            return _Cache(content)

        def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
            done.append(("timing cache", cache.content, ignore_mismatch))
            return bool(tells["knows_cache"]) or not cache.content

    if monitored:
        Config.progress_monitor = None  # type: ignore[attr-defined]
    if weak:
        Config.set_calibration_profile = lambda self, profile: done.append(("calibrate",))  # type: ignore[attr-defined]

    class Profile:
        def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
            self.shapes = (name, *shapes)

    class Builder:
        def __init__(self, logger: Any) -> None:
            self.logger, self.num_DLA_cores = logger, tells["dla_cores"]

        def create_network(self, flags: int) -> Any:
            done.append(("network", flags))
            trt.network = _Network(flags)
            return trt.network

        def create_builder_config(self) -> Any:
            trt.config = Config()
            return trt.config

        def create_optimization_profile(self) -> Any:
            return Profile()

        def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
            monitor = getattr(config, "progress_monitor", None)
            if monitor is not None:
                monitor.phase_start("Building engine", None, steps)
                for step in range(steps):
                    if not monitor.step_complete("Building engine", step):
                        return None
                monitor.phase_finish("Building engine")
            done.append(("build",))
            if not tells["builds"]:
                self.logger.log(ILogger.Severity.ERROR, "No implementation for node Conv_7")
                return None
            return PLAN

    class OnnxParser:
        def __init__(self, network: Any, logger: Any) -> None:
            self.num_errors = 0

        def parse(self, content: bytes) -> bool:
            self.num_errors = 0 if tells["parses"] else 1
            return bool(tells["parses"])

        def get_error(self, index: int) -> Any:
            return SimpleNamespace(desc=lambda: "Unsupported operator Einsum", node=lambda: 7)

    trt.__name__ = "tensorrt"
    trt.__version__ = {"8.6": "8.6.0", "10": "10.13.2.6", "11": "11.4.0.106"}[version]
    trt.float32 = "float32"
    trt.ILogger, trt.IBuilderConfig = ILogger, Config
    trt.Builder, trt.OnnxParser = Builder, OnnxParser
    trt.NetworkDefinitionCreationFlag = SimpleNamespace(**creation)
    trt.BuilderFlag = SimpleNamespace(**{name: name for name in (*_ANY, *(_WEAK if weak else ()))})
    trt.MemoryPoolType = SimpleNamespace(WORKSPACE="WORKSPACE", TACTIC_DRAM="TACTIC_DRAM")
    trt.DeviceType = SimpleNamespace(GPU="GPU", DLA="DLA")
    trt.LayerType = SimpleNamespace(
        CONVOLUTION="CONVOLUTION", CAST="CAST", CONSTANT="CONSTANT", SHAPE="SHAPE"
    )
    trt.PreviewFeature = SimpleNamespace()
    if version == "8.6":
        trt.PreviewFeature.PROFILE_SHARING_0806 = "PROFILE_SHARING_0806"
    if monitored:
        trt.IProgressMonitor = type("IProgressMonitor", (), {"__init__": lambda self: None})
    if weak:
        trt.IInt8EntropyCalibrator2 = type(
            "IInt8EntropyCalibrator2", (), {"__init__": lambda self: None}
        )
    trt.done = done
    return trt


class FakeDevice:
    """FAKE memory of a GPU: what was uploaded, by address."""

    def __init__(self) -> None:
        self.memory: dict[int, Any] = {}
        self.waited = 0

    def allocate(self, size: int) -> int:
        self.memory[4096 * (len(self.memory) + 1)] = None
        return max(self.memory)

    def upload(self, address: int, array: Any) -> None:
        assert array.flags.c_contiguous
        self.memory[address] = array.copy()

    def synchronize(self) -> None:
        self.waited += 1


def write_cache(path: Path, content: bytes = b"older times") -> Path:
    """A timing cache of an earlier build."""
    path.write_bytes(content)
    return path
