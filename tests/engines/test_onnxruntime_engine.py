"""What only the ONNX Runtime backend does: providers, graphs of odd shapes, scarce memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.errors import EngineError, ModelFileError
from tests.engines.tiny_networks import CARD, mean_nodes, model, write_mean_network, write_model

ANSWERS = [("small", TensorProto.FLOAT, None), ("mean", TensorProto.FLOAT, None)]


def test_no_session_is_made_before_entering(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []
    real = onnxruntime.InferenceSession

    def counting(*args: object, **kwargs: object) -> object:
        made.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", counting)
    engine = OnnxRuntimeEngine(write_mean_network(tmp_path / "m.onnx"))
    assert not made
    with engine:
        assert len(made) == 1


def test_means_are_means(tmp_path: Path, rng: np.random.Generator) -> None:
    batch = rng.standard_normal((3, 3, 32, 64), np.float32)

    with OnnxRuntimeEngine(write_mean_network(tmp_path / "m.onnx"), max_batch=2) as engine:
        found = engine.infer(batch)

    np.testing.assert_allclose(found["mean"], batch.mean(axis=(2, 3)), atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("spin", [True, False])
def test_threads_change_no_answer(tmp_path: Path, threads: int, spin: bool) -> None:
    path = write_mean_network(tmp_path / "m.onnx")
    with OnnxRuntimeEngine(path, threads=threads, spin=spin) as engine:
        found = engine.infer(np.ones((2, 3, 32, 64), np.float32))

    np.testing.assert_allclose(found["mean"], np.ones((2, 3)), atol=1e-6)
    assert f"{threads} thread" in str(engine)


@pytest.mark.parametrize("name", ["cpu", "CPU", "CPUExecutionProvider"])
def test_providers_go_by_short_and_long_names(tmp_path: Path, name: str) -> None:
    path = write_mean_network(tmp_path / "m.onnx")
    with OnnxRuntimeEngine(path, providers=[name]) as engine:
        assert "(CPU" in str(engine)


def test_an_absent_provider_is_never_replaced_in_silence(tmp_path: Path) -> None:
    path = write_mean_network(tmp_path / "m.onnx")

    with pytest.raises(EngineError, match=r"\(.*cpu.*\), got 'abacus'"):
        OnnxRuntimeEngine(path, providers=["abacus", "cpu"])


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_a_graph_with_a_fixed_batch_takes_any_number(tmp_path: Path, count: int) -> None:
    batch = np.arange(count, dtype=np.float32)[:, None, None, None] * np.ones((3, 32, 64), "f4")
    path = write_mean_network(tmp_path / "m.onnx", batch=4)

    with OnnxRuntimeEngine(path) as engine:
        found = engine.infer(batch)["mean"]

    assert engine.max_batch == 4
    np.testing.assert_allclose(found, np.repeat(np.arange(count)[:, None], 3, 1), atol=1e-5)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT64])
def test_answers_of_other_kinds_become_float32(tmp_path: Path, kind: int) -> None:
    nodes = [*mean_nodes(), helper.make_node("Cast", ["mean"], ["cast"], to=kind)]
    made = model(nodes, ("n", 3, 32, 64), [("cast", kind, None)])

    with OnnxRuntimeEngine(write_model(tmp_path / "m.onnx", made)) as engine:
        found = engine.infer(np.full((2, 3, 32, 64), 3, np.float32))["cast"]

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.full((2, 3), 3), atol=1e-2)


@pytest.mark.parametrize(
    ("shape", "kind", "any_size"),
    [
        (("n", 3, 64, 32), TensorProto.FLOAT, False),  # not the card's size
        (("n", 1, 32, 64), TensorProto.FLOAT, False),
        (("n", 3, 32), TensorProto.FLOAT, False),
        (("n", 3, 32, 64), TensorProto.FLOAT16, False),
        (("n", 3, 32, 64), TensorProto.FLOAT, True),  # the graph has one size only
    ],
)
def test_a_graph_that_belies_its_card_is_refused(
    tmp_path: Path, shape: tuple[int | str, ...], kind: int, any_size: bool
) -> None:
    made = model(
        [helper.make_node("Identity", ["frames"], ["out"])],
        shape,
        [("out", kind, None)],
        replace(CARD, any_size=any_size),
        input_kind=kind,
    )
    engine = OnnxRuntimeEngine(write_model(tmp_path / "m.onnx", made))

    with pytest.raises(ModelFileError, match=r"expected one input|the card says"), engine:
        pass


def test_an_answer_without_a_batch_axis_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceMean", ["frames"], ["mean"], keepdims=0)]
    made = model(nodes, ("n", 3, 32, 64), [("mean", TensorProto.FLOAT, ())])

    with (
        OnnxRuntimeEngine(write_model(tmp_path / "m.onnx", made)) as engine,
        pytest.raises(ModelFileError, match="'mean' with 2 as first axis"),
    ):
        engine.infer(np.ones((2, 3, 32, 64), np.float32))


def test_an_operator_that_nobody_has_is_one_clear_line(tmp_path: Path) -> None:
    nodes = [helper.make_node("Soothsay", ["frames"], ["out"], domain="nowhere")]
    made = model(nodes, ("n", 3, 32, 64), [("out", TensorProto.FLOAT, None)])
    made.opset_import.append(helper.make_opsetid("nowhere", 1))
    engine = OnnxRuntimeEngine(write_model(tmp_path / "m.onnx", made))

    with pytest.raises((EngineError, ModelFileError), match=r"m\.onnx.*Soothsay") as caught, engine:
        pass
    assert "\n" not in str(caught.value)


def test_a_graph_that_never_makes_what_it_promises_is_refused(tmp_path: Path) -> None:
    made = model(mean_nodes(), ("n", 3, 32, 64), ANSWERS)
    del made.graph.node[0]  # `small` is promised but never made
    engine = OnnxRuntimeEngine(write_model(tmp_path / "m.onnx", made))

    with pytest.raises((EngineError, ModelFileError), match="ONNX Runtime cannot"), engine:
        pass


# One picture becomes 24 MiB on its way through, so eight are 192.
_SCARCE = """
import logging, resource, sys
from pathlib import Path
import numpy as np
from engines.onnxruntime_engine import OnnxRuntimeEngine
from pose.errors import EngineError

logging.basicConfig(stream=sys.stdout, format="%(message)s")
batch = np.arange(9, dtype=np.float32)[:, None, None, None] * np.ones((3, 32, 64), np.float32)
with OnnxRuntimeEngine(Path(sys.argv[1]), threads=1, max_batch=8) as engine:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + int(sys.argv[2]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        print("means", engine.infer(batch)["mean"][:, 0].tolist(), engine.max_batch)
    except EngineError as error:
        print("error", error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS and /proc")
@pytest.mark.parametrize("spare_mib", [12, 170])
def test_scarce_memory_halves_the_batch_before_it_gives_up(tmp_path: Path, spare_mib: int) -> None:
    repeats = np.array([1, 1, 32, 32], np.int64)
    nodes = [
        helper.make_node("Constant", [], ["repeats"], value_ints=repeats.tolist()),
        helper.make_node("Tile", ["frames", "repeats"], ["huge"]),
        helper.make_node("ReduceMean", ["huge"], ["mean"], axes=[2, 3], keepdims=0),
    ]
    made = model(nodes, ("n", 3, 32, 64), [("mean", TensorProto.FLOAT, None)])
    path = write_model(tmp_path / "m.onnx", made)

    done = subprocess.run(
        [sys.executable, "-c", _SCARCE, str(path), str(spare_mib)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert "runs 4 pictures at a time" in done.stdout
    assert done.stderr == ""
    if spare_mib == 12:
        assert "error the memory does not hold one picture of toy (3, 32, 64)" in done.stdout
    else:
        means, max_batch = done.stdout.splitlines()[-1].removeprefix("means ").rsplit(" ", 1)
        assert means == str([float(i) for i in range(9)])
        assert int(max_batch) < 8
