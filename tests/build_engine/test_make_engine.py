"""From ONNX to an engine file: built for real by TensorRT-RTX, verified on FAKES and on GPUs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import main
from build_engine import make_engine as module
from build_engine.build_tensorrt import BuildOptions
from build_engine.make_engine import Request, flags, make_engine, workspace_mib
from build_engine.precision import converted
from engines.cuda_driver import Driver, Gpu, probe
from engines.engine import open_engine
from engines.engine_cache import cache_folder, onnx_sha256
from engines.engine_file import check_current, read_engine
from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.errors import EngineError, ModelFileError, UsageError
from pose.types import FloatArray
from tests.build_engine.toy_pose import write_pictures, write_toy
from tests.engines.real_gpu import skip_without_gpu
from tests.engines.tiny_networks import POSE_CARD

without_gpu = pytest.mark.skipif(probe().present, reason="there is a GPU here")
HERE = Driver("", "13.0", (Gpu(0, "NVIDIA Fake", "9.0", 8 << 30),), "580.1")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def request_of(tmp_path: Path) -> Request:
    """The toy network in half precision, by TensorRT-RTX, into a file."""
    pytest.importorskip("tensorrt_rtx", reason="needs pip install -e '.[rtx]'")
    return Request(
        onnx=str(write_toy(tmp_path / "toy.onnx", 32)),
        out=tmp_path / "toy.engine",
        backend="tensorrt_rtx",
        options=BuildOptions(batch=(1, 2, 4), level=0),
        pictures_from=write_pictures(tmp_path / "pictures"),
    )


@without_gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_engine_says_what_it_is(request_of: Request, precision: Any) -> None:
    made = make_engine(replace(request_of, precision=precision))

    found = read_engine(made.path)
    assert found.plan[:4] == b"vtrt"
    assert found.card.precision == precision
    assert found.card.skeleton == POSE_CARD.skeleton
    assert found.built_for == made.built_for
    assert (made.built_for.min_shape, made.built_for.max_shape) == ("1x3x64x48", "4x3x64x48")
    assert made.built_for.gpu == made.built_for.verified == ""
    assert (made.graph is None) == (precision == "fp32")
    check_current(made.path, found.built_for, onnx_sha256(Path(request_of.onnx)))


@without_gpu
def test_without_a_gpu_the_command_says_that_nothing_was_verified(
    request_of: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["build", "--onnx", request_of.onnx, "--backend", "tensorrt_rtx", "--level", "0"]
    code = main.main([*words, "--pictures", str(request_of.pictures_from)])

    said = capsys.readouterr().out
    assert code == 0
    assert said.endswith("built, not verified: no GPU here\n")
    assert "fp16 beside fp32, both on ONNX Runtime: same place" in said
    (path,) = cache_folder().iterdir()
    assert f"{path}: " in said
    assert path.name.startswith("toy-fp16-no-gpu-")


@without_gpu
def test_tensorrt_itself_wants_a_gpu_and_says_so_before_any_work(tmp_path: Path) -> None:
    request = Request(onnx=str(write_toy(tmp_path / "toy.onnx")), out=tmp_path / "toy.engine")

    with pytest.raises(EngineError, match=r"on the GPU.*no driver.*--backend tensorrt_rtx"):
        make_engine(request)
    assert not (tmp_path / "toy.engine").exists()


def test_a_file_in_half_is_built_as_it_is(request_of: Request, tmp_path: Path) -> None:
    """A Jetson without `onnx` builds what a PC converted."""
    content, _ = converted(Path(request_of.onnx), POSE_CARD, "fp16", (), request_of.pictures_from)
    (tmp_path / "half.onnx").write_bytes(content)
    half = replace(request_of, onnx=str(tmp_path / "half.onnx"))

    assert make_engine(half).graph is None
    for other in ("fp32", "int8"):
        with pytest.raises(UsageError, match=f"in fp16 already, which cannot become {other}"):
            make_engine(replace(half, precision=other))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"onnx": "nope"}, UsageError, "expected a model's name"),
        ({"out": Path("toy.plan")}, UsageError, r"ending in \.engine"),
        ({"keep": ("Softmax",)}, UsageError, "fits no node"),
        ({"options": BuildOptions(batch=(2, 1, 4))}, UsageError, "MIN <= OPT <= MAX"),
    ],
)
def test_a_mistake_leaves_nothing_behind(
    request_of: Request, changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_engine(replace(request_of, **changed))
    assert not list(Path(request_of.onnx).parent.glob("*.engine*"))


class _Answers:
    """FAKE engine: the ONNX file's answers, changed."""

    def __init__(self, onnx: str, change: float) -> None:
        self._engine, self._change = OnnxRuntimeEngine(Path(onnx)), change
        self.card = self._engine.card

    def __enter__(self) -> _Answers:
        self._engine.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.__exit__(*exc)

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        return {name: value * self._change for name, value in self._engine.infer(batch).items()}


@pytest.mark.parametrize("change", [1.0, float("nan"), -1.0])
def test_only_what_was_compared_gets_its_name(
    request_of: Request, monkeypatch: pytest.MonkeyPatch, change: float
) -> None:
    """A FAKE GPU runs it: same answers pass; NaN and turned ones leave no file."""
    opened: list[Path] = []

    def fake_open(path: Path, **options: Any) -> _Answers:
        opened.append(path)
        assert options == {"trust": True}
        assert read_engine(path).plan[:4] == b"vtrt"
        return _Answers(request_of.onnx, change)

    monkeypatch.setattr(module, "probe", lambda: HERE)
    monkeypatch.setattr(module, "open_engine", fake_open)
    folder = Path(request_of.onnx).parent

    if change == 1.0:
        made = make_engine(request_of)
        assert made.engine is not None and made.engine.likeness == 1
        assert made.built_for.verified.startswith("on NVIDIA Fake: same place 100.0%")
        assert (made.built_for.cuda, made.built_for.driver) == ("13.0", "580.1")
        assert read_engine(made.path).built_for == made.built_for
    else:
        with pytest.raises(ModelFileError, match="not the network that it was built from"):
            make_engine(request_of)
    assert opened == [folder / "toy.unverified.engine"]
    assert [each.name for each in folder.glob("*.engine*")] == ["toy.engine"] * (change == 1.0)


@pytest.mark.parametrize(
    ("gib", "expected"), [(0, 256), (4, 256), (8, 512), (16, 1024), (24, 1536), (80, 4096)]
)
def test_the_workspace_is_chosen_by_the_memory(gib: int, expected: int) -> None:
    assert workspace_mib(gib << 30) == expected


def test_the_line_that_builds_it_again_is_complete() -> None:
    plain = Request(onnx="pose")
    all_of_it = Request(
        "pose", None, "int8", "tensorrt_rtx", BuildOptions((1, 2, 3), 512, 5, 1), ("Add", "Mul"),
        side=640,
    )  # fmt: skip

    assert flags(plain) == "--precision fp16"
    assert flags(all_of_it) == (
        "--precision int8 --backend tensorrt_rtx --side 640 --batch 1 2 3 --workspace-mib 512 "
        "--level 5 --dla-core 1 --keep-fp32 Add Mul"
    )


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["person", "pose"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_engine_on_this_gpu_is_the_network_it_was_built_from(name: str, precision: Any) -> None:
    """The real thing, into a cache of the test's own; `make_engine` compares, or raises."""
    skip_without_gpu()

    made = make_engine(
        Request(onnx=name, precision=precision, options=BuildOptions(batch=(1, 2, 4), level=1))
    )

    assert made.engine is not None and made.engine.finite
    assert made.built_for.verified
    with open_engine(made.path) as engine:
        width, height = engine.card.input_size_wh
        answers = engine.infer(np.zeros((5, 3, height, width), np.float32))
    assert all(len(values) == 5 for values in answers.values())
