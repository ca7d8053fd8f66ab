"""How each TensorRT is asked for a precision, decided by the names it has. On FAKES and on RTX."""

from __future__ import annotations

from typing import Any

import pytest

from build_engine import tensorrt_features as features
from build_engine.tensorrt_features import PRECISIONS, Precision, Way, way
from tests.build_engine.fake_tensorrt import fake

EXPLICIT, STRONG = 1 << 0, 1 << 1


@pytest.mark.parametrize(
    ("version", "precision", "expected"),
    [
        ("8.6", "fp32", Way("fp32", EXPLICIT, (), False, False)),
        ("8.6", "fp16", Way("fp16", EXPLICIT, ("FP16", "OBEY_PRECISION_CONSTRAINTS"), False, True)),
        ("8.6", "int8", Way("fp32", EXPLICIT, ("INT8", "FP16"), True, False)),
        ("10", "fp32", Way("fp32", EXPLICIT | STRONG, (), False, False)),
        ("10", "fp16", Way("fp16", EXPLICIT | STRONG, (), False, False)),
        ("10", "int8", Way("fp32", EXPLICIT, ("INT8", "FP16"), True, False)),
        ("11", "fp32", Way("fp32", STRONG, (), False, False)),
        ("11", "fp16", Way("fp16", STRONG, (), False, False)),
        ("11", "int8", Way("quantised", STRONG, (), False, False)),
    ],
)
def test_every_version_is_asked_in_its_own_way(
    version: str, precision: Precision, expected: Way
) -> None:
    assert way(fake(version), precision) == expected


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("version", ["8.6", "10", "11"])
def test_half_precision_is_never_asked_twice(version: str, precision: Precision) -> None:
    """A builder flag beside strong typing is an error in TensorRT."""
    trt = fake(version)
    chosen = way(trt, precision)
    strong = chosen.network_flags & STRONG if version != "8.6" else 0

    assert not (strong and chosen.builder_flags)
    assert all(hasattr(trt.BuilderFlag, flag) for flag in chosen.builder_flags)


def test_a_version_after_the_last_flag_needs_none() -> None:
    """As 11 says of STRONGLY_TYPED: accepted and ignored. One day it will be gone too."""
    trt = fake("11")
    del trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED

    assert [way(trt, precision).graph for precision in PRECISIONS] == ["fp32", "fp16", "quantised"]
    assert {way(trt, precision).network_flags for precision in PRECISIONS} == {0}


@pytest.mark.parametrize(
    ("version", "calibrates", "shows", "shares"),
    [("8.6", True, False, True), ("10", True, True, False), ("11", False, True, False)],
)
def test_what_else_differs(version: str, calibrates: bool, shows: bool, shares: bool) -> None:
    trt = fake(version)

    assert features.has_calibrator(trt) is calibrates
    assert features.shows_progress(trt) is shows
    assert features.shares_profiles(trt) is shares
    assert features.builds_without_gpu(trt) is False


def test_the_real_rtx_is_asked_as_11_is() -> None:
    trt: Any = pytest.importorskip("tensorrt_rtx", reason="needs pip install -e '.[rtx]'")

    for precision in PRECISIONS:
        found, eleven = way(trt, precision), way(fake("11"), precision)
        assert (found.graph, found.builder_flags) == (eleven.graph, eleven.builder_flags)
        assert found.network_flags == 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    assert features.shows_progress(trt)
    assert features.builds_without_gpu(trt)
    assert not features.has_calibrator(trt)
