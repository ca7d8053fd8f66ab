"""The order of our calls to TensorRT and CUDA, against fakes of both: it proves nothing of theirs.

What holds for every backend stands in `test_engine_contract.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import tensorrt_session
from engines.engine import open_engine
from engines.tensorrt_engine import TensorRtEngine
from pose.errors import EngineError, ModelFileError
from tests.engines.fake_gpu import FakeGpu, cached, install, write_fake_engine
from tests.engines.test_engine_contract import pictures
from tests.engines.tiny_networks import write_mean_network


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGpu]:
    """Whatever a test does, all is let go of, and TensorRT's part before the context is gone."""
    fake = install(monkeypatch, tmp_path)
    yield fake
    assert fake.living == 0
    assert not [call for call in fake.calls if "TOO LATE" in call]


@pytest.fixture
def file(gpu: FakeGpu, tmp_path: Path) -> Path:
    return write_fake_engine(cached("toy.engine"), write_mean_network(tmp_path / "toy.onnx"))


def in_a_thread(work: Callable[[], object]) -> None:
    """Run to the end in another thread; what it raises is raised here."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def positions(gpu: FakeGpu, *names: str) -> list[int]:
    """Where the first call of each name stands in the trace."""
    calls = [call.partition(" ")[2] for call in gpu.calls]
    return [calls.index(name) for name in names]


def test_the_context_is_there_before_anything_and_goes_after_everything(
    gpu: FakeGpu, file: Path
) -> None:
    with TensorRtEngine(file) as engine:
        engine.infer(pictures(2))

    order = positions(
        gpu, "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuStreamCreate", "deserialise",
        "context", "cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2", "execute 2", "cuMemcpyDtoHAsync_v2",
        "cuStreamSynchronize", "plan gone", "cuMemFree_v2", "cuMemFreeHost", "cuStreamDestroy_v2",
        "cuCtxPopCurrent_v2", "cuDevicePrimaryCtxRelease_v2",
    )  # fmt: skip
    assert order == sorted(order)


def test_everything_happens_in_the_thread_that_entered(gpu: FakeGpu, file: Path) -> None:
    engine = open_engine(file)  # here: no call yet
    assert [call for call in gpu.calls if "cuInit" not in call] == []

    def work() -> None:
        with engine:
            engine.infer(pictures(1))

    in_a_thread(work)

    numbers = {call.partition(" ")[0] for call in gpu.calls if "cuInit" not in call}
    assert len(numbers) == 1


def test_use_in_another_thread_is_refused(gpu: FakeGpu, file: Path) -> None:
    with TensorRtEngine(file) as engine:
        with pytest.raises(RuntimeError, match="entered in one thread and used in another"):
            in_a_thread(lambda: engine.infer(pictures(1)))
        assert engine.infer(pictures(1))


def test_threads_share_one_plan_and_have_a_context_each(gpu: FakeGpu, file: Path) -> None:
    inside = threading.Barrier(2, timeout=30)

    def work() -> None:
        with TensorRtEngine(file) as engine:
            inside.wait()
            engine.infer(pictures(1))
            inside.wait()

    def other() -> None:
        in_a_thread(work)

    helper = threading.Thread(target=other)
    helper.start()
    work()
    helper.join()

    assert gpu.trt.deserialised == 1
    assert sum("cuStreamCreate" in call for call in gpu.calls) == 2
    assert gpu.living == 0
    with TensorRtEngine(file):  # the last one has let go of it
        assert gpu.trt.deserialised == 2


def test_each_batch_size_is_recorded_at_its_second_run_and_then_replayed(
    gpu: FakeGpu, file: Path
) -> None:
    with TensorRtEngine(file) as engine:
        for _ in range(4):
            for count in (2, 3):
                batch = pictures(count)
                answer = engine.infer(batch)["mean"]
                np.testing.assert_allclose(answer, batch.mean(axis=(2, 3)), atol=1e-5)

    assert sum("BeginCapture" in call for call in gpu.calls) == 2
    assert sum("cuGraphLaunch" in call for call in gpu.calls) == 6
    # Per size: once plainly, once while it is recorded, never again.
    assert sum("execute" in call for call in gpu.calls) == 4


def test_without_graphs_nothing_is_recorded(gpu: FakeGpu, file: Path) -> None:
    with TensorRtEngine(file, cuda_graph=False) as engine:
        for _ in range(3):
            engine.infer(pictures(2))

    assert not [call for call in gpu.calls if "Capture" in call or "Graph" in call]
    assert sum("execute 2" in call for call in gpu.calls) == 3
    assert sum(call.endswith(" context") for call in gpu.calls) == 1


@pytest.mark.parametrize("call", ["cuStreamEndCapture", "cuMemcpyDtoHAsync_v2"])
def test_what_cannot_be_recorded_runs_plainly(gpu: FakeGpu, file: Path, call: str) -> None:
    batch = pictures(2)
    with TensorRtEngine(file) as engine:
        engine.infer(batch)
        gpu.fail(call, 901)
        for _ in range(3):
            answer = engine.infer(batch)["mean"]
            np.testing.assert_allclose(answer, batch.mean(axis=(2, 3)), atol=1e-5)

    assert not [call for call in gpu.calls if "cuGraphLaunch" in call]


def test_batch_sizes_beyond_the_room_for_graphs_share_a_context(
    gpu: FakeGpu, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_session, "_MOST_GRAPHS", 2)
    with TensorRtEngine(file) as engine:
        for count in (1, 2, 3, 4, 3, 4, 1, 3):
            batch = pictures(count)
            answer = engine.infer(batch)["mean"]
            np.testing.assert_allclose(answer, batch.mean(axis=(2, 3)), atol=1e-5)

    assert sum(call.endswith(" context") for call in gpu.calls) == 3


def test_a_plan_that_shares_no_profile_runs_without_graphs(
    gpu: FakeGpu, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """TensorRT 8.6, unless the plan was built to share."""
    gpu.trt.shares_profiles = False
    with TensorRtEngine(file) as engine:
        for count in (1, 2, 1, 2):
            assert len(engine.infer(pictures(count))["mean"]) == count

    assert not [call for call in gpu.calls if "Capture" in call]
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno >= 30)
    assert "no CUDA graphs for further batch sizes" in warning
    assert "Profile 0 has been picked by another" in warning


# ---- a full GPU --------------------------------------------------------------------------------


def test_a_small_gpu_gets_smaller_batches(
    gpu: FakeGpu, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = 4 * (3 * 32 * 64 + 3 * 4 * 8 + 3)  # bytes of a picture and its answers
    gpu.limit(5 * one)
    with TensorRtEngine(file) as engine:
        assert engine.max_batch == 4  # 16, 8, 4
        assert len(engine.infer(pictures(9))["mean"]) == 9

    assert "now runs 4 pictures at a time" in caplog.text


def test_a_gpu_that_does_not_hold_one_picture_says_so_in_one_line(gpu: FakeGpu, file: Path) -> None:
    gpu.limit(1000)
    with pytest.raises(EngineError, match=r"FAKE GPU does not hold .*OUT_OF_MEMORY.*close other"):
        TensorRtEngine(file).__enter__()


def test_a_gpu_that_is_full_while_running_halves_the_batch(
    gpu: FakeGpu, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.trt.full_beyond = 2
    batch = pictures(8)
    with TensorRtEngine(file) as engine:
        answer = engine.infer(batch)["mean"]
        assert engine.max_batch == 2

    np.testing.assert_allclose(answer, batch.mean(axis=(2, 3)), atol=1e-5)
    gpu.trt.full_beyond = 0
    with TensorRtEngine(file) as engine, pytest.raises(EngineError, match="one picture"):
        engine.infer(batch)


# ---- errors ------------------------------------------------------------------------------------


def test_tensorrts_own_words_are_in_our_errors(gpu: FakeGpu, file: Path) -> None:
    gpu.trt.fails_to_run = "enqueueV3: Error Code 1: Cuda Runtime (an illegal address)"
    with (
        TensorRtEngine(file) as engine,
        pytest.raises(EngineError, match=r"failed to run; TensorRT says: .*illegal address"),
    ):
        engine.infer(pictures(1))


def test_a_plan_that_tensorrt_refuses_names_the_line_that_rebuilds_it(
    gpu: FakeGpu, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.engines.fake_gpu._PLAN", b"another version's plan")
    with pytest.raises(EngineError, match=r"run: main.py build .*Version tag does not match"):
        TensorRtEngine(file).__enter__()


@pytest.mark.parametrize(
    ("built_for", "says"),
    [
        ({"gpu": "Tesla T4"}, "for Tesla T4, here is FAKE GPU"),
        ({"compute_capability": "7.5"}, "compute capability 7.5, here is 9.0"),
        ({"tensorrt": "8.6.0"}, "with tensorrt 8.6.0, here is 10.3.0"),
    ],
)
def test_a_foreign_plan_never_reaches_tensorrt(
    gpu: FakeGpu, tmp_path: Path, built_for: dict[str, Any], says: str
) -> None:
    onnx = write_mean_network(tmp_path / "toy.onnx")
    foreign = write_fake_engine(cached("foreign.engine"), onnx, **built_for)

    with pytest.raises(EngineError, match=says + "; run: main.py build"):
        TensorRtEngine(foreign).__enter__()

    assert gpu.trt.deserialised == 0


def test_an_altered_plan_never_reaches_tensorrt(gpu: FakeGpu, file: Path) -> None:
    engine = TensorRtEngine(file)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(ModelFileError, match="altered"):
        engine.__enter__()

    assert gpu.trt.deserialised == 0


def test_a_plan_from_elsewhere_needs_the_users_word(gpu: FakeGpu, tmp_path: Path) -> None:
    onnx = write_mean_network(tmp_path / "toy.onnx")
    elsewhere = write_fake_engine(tmp_path / "toy.engine", onnx)

    with pytest.raises(EngineError, match="executable code"):
        TensorRtEngine(elsewhere).__enter__()
    assert gpu.trt.deserialised == 0
    with TensorRtEngine(elsewhere, trust=True) as engine:
        assert engine.infer(pictures(1))


def test_without_a_driver_tensorrt_is_not_touched(
    gpu: FakeGpu, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end the process."""
    monkeypatch.setattr("engines.cuda_driver.LIBRARY", "libno-such-driver.so")
    monkeypatch.setattr("importlib.import_module", pytest.fail)
    with pytest.raises(EngineError, match="TensorRT needs a GPU: no driver"):
        TensorRtEngine(file).__enter__()


def test_an_error_of_the_gpu_has_its_name_and_frees_everything(gpu: FakeGpu, file: Path) -> None:
    gpu.fail("cuStreamSynchronize", 700)
    with (
        pytest.raises(EngineError, match=r"cuStreamSynchronize: CUDA_ERROR_FAKE \(700\)"),
        TensorRtEngine(file) as engine,
    ):
        engine.infer(pictures(1))


@pytest.mark.parametrize(
    "call", ["cuCtxPushCurrent_v2", "cuStreamCreate", "cuMemAlloc_v2", "cuMemHostAlloc"]
)
def test_nothing_is_left_behind_when_entering_fails(gpu: FakeGpu, file: Path, call: str) -> None:
    engine = TensorRtEngine(file)
    gpu.fail(call, 999)
    with pytest.raises(EngineError, match=call):
        engine.__enter__()

    assert gpu.living == 0
    with engine:  # and it can be tried again
        assert engine.infer(pictures(1))
