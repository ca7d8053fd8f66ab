"""A card goes into an ONNX file and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from build_engine.onnx_card import attach_card, write_bytes
from pose.card import ModelCard
from pose.errors import ModelFileError, OutputError
from pose.onnx_header import card_in_onnx
from tests.engines.tiny_networks import CARD, write_mean_network

MEASURED = replace(CARD, measured={"AP on toys": 0.5})


@pytest.mark.parametrize("before", [None, CARD])
@pytest.mark.parametrize("target", ["m.onnx", "other.onnx"])
def test_a_card_is_attached_or_replaced(
    tmp_path: Path, before: ModelCard | None, target: str
) -> None:
    source = write_mean_network(tmp_path / "m.onnx", before)
    model = onnx.load(source)

    written = attach_card(source, MEASURED, tmp_path / target)

    assert card_in_onnx(written.read_bytes(), "m") == MEASURED
    now = onnx.load(written)
    assert now.graph == model.graph
    others = {prop.key for prop in model.metadata_props} | {"pose_model_card"}
    assert {prop.key for prop in now.metadata_props} == others
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("content", [None, b"", b"dear aunt"])
def test_what_is_no_onnx_gets_no_card(tmp_path: Path, content: bytes | None) -> None:
    source, target = tmp_path / "m.onnx", tmp_path / "out.onnx"
    if content is not None:
        source.write_bytes(content)

    with pytest.raises(ModelFileError, match="expected an ONNX model"):
        attach_card(source, CARD, target)
    assert not target.exists()


def test_weights_in_other_files_are_not_followed(tmp_path: Path) -> None:
    source = write_mean_network(tmp_path / "m.onnx", None)
    onnx.save(onnx.load(source), source, save_as_external_data=True, size_threshold=0)

    with pytest.raises(ModelFileError, match="external data"):
        attach_card(source, CARD, tmp_path / "out.onnx")


@pytest.mark.parametrize("place", ["file/m.onnx", "file/deeper/m.onnx"])
def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path, place: str) -> None:
    source = write_mean_network(tmp_path / "m.onnx")
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(OutputError, match="cannot be written"):
        attach_card(source, CARD, tmp_path / place)
    assert (tmp_path / "file").read_text() == "no folder"


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    source = write_mean_network(tmp_path / "m.onnx")

    assert attach_card(source, CARD, tmp_path / "a" / "b" / "m.onnx").is_file()


def test_a_full_disc_leaves_nothing_of_a_file(tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"yesterday's")
    (tmp_path / "m.onnx.part").symlink_to("/dev/full")

    with pytest.raises(OutputError, match="No space left"):
        write_bytes(b"x" * 100_000, target)

    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert target.read_bytes() == b"yesterday's"
