"""What is kept between runs is whole, and used only for what it was made of."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from evaluation.kept_arrays import digest, read_arrays, write_arrays
from pose.errors import OutputError

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "none": np.empty((0, 4), np.float32)}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_arrays(tmp_path / "new" / "x.npz", ARRAYS, digest("people"))

    found = read_arrays(tmp_path / "new" / "x.npz", digest("people"))

    assert found is not None and set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    assert os.listdir(tmp_path / "new") == ["x.npz"]


def test_others_than_they_were_made_of_get_nothing(tmp_path: Path) -> None:
    write_arrays(tmp_path / "x.npz", ARRAYS, digest("people"))
    np.savez(tmp_path / "old.npz", **ARRAYS)  # type: ignore[arg-type]

    assert read_arrays(tmp_path / "x.npz", digest("other people")) is None
    assert read_arrays(tmp_path / "old.npz") is None
    assert read_arrays(tmp_path / "nothing.npz") is None


@pytest.mark.parametrize("kept", [0, 30, -30])
def test_a_torn_file_is_none(tmp_path: Path, kept: int) -> None:
    write_arrays(tmp_path / "x.npz", ARRAYS)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[:kept])

    assert read_arrays(tmp_path / "x.npz") is None


def test_digests_differ_by_order_place_and_bytes() -> None:
    one, two = np.array([1, 2]), np.array([2, 1])

    parts: list[tuple[object, ...]] = [(), ("",), ("a", "b"), ("ab",), (one,), (two,), (one, two)]
    assert len({digest(*each) for each in parts}) == len(parts)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match=r"cannot write .*x\.npz"):
        write_arrays(tmp_path / "file" / "x.npz", ARRAYS)
