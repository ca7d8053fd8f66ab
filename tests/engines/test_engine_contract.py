"""What holds for every backend in the table; a new one needs a line in `NETWORKS`.

TensorRT is tried twice: on this machine's GPU, and on a fake one that runs ONNX Runtime, which
proves our side of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines.engine import BACKENDS, open_engine
from engines.engine_cache import cache_folder
from engines.fake_engine import write_fake
from pose.card import ModelCard
from pose.errors import ModelFileError, UsageError
from pose.types import FloatArray
from tests.engines.fake_gpu import install, write_fake_engine
from tests.engines.real_gpu import build_for_this_gpu, skip_without_gpu
from tests.engines.tiny_networks import CARD, write_mean_network

ANY_SIZE = replace(CARD, any_size=True, input_size_wh=(128, 64))


@dataclass(frozen=True)
class Network:
    """How to write a small network for one backend; its answers must differ between pictures."""

    suffix: str
    write: Callable[[Path, ModelCard], object]
    write_without_card: Callable[[Path], object]

    def file(self, folder: Path, name: str, card: ModelCard) -> Path:
        """Write it into a folder; answers where."""
        path = folder / f"{name}{self.suffix}"
        self.write(path, card)
        return path


def from_onnx(
    write_engine: Callable[[Path, Path], Path],
) -> Callable[[Path, ModelCard | None], Path]:
    """How to write an engine of the network that ONNX Runtime is tried with."""

    def write(path: Path, card: ModelCard | None) -> Path:
        onnx = write_mean_network(path.with_suffix(".onnx"), card)
        return write_engine(path, onnx)

    return write


def without_card(path: Path) -> None:
    """A bare TensorRT plan."""
    path.write_bytes(b"ftrt" + bytes(400))


NETWORKS = {
    "onnxruntime": Network(
        ".onnx", write_mean_network, lambda path: write_mean_network(path, None)
    ),
    "fake": Network(
        ".fake",
        lambda path, card: write_fake(path, card, "figures"),
        lambda path: path.write_text('{"answer": "figures"}'),
    ),
    "tensorrt": Network(".engine", from_onnx(build_for_this_gpu), without_card),
    "tensorrt on a fake GPU": Network(".engine", from_onnx(write_fake_engine), without_card),
}
_ON_A_GPU = {"tensorrt"}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.gpu] if name in _ON_A_GPU else [])
        for name in sorted(NETWORKS)
    ]
)
def network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Network:
    """One backend's small network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param in _ON_A_GPU:
        skip_without_gpu()
    elif "fake GPU" in request.param:
        install(monkeypatch, tmp_path)
    return NETWORKS[request.param]


@pytest.fixture
def folder(network: Network) -> Path:
    """Where files are believed: an engine is executable code."""
    return cache_folder()


@pytest.fixture
def file(network: Network, folder: Path) -> Path:
    """Its file."""
    return network.file(folder, "toy", CARD)


def pictures(count: int, card: ModelCard = CARD, size_wh: tuple[int, int] = (64, 32)) -> FloatArray:
    """(N, 3, H, W): a white square on grey, elsewhere in each picture, as the card normalises."""
    width, height = size_wh
    raw = np.full((count, 3, height, width), 114, np.float32)
    for i in range(count):
        raw[i, :, 4 : 12 + i % 5, i % 40 : i % 40 + 10] = 255
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (card.mean, card.std))
    normalised: FloatArray = (raw - mean) / std
    return normalised


def assert_same(a: dict[str, FloatArray], b: dict[str, FloatArray]) -> None:
    """Same names, shapes, dtypes and values, up to the order of additions."""
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype == np.float32
        assert a[name].shape == b[name].shape
        np.testing.assert_allclose(a[name], b[name], atol=1e-5, err_msg=name)


def test_every_backend_is_tried_here() -> None:
    assert {name.partition(" ")[0] for name in NETWORKS} == set(BACKENDS)


def test_card_and_batch_are_known_before_entering(file: Path) -> None:
    engine = open_engine(file, max_batch=3)

    assert (replace(engine.card, built_for={}), engine.max_batch) == (CARD, 3)
    assert str(engine)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_batches_are_split_and_joined_in_order(file: Path, count: int) -> None:
    with open_engine(file, max_batch=3) as engine:
        found = engine.infer(pictures(count))
        one_by_one = [engine.infer(pictures(count)[i : i + 1]) for i in range(count)]
        nobody = engine.infer(pictures(0))

    expected = {
        name: np.concatenate([none, *(one[name] for one in one_by_one)])
        for name, none in nobody.items()
    }
    assert_same(found, expected)
    assert all(len(answer) == count for answer in found.values())


def test_no_pictures_have_the_same_shapes_before_and_after_some(file: Path) -> None:
    with open_engine(file) as engine:
        before = engine.infer(pictures(0))
        some = engine.infer(pictures(2))
        after = engine.infer(pictures(0))

    assert_same(before, after)
    assert {name: a.shape[1:] for name, a in before.items()} == {
        name: a.shape[1:] for name, a in some.items()
    }


def test_answers_belong_to_the_caller(file: Path) -> None:
    batch = pictures(2)
    with open_engine(file) as engine:
        first = engine.infer(batch)
        kept = {name: answer.copy() for name, answer in first.items()}
        second = engine.infer(pictures(5)[3:])
        assert_same(first, kept)
        for answer in [*first.values(), *second.values()]:
            answer[:] = -7
        assert_same(engine.infer(batch), kept)

    np.testing.assert_array_equal(batch, pictures(2))


def test_arrays_with_holes_between_their_rows_are_read_right(file: Path) -> None:
    wide = np.repeat(pictures(3), 2, axis=3)
    with open_engine(file) as engine:
        assert_same(engine.infer(wide[:, :, :, ::2]), engine.infer(pictures(3)))


@pytest.mark.parametrize("size_wh", [(64, 32), (96, 64)])
def test_any_size_takes_every_multiple_of_32(
    network: Network, folder: Path, size_wh: tuple[int, int]
) -> None:
    with open_engine(network.file(folder, "any", ANY_SIZE)) as engine:
        for count in (0, 2, 0):
            found = engine.infer(pictures(count, ANY_SIZE, size_wh))
            assert all(len(answer) == count for answer in found.values())


WRONG = [
    pytest.param(np.zeros((3, 32, 64), np.float32), id="one picture, no batch"),
    pytest.param(np.zeros((1, 1, 32, 64), np.float32), id="grey"),
    pytest.param(np.zeros((1, 3, 64, 32), np.float32), id="height and width swapped"),
    pytest.param(np.zeros((1, 32, 64, 3), np.float32), id="channels last"),
    pytest.param(np.zeros((1, 3, 32, 64), np.float64), id="float64"),
    pytest.param(np.zeros((0, 3, 32, 64), np.uint8), id="bytes, though none"),
]


@pytest.mark.parametrize("batch", WRONG)
def test_a_wrong_batch_is_refused_with_what_was_expected(file: Path, batch: FloatArray) -> None:
    with open_engine(file) as engine, pytest.raises(ValueError, match=r"3, 32, 64.*got \w+ \("):
        engine.infer(batch)


def test_any_size_refuses_other_sides_than_multiples_of_32(network: Network, folder: Path) -> None:
    with open_engine(network.file(folder, "any", ANY_SIZE)) as engine:
        for sides in ((32, 40), (0, 32)):
            with pytest.raises(ValueError, match="multiples of 32"):
                engine.infer(np.zeros((1, 3, *sides), np.float32))


def test_infer_outside_of_with_is_refused_and_entering_again_works(file: Path) -> None:
    engine = open_engine(file)
    with pytest.raises(RuntimeError, match="enter the engine"):
        engine.infer(pictures(1))
    with engine:
        first = engine.infer(pictures(1))
    with pytest.raises(RuntimeError, match="enter the engine"):
        engine.infer(pictures(1))
    with engine:
        assert_same(engine.infer(pictures(1)), first)


@pytest.mark.parametrize(
    "fault", ["absent", "folder", "empty", "text", "bytes", "half", "cardless"]
)
def test_a_file_that_is_no_network_gives_one_clear_line(
    network: Network, file: Path, folder: Path, fault: str
) -> None:
    bad = folder / f"{fault}{network.suffix}"
    content = file.read_bytes()
    if fault == "folder":
        bad.mkdir()
    elif fault == "cardless":
        network.write_without_card(bad)
    elif fault != "absent":
        bad.write_bytes(
            {
                "empty": b"",
                "text": b"this is a letter to my aunt\n" * 40,
                "bytes": bytes(range(256)) * 4,
                "half": content[: len(content) // 2],
            }[fault]
        )

    with pytest.raises(ModelFileError) as caught:
        open_engine(bad)

    assert str(bad) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"threads": -1}, {"max_batch": 0}, {"colour": "red"}])
def test_options_that_make_no_sense_are_a_mistake_of_use(
    file: Path, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match=r"expected|has no option"):
        open_engine(file, **options)


def test_an_option_of_none_is_one_that_nobody_asked_for(file: Path) -> None:
    with open_engine(file, threads=None, providers=None, colour=None) as engine:
        assert engine.infer(pictures(1))
