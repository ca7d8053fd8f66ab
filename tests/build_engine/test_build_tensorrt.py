"""Parsing and building: for real with TensorRT-RTX on the CPU, for other versions on FAKES."""

from __future__ import annotations

import importlib
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from build_engine.build_tensorrt import BuildOptions, build_plan, profile
from build_engine.tensorrt_features import Precision, way
from build_engine.to_fp16 import to_fp16
from engines import tensorrt_library
from model_zoo.zoo import card_of, model_path
from pose.errors import EngineError, ModelFileError, UsageError
from tests.build_engine.fake_tensorrt import PLAN, fake, write_cache
from tests.engines.tiny_networks import CARD, POSE_CARD, model, write_mean_network

SHAPES = profile(POSE_CARD, (1, 4, 16))
OPTIONS = BuildOptions(workspace_mib=256)


@pytest.fixture
def rtx() -> Any:
    """The real TensorRT-RTX, which parses and builds without a GPU."""
    pytest.importorskip("tensorrt_rtx", reason="needs pip install -e '.[rtx]'")
    return tensorrt_library.load("tensorrt_rtx", needs_driver=False)


@pytest.fixture(autouse=True)
def own_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakes bear the name of the real module; each gets a logger of its own."""
    kept = {name: each for name, each in tensorrt_library._loggers.items() if name != "tensorrt"}
    monkeypatch.setattr(tensorrt_library, "_loggers", kept)


def _build(trt: Any, precision: Precision = "fp32", **changed: Any) -> bytes:
    options = replace(OPTIONS, **changed)
    return build_plan(trt, b"an ONNX file", SHAPES, way(trt, precision), options)


# ---- the shapes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "batch", "expected"),
    [
        (POSE_CARD, (1, 1, 1), ((1, 3, 64, 48),) * 3),
        (POSE_CARD, (1, 4, 16), ((1, 3, 64, 48), (4, 3, 64, 48), (16, 3, 64, 48))),
        (
            replace(CARD, any_size=True, input_size_wh=(320, 320)),
            (1, 2, 8),
            ((1, 3, 32, 32), (2, 3, 192, 320), (8, 3, 320, 320)),
        ),
        (
            replace(CARD, any_size=True, input_size_wh=(640, 384)),
            (1, 1, 1),
            ((1, 3, 32, 32), (1, 3, 384, 640), (1, 3, 384, 640)),
        ),
    ],
)
def test_a_profile_holds_every_input_that_the_card_allows(
    card: Any, batch: tuple[int, int, int], expected: Any
) -> None:
    assert profile(card, batch) == expected


@pytest.mark.parametrize("batch", [(0, 1, 1), (2, 1, 4), (1, 4, 3), (-1, -1, -1)])
def test_batches_out_of_order_are_refused(batch: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="MIN <= OPT <= MAX"):
        profile(POSE_CARD, batch)


# ---- the real builder -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(400)  # seconds on a quiet machine, minutes on a busy one
@pytest.mark.parametrize("name", ["person", "pose"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_models_that_ship_are_built(rtx: Any, name: str, precision: Precision) -> None:
    card = card_of(name)
    graph = onnx.load(model_path(name))
    if precision == "fp16":
        graph = to_fp16(graph, card)
    seen = []

    plan = build_plan(
        rtx,
        graph.SerializeToString(),
        profile(card, (1, 4, 16)),
        way(rtx, precision),
        replace(OPTIONS, level=0),
        lambda phase, done, total: seen.append((phase, done, total)),
    )

    assert plan[:4] == b"vtrt"
    assert len(plan) > 1_000_000
    assert seen and all(0 <= done <= total for _, done, total in seen)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_cpn_50_is_built_in_both_precisions(rtx: Any, tmp_path: Path) -> None:
    """With random weights: what the builder does does not depend on them."""
    torch = pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    from build_engine.export_onnx import export
    from network.cpn import Cpn
    from training.cpn_recipe import CARD as CPN_CARD

    torch.manual_seed(0)
    file = export(Cpn().eval(), CPN_CARD, tmp_path / "cpn.onnx").path
    shapes = profile(CPN_CARD, (1, 4, 16))
    assert shapes == ((1, 3, 256, 192), (4, 3, 256, 192), (16, 3, 256, 192))
    options = replace(OPTIONS, workspace_mib=4096, level=0)

    full = len(build_plan(rtx, file.read_bytes(), shapes, way(rtx, "fp32"), options))
    content = to_fp16(onnx.load(file), CPN_CARD).SerializeToString()
    half = len(build_plan(rtx, content, shapes, way(rtx, "fp16"), options))

    assert full > 27e6 * 4 * 0.95  # its 27 million weights are in the plan
    assert 27e6 * 2 * 0.95 < half < 0.6 * full


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "inputs|read this ONNX"),
        (b"xxxx", "inputs|read this ONNX"),
        (b"dear aunt, the weather is fine", "inputs|read this ONNX"),
    ],
)
def test_what_is_no_onnx_is_one_clear_line(rtx: Any, content: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as caught:
        build_plan(rtx, content, SHAPES, way(rtx, "fp32"), OPTIONS)
    assert "\n" not in str(caught.value)


def test_an_operator_that_tensorrt_has_not_is_named(rtx: Any) -> None:
    strange = helper.make_node("Unheard", ["frames"], ["mean"], domain="of.nobody")
    graph = model([strange], (1, 3, 64, 48), [("mean", TensorProto.FLOAT, (1, 3, 64, 48))])

    with pytest.raises(ModelFileError, match=r"TensorRT cannot read this ONNX.*Unheard"):
        build_plan(rtx, graph.SerializeToString(), SHAPES, way(rtx, "fp32"), OPTIONS)


def test_a_profile_that_does_not_fit_the_graph_is_refused_in_its_words(
    rtx: Any, tmp_path: Path
) -> None:
    file = write_mean_network(tmp_path / "m.onnx", POSE_CARD)
    wrong = profile(replace(POSE_CARD, input_size_wh=(32, 32)), (1, 1, 1))

    with pytest.raises(EngineError, match="TensorRT says: "):
        build_plan(rtx, file.read_bytes(), wrong, way(rtx, "fp32"), OPTIONS)


def test_ctrl_c_stops_a_build_at_its_next_step(rtx: Any, tmp_path: Path) -> None:
    """The exception must not cross TensorRT's C++; it is raised again behind it."""
    file = write_mean_network(tmp_path / "m.onnx", POSE_CARD)

    def interrupted(phase: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(rtx, file.read_bytes(), SHAPES, way(rtx, "fp32"), OPTIONS, interrupted)


def test_ctrl_c_while_tensorrt_speaks_stops_a_build(rtx: Any, tmp_path: Path) -> None:
    """The key itself, in the middle of a call from C++, which swallows exceptions there."""
    file = write_mean_network(tmp_path / "m.onnx", POSE_CARD)
    handler = signal.getsignal(signal.SIGINT)

    def press(phase: str, done: int, total: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build_plan(rtx, file.read_bytes(), SHAPES, way(rtx, "fp32"), OPTIONS, press)

    assert signal.getsignal(signal.SIGINT) is handler


def test_rtx_has_no_timing_cache(rtx: Any, tmp_path: Path) -> None:
    file = write_mean_network(tmp_path / "m.onnx", POSE_CARD)
    options = replace(OPTIONS, timing_cache=tmp_path / "times")

    with pytest.raises(UsageError, match="times nothing while it builds"):
        build_plan(rtx, file.read_bytes(), SHAPES, way(rtx, "fp32"), options)


# ---- other versions, on FAKES: which names, in which order ------------------------------------


@pytest.mark.parametrize("version", ["8.6", "10", "11"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_version_builds_with_the_names_it_has(version: str, precision: Precision) -> None:
    trt = fake(version)

    assert _build(trt, precision, level=5) == PLAN

    assert trt.done[0] == ("network", way(trt, precision).network_flags)
    assert trt.done[-1] == ("build",)
    assert ("memory", "WORKSPACE", 256 << 20) in trt.done
    assert ("profile", "crops", *SHAPES) in trt.done
    assert trt.config.builder_optimization_level == 5
    assert ("preview", "PROFILE_SHARING_0806", True) in trt.done or version != "8.6"


def test_weak_typing_holds_float32_layers_where_the_graph_has_them() -> None:
    trt = fake("8.6")

    _build(trt, "fp16")

    assert [layer.precision for layer in trt.network.layers] == [None, "float32", None]
    assert ("flag", "OBEY_PRECISION_CONSTRAINTS") in trt.done


@pytest.mark.parametrize("version", ["8.6", "10"])
def test_a_calibrator_is_given_to_those_who_have_one(version: str) -> None:
    trt = fake(version)

    build_plan(trt, b"", SHAPES, way(trt, "int8"), OPTIONS, calibrator="ours")

    assert trt.config.int8_calibrator == "ours"
    assert trt.done.index(("flag", "INT8")) < trt.done.index(("calibrate",))


@pytest.mark.parametrize(("version", "steps"), [("8.6", 0), ("10", 5), ("11", 5)])
def test_progress_is_told_where_it_is_known(version: str, steps: int) -> None:
    trt, seen = fake(version), []

    def watch(phase: str, done: int, total: int) -> None:
        seen.append((done, total))

    build_plan(trt, b"", SHAPES, way(trt, "fp32"), OPTIONS, watch)

    assert len(seen) == steps
    assert not steps or (seen[0], seen[-1]) == ((0, 3), (3, 3))


def test_an_error_in_whoever_watches_is_raised_behind_the_build() -> None:
    trt = fake("10")

    def watch(phase: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(trt, b"", SHAPES, way(trt, "fp32"), OPTIONS, watch)
    assert ("build",) not in trt.done


def test_the_parsers_words_are_in_the_error() -> None:
    with pytest.raises(ModelFileError, match=r"Unsupported operator Einsum \(node 7\)"):
        _build(fake("10", parses=False))


def test_what_stopped_a_build_is_in_the_error() -> None:
    with pytest.raises(EngineError, match="built nothing; TensorRT says: No implementation for"):
        _build(fake("10", builds=False))


def test_without_a_driver_8_6_makes_no_builder() -> None:
    trt = fake("8.6")

    def factory(logger: Any) -> Any:
        raise TypeError("pybind11::init(): factory function returned nullptr")

    trt.Builder = factory
    with pytest.raises(EngineError, match=r"made no builder.*main\.py doctor"):
        _build(trt)


@pytest.mark.parametrize("level", [-1, 6])
def test_a_level_that_there_is_not_is_refused(level: int) -> None:
    with pytest.raises(UsageError, match="--level: expected 0 to 5"):
        _build(fake("10"), level=level)


@pytest.mark.parametrize("mib", [-1, 10**12])
def test_a_workspace_that_there_is_not_is_refused(mib: int) -> None:
    with pytest.raises(UsageError, match="--workspace-mib: expected 0 to"):
        BuildOptions(workspace_mib=mib)


def test_a_dla_that_nobody_has_is_refused() -> None:
    with pytest.raises(UsageError, match="--dla-core: expected -1 to"):
        BuildOptions(dla_core=-2)


def test_a_dla_is_used_where_there_is_one() -> None:
    trt = fake("10", dla_cores=2)

    _build(trt, "fp16", dla_core=1)

    assert (trt.config.default_device_type, trt.config.DLA_core) == ("DLA", 1)
    assert ("flag", "GPU_FALLBACK") in trt.done
    with pytest.raises(EngineError, match="this machine has 2 of them"):
        _build(fake("10", dla_cores=2), dla_core=2)


def test_a_timing_cache_is_read_used_and_kept(tmp_path: Path) -> None:
    path, trt = write_cache(tmp_path / "times"), fake("10")

    _build(trt, timing_cache=path)
    _build(trt, timing_cache=tmp_path / "new")

    assert ("timing cache", b"older times", False) in trt.done
    assert path.read_bytes() == b"older times and this build"
    assert (tmp_path / "new").read_bytes() == b" and this build"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new", "times"]


def test_a_timing_cache_of_another_gpu_is_started_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, trt = write_cache(tmp_path / "times"), fake("10", knows_cache=False)

    _build(trt, timing_cache=path)

    assert "another GPU or TensorRT" in caplog.text
    assert path.read_bytes() == b" and this build"


def test_nothing_imports_tensorrt_by_itself() -> None:
    """The builder gets the module; only `tensorrt_library` knows how to load it."""
    for name in ("build_tensorrt", "tensorrt_features", "make_engine", "calibrate"):
        text = Path(importlib.import_module(f"build_engine.{name}").__file__ or "").read_text()
        assert "import tensorrt\n" not in text and "import tensorrt_rtx" not in text
