"""An engine file says what it is; damaged, foreign or stale it is refused with what to run."""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.engine_file import (
    MAGIC,
    BuiltFor,
    Here,
    check_current,
    check_runs_here,
    read_engine,
    read_header,
    shape_from_text,
    shape_text,
    write_engine,
)
from pose.errors import EngineError, ModelFileError, OutputError
from tests.engines.tiny_networks import POSE_CARD

BUILT_FOR = BuiltFor(
    backend="tensorrt",
    tensorrt="10.13.2.6",
    onnx="pose",
    onnx_sha256="ab" * 32,
    min_shape="1x3x64x48",
    opt_shape="4x3x64x48",
    max_shape="16x3x64x48",
    gpu="NVIDIA H100 80GB HBM3",
    compute_capability="9.0",
    cuda="13.0",
    driver="580.95.05",
    options="--precision fp16 --level 5",
)
HERE = Here("tensorrt", "10.13.2.6", "NVIDIA H100 80GB HBM3", "9.0")
PLAN = bytes(range(256)) * 40
CARD = replace(POSE_CARD, precision="fp16")
REBUILD = r"run: main\.py build --onnx"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_engine(tmp_path / "pose.engine", CARD, BUILT_FOR, PLAN)


@pytest.mark.parametrize("plan", [b"", b"\0", PLAN])
def test_what_was_written_is_read(tmp_path: Path, plan: bytes) -> None:
    path = write_engine(tmp_path / "new" / "pose.engine", CARD, BUILT_FOR, plan)

    found = read_engine(path)

    assert found.plan == plan
    assert found.built_for == BUILT_FOR
    assert found.card == replace(CARD, built_for=asdict(BUILT_FOR))
    assert found.built_for.max_batch == 16
    assert read_header(path) == replace(found, plan=b"")


def test_only_the_owner_may_read_it_and_nothing_else_is_left(path: Path) -> None:
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["pose.engine"]


def test_an_older_engine_is_replaced_in_one_step(path: Path) -> None:
    write_engine(path, CARD, replace(BUILT_FOR, onnx="other"), b"new")

    assert read_engine(path).plan == b"new"
    with pytest.raises(OutputError, match="cannot be written"):
        write_engine(path / "below.engine", CARD, BUILT_FOR, PLAN)  # a file is no folder
    assert read_engine(path).plan == b"new"


@pytest.mark.parametrize("number", range(64))
def test_one_altered_byte_is_refused(path: Path, number: int) -> None:
    """64 places from the first byte to the last, one bit of each."""
    content = bytearray(path.read_bytes())
    content[number * (len(content) - 1) // 63] ^= 1 << number % 8
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=REBUILD):
        read_engine(path)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 11, 12, 43, 44, 45, 300, -len(PLAN), -1])
def test_a_file_that_was_cut_short_is_refused(path: Path, kept: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:kept])

    for reader in (read_engine, read_header):
        with pytest.raises(ModelFileError, match=REBUILD):
            reader(path)


def test_more_bytes_than_were_written_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(ModelFileError, match=r"expected \d+ bytes"):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (b"vtrt" + bytes(100), "a bare TensorRT plan"),
        (b"ftrt" + bytes(100), "a bare TensorRT plan"),
        (b"dear aunt" * 30, "something else"),
        (MAGIC + b"\xff\xff\xff\xff" + bytes(100), "cut short or altered"),
    ],
)
def test_what_is_no_engine_is_called_by_its_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "x.engine"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=f"{message}.*{REBUILD}"):
        read_engine(path)


@pytest.mark.parametrize("name", ["absent.engine", "."])
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="expected an engine"):
        read_engine(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise_anything_else(tmp_path: Path, content: bytes, magic: bool) -> None:
    path = tmp_path / "x.engine"
    path.write_bytes((MAGIC if magic else b"") + content)

    with pytest.raises(ModelFileError):
        read_engine(path)


@pytest.mark.parametrize("missing", [field for field in asdict(BUILT_FOR) if field[:3] != "dri"])
def test_a_card_of_another_version_is_refused_and_not_guessed(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = {key: value for key, value in asdict(BUILT_FOR).items() if key != missing}
    monkeypatch.setattr("engines.engine_file.asdict", lambda _: written)
    path = write_engine(tmp_path / "x.engine", CARD, BUILT_FOR, PLAN)
    if missing in ("gpu", "compute_capability", "cuda", "options", "verified"):
        assert getattr(read_engine(path).built_for, missing) == ""
        return

    with pytest.raises(ModelFileError, match=f"does not say what it was built for.*{REBUILD}"):
        read_engine(path)


def test_it_runs_where_it_was_built_for(path: Path) -> None:
    check_runs_here(path, BUILT_FOR, HERE)
    check_current(path, BUILT_FOR, "ab" * 32)


@pytest.mark.parametrize(
    ("here", "message"),
    [
        (replace(HERE, tensorrt="10.13.2.7"), "with tensorrt 10.13.2.6, here is 10.13.2.7"),
        (replace(HERE, backend="tensorrt_rtx"), "for tensorrt, here is tensorrt_rtx"),
        (replace(HERE, gpu="NVIDIA H200"), "for NVIDIA H100 80GB HBM3, here is NVIDIA H200"),
        (replace(HERE, compute_capability="8.9"), "compute capability 9.0, here is 8.9"),
        (replace(HERE, gpu="", compute_capability=""), "here is none"),
    ],
)
def test_elsewhere_it_is_refused_with_the_line_that_builds_it_again(
    path: Path, here: Here, message: str
) -> None:
    line = f"run: main.py build --onnx pose --out {path} --precision fp16 --level 5"
    with pytest.raises(EngineError, match=message) as caught:
        check_runs_here(path, BUILT_FOR, here)
    assert str(caught.value).endswith(line)


def test_a_plan_for_any_gpu_runs_on_any(path: Path) -> None:
    """TensorRT-RTX finishes its plans on the GPU that runs them."""
    check_runs_here(path, replace(BUILT_FOR, gpu="", compute_capability=""), HERE)


def test_a_stale_engine_is_refused(path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"another pose.*abababababab….*{REBUILD} pose"):
        check_current(path, BUILT_FOR, "cd" * 32)


@pytest.mark.parametrize("shape", [(1,), (16, 3, 256, 192)])
def test_shapes_go_through_text(shape: tuple[int, ...]) -> None:
    assert shape_from_text(shape_text(shape)) == shape
