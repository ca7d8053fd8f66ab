"""Models that ship are found by name and compared with their checksums."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from model_zoo.zoo import CHECKSUMS, DEFAULT_FOLDER, MODELS, card_of, model_path, write_checksums
from pose.errors import ModelFileError, UsageError
from tests.engines.tiny_networks import CARD, POSE_CARD, write_mean_network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `default/` is, with tiny models."""
    write_mean_network(tmp_path / "person.onnx", CARD)
    write_mean_network(tmp_path / "pose.onnx", POSE_CARD)
    write_mean_network(tmp_path / "pose-lite.onnx", POSE_CARD)
    write_checksums(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODELS)
def test_a_name_gives_the_file_that_ships_and_its_card(folder: Path, name: str) -> None:
    assert model_path(name, folder) == folder / f"{name}.onnx"
    assert card_of(name, folder) == (CARD if name == "person" else POSE_CARD)


def test_a_path_gives_that_file_whatever_it_is_called(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mean_network(folder / "pose", CARD)
    monkeypatch.chdir(folder)

    assert model_path("./pose", folder) == Path("pose")
    assert card_of("./pose", folder) == CARD
    assert model_path(folder / "person.onnx", folder) == folder / "person.onnx"


@pytest.mark.parametrize("name", ["", "poses", "Pose", "resnet"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"\(person, pose, pose-lite\)"):
        model_path(name)


@pytest.mark.parametrize("name", ["absent.onnx", "no/such/model", "here.d"])
def test_a_path_to_nothing_is_an_input_that_cannot_be_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here.d").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelFileError, match=r"found (nothing|a folder)"):
        model_path(name)


def test_a_changed_file_is_noticed_until_its_checksum_is_written_again(folder: Path) -> None:
    model_path("pose", folder)
    write_mean_network(folder / "pose.onnx", CARD)  # another card: another file

    with pytest.raises(ModelFileError, match="expected the file that was shipped"):
        model_path("pose", folder)
    write_checksums(folder)
    assert card_of("pose", folder) == CARD


def test_an_absent_model_and_an_absent_checksum_say_what_to_do(folder: Path) -> None:
    (folder / CHECKSUMS).write_text("0" * 64 + "  person.onnx\n")
    with pytest.raises(ModelFileError, match=r"write_checksums\(\)"):
        model_path("pose", folder)
    (folder / CHECKSUMS).unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        model_path("pose", folder)
    (folder / "pose.onnx").unlink()
    with pytest.raises(ModelFileError, match=r"not in this copy.*main\.py train"):
        model_path("pose", folder)


def test_card_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.onnx").write_text("dear aunt")

    with pytest.raises(ModelFileError, match=r"letter\.onnx: expected an ONNX model"):
        card_of(tmp_path / "letter.onnx")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_sha256sum_reads_our_checksums(folder: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", CHECKSUMS],
        cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip

    assert done.stdout == "person.onnx: OK\npose-lite.onnx: OK\npose.onnx: OK\n"


@pytest.mark.parametrize("name", MODELS)
def test_what_ships_is_whole_and_carries_its_story(name: str) -> None:
    if not (DEFAULT_FOLDER / MODELS[name].file).exists():
        pytest.skip(f"{MODELS[name].file} is not trained yet")
    card = card_of(name)

    assert card.task == ("person" if name == "person" else "pose")
    told = (
        "data",
        "initialisation",
        "teacher",
        "licence",
        "training",
        "command",
        "time_spent",
        "limits",
    )
    for story in told:
        assert getattr(card, story), f"the card of {name} says nothing about: {story}"
    assert card.measured


def test_what_ships_is_small() -> None:
    sizes = [path.stat().st_size for path in DEFAULT_FOLDER.glob("*.onnx")]

    assert len(sizes) == len(MODELS)
    assert max(sizes) < 6e6
