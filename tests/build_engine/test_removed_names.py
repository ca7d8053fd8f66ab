"""No name that a supported TensorRT has dropped is used, except where it was asked for first."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From NVIDIA's migration guides 8.x to 10.x and 10.x to 11.x, read against the real modules.
GONE_IN_10 = {
    "max_workspace_size", "max_batch_size", "build_engine", "build_cuda_engine", "num_bindings",
    "get_binding_index", "get_binding_name", "get_binding_shape", "get_binding_dtype",
    "get_binding_format", "get_binding_bytes_per_component", "get_profile_shape",
    "set_binding_shape", "binding_is_input", "execute_async", "execute_async_v2", "execute",
    "active_optimization_profile", "UffParser", "CaffeParser", "all_binding_shapes_specified",
    "is_shape_binding", "is_execution_binding", "has_implicit_batch_dimension",
}  # fmt: skip
GONE_IN_11 = {
    "FP16", "BF16", "INT8", "FP8", "INT4", "OBEY_PRECISION_CONSTRAINTS",
    "PREFER_PRECISION_CONSTRAINTS", "REJECT_EMPTY_ALGORITHMS", "WEIGHTLESS", "EXPLICIT_BATCH",
    "IInt8Calibrator", "IInt8EntropyCalibrator", "IInt8MinMaxCalibrator", "algorithm_selector",
    "int8_calibrator", "set_calibration_profile", "platform_has_fast_fp16",
    "platform_has_fast_int8", "device_memory_size", "supports_model",
    "parse_with_weight_descriptors", "set_quantization_flag", "precision_constraints",
    "IInt8EntropyCalibrator2", "PROFILE_SHARING_0806", "autoinit",
}  # fmt: skip
# name -> where it stands behind a question, and a test with FAKES of every version
GUARDED = {
    "IInt8EntropyCalibrator2": "build_engine/calibrate.py",  # `way.calibrated`
    "int8_calibrator": "build_engine/build_tensorrt.py",  # only with a calibrator
    "set_calibration_profile": "build_engine/build_tensorrt.py",  # hasattr
    "PROFILE_SHARING_0806": "build_engine/build_tensorrt.py",  # `shares_profiles`
}


def used(source: str) -> set[str]:
    """Attributes and imported names of a program; strings are asked for with `hasattr`."""
    tree = ast.parse(source)
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.name.rpartition(".")[2] for alias in node.names}
    return names


def _ours() -> list[Path]:
    files = [*(ROOT / "build_engine").glob("*.py"), *(ROOT / "engines").glob("*.py")]
    return sorted(path for path in files if "trt" in path.read_text("utf-8"))


@pytest.mark.parametrize("path", _ours(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_removed_name_is_used(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    found = used(path.read_text("utf-8")) & (GONE_IN_10 | GONE_IN_11)

    assert {name for name in found if GUARDED.get(name) != where} == set()


def test_every_exception_is_still_one() -> None:
    for name, where in GUARDED.items():
        assert name in used((ROOT / where).read_text("utf-8")), f"{name} is not in {where} any more"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("config.set_flag(trt.BuilderFlag.FP16)", "FP16"),
        ("context.execute_async_v2(bindings, stream)", "execute_async_v2"),
        ("config.max_workspace_size = 1 << 30", "max_workspace_size"),
        ("import pycuda.autoinit", "autoinit"),
        ("from pycuda import autoinit", "autoinit"),
    ],
)
def test_the_walk_would_find_them(source: str, name: str) -> None:
    assert name in used(source) & (GONE_IN_10 | GONE_IN_11)


def test_versions_are_not_compared() -> None:
    """`hasattr` decides; a version is only written down, and compared with itself."""
    for path in _ours():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                assert "__version__" not in ast.unparse(node), f"{path}: {ast.unparse(node)}"
