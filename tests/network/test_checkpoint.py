"""Checkpoints: what is torn is refused, and what cannot be written leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from network import checkpoint
from pose.errors import InputError, OutputError


@pytest.mark.parametrize("numbers", [10, 1_000_000])
def test_a_full_disc_is_an_output_error_and_leaves_what_was_there(
    tmp_path: Path, numbers: int
) -> None:
    """The real thing: torch writes into a device without room, small and beyond its buffers."""
    checkpoint.save(tmp_path / "best.pt", {"step": 1})
    (tmp_path / "best.pt.part").symlink_to("/dev/full")

    with pytest.raises(OutputError, match=r"checkpoint .*best\.pt: .* disc full") as refused:
        checkpoint.save(tmp_path / "best.pt", {"a": torch.zeros(numbers)})

    assert "enforce" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]
    assert checkpoint.load(tmp_path / "best.pt") == {"step": 1}


def test_a_file_where_a_folder_belongs_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(OutputError, match="could not write the checkpoint"):
        checkpoint.save(tmp_path / "file" / "best.pt", {})
    assert (tmp_path / "file").read_text() == "no folder"


def test_what_was_damaged_on_the_way_is_refused(tmp_path: Path) -> None:
    """torch itself reads it without a word: the numbers are others, the archive is whole."""
    path = tmp_path / "best.pt"
    checkpoint.save(path, {"network": {"weight": torch.zeros(10_000)}})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 50] = bytes(255 - byte for byte in content[middle : middle + 50])
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["network"]["weight"].any()

    with pytest.raises(InputError, match=r"data/0 in it is damaged; copy it again"):
        checkpoint.load(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_anywhere_is_an_input_error_or_does_not_matter(
    tmp_path: Path, zipped: bool, rng: Any
) -> None:
    path = tmp_path / "best.pt"
    state = {"network": {"weight": torch.ones(3)}, "step": 3}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()

    for trial in range(150):
        content = bytearray(whole)
        at = int(rng.integers(len(content)))
        if trial % 3:
            content[at] ^= int(rng.integers(1, 256))
        path.write_bytes(content if trial % 3 else content[:at])
        try:
            found = checkpoint.load(path)
        except InputError as error:
            assert "\n" not in str(error) and not str(error).rstrip().endswith((":", "but"))
        else:
            if zipped and trial % 3:
                torch.testing.assert_close(found, state)


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    "odd", [torch.zeros(3, 2).to_sparse(), torch.empty(3, 2, device="meta"), None, 7]
)
def test_what_is_no_plain_tensor_fills_nothing(odd: object) -> None:
    network = nn.Linear(2, 3, bias=False)
    before = network.weight.clone()

    with pytest.raises(InputError, match="1 of its 1 tensors are not in it"):
        checkpoint.fill(network, {"weight": odd}, Path("x.pt"))
    assert torch.equal(network.weight, before)
