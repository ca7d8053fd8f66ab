"""Engines are found again for the same model, GPU, TensorRT and precision, and only ours run."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from engines.engine_cache import cache_folder, cached_engine, check_trusted, find_cached
from engines.engine_file import Here
from pose.errors import EngineError, ModelFileError, OutputError

HERE = Here("tensorrt", "11.4.0.106", "NVIDIA GeForce RTX 4090", "8.9")
posix = pytest.mark.skipif(os.name != "posix", reason="rights as POSIX has them")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    path = tmp_path / "pose.onnx"
    path.write_bytes(b"a network")
    return path


@posix
def test_the_folder_is_for_its_owner_alone(home: Path) -> None:
    folder = cache_folder()

    assert folder == home / "cascaded-pose" / "engines"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o720])
def test_a_folder_that_others_could_write_is_refused(mode: int) -> None:
    cache_folder().chmod(mode)

    with pytest.raises(EngineError, match="only you can write"):
        cache_folder()


@posix
def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)

    with pytest.raises(EngineError, match="only you can write"):
        cache_folder()


def test_a_link_to_elsewhere_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (home / "cascaded-pose").mkdir(parents=True)
    (home / "cascaded-pose" / "engines").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(EngineError, match="only you can write"):
        cache_folder()


def test_a_place_without_room_for_a_folder_is_an_output_error(home: Path) -> None:
    home.write_text("a file")

    with pytest.raises(OutputError, match="cannot be made"):
        cache_folder()


def test_without_the_variable_it_lies_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert cache_folder("kernels") == tmp_path / ".cache" / "cascaded-pose" / "kernels"


def test_an_engine_is_found_again(onnx: Path) -> None:
    assert find_cached(onnx, "fp16", HERE) is None

    cached_engine(onnx, "fp16", HERE).write_bytes(b"an engine")

    assert find_cached(onnx, "fp16", HERE) == cached_engine(onnx, "fp16", HERE)
    assert cached_engine(onnx, "fp16", HERE).name.startswith("pose-fp16-nvidia-geforce-rtx-4090-")


def test_whatever_it_was_built_for_is_in_its_name(onnx: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed" / "pose.onnx"
    changed.parent.mkdir()
    changed.write_bytes(b"a network, trained on")
    places = {
        cached_engine(onnx, "fp16", HERE),
        cached_engine(onnx, "int8", HERE),
        cached_engine(changed, "fp16", HERE),
        *(
            cached_engine(onnx, "fp16", replace(HERE, **{field: "another"}))
            for field in ("backend", "tensorrt", "gpu", "compute_capability")
        ),
    }

    assert len(places) == 7


def test_a_network_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="expected a network file"):
        find_cached(tmp_path / "absent.onnx", "fp16", HERE)


def test_an_engine_of_the_cache_is_believed() -> None:
    path = cache_folder() / "pose.engine"
    path.write_bytes(b"an engine")
    path.chmod(0o600)

    check_trusted(path, trust=False)


def test_an_engine_from_elsewhere_wants_the_users_word(tmp_path: Path) -> None:
    path = tmp_path / "pose.engine"
    path.write_bytes(b"an engine")

    with pytest.raises(EngineError, match=r"executable code: pass --trust.*main\.py build"):
        check_trusted(path, trust=False)
    check_trusted(path, trust=True)


@posix
def test_an_engine_that_others_could_have_written_is_not_believed() -> None:
    path = cache_folder() / "pose.engine"
    path.write_bytes(b"an engine")
    path.chmod(0o666)

    with pytest.raises(EngineError, match="executable code"):
        check_trusted(path, trust=False)


def test_a_link_out_of_the_cache_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "theirs.engine").write_bytes(b"an engine")
    link = cache_folder() / "pose.engine"
    link.symlink_to(tmp_path / "theirs.engine")

    with pytest.raises(EngineError, match="executable code"):
        check_trusted(link, trust=False)


def test_an_engine_that_is_not_there_is_the_readers_to_tell(tmp_path: Path) -> None:
    check_trusted(tmp_path / "absent.engine", trust=False)
