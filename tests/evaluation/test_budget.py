"""Rows of different budgets never stand in one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.budget import remember, remembered
from pose.errors import InputError, OutputError, UsageError

SMALL: dict[str, int | float | str] = {"steps": 2, "init": "a.pt"}
LARGE: dict[str, int | float | str] = {"steps": 9, "init": "a.pt"}


def test_looking_writes_nothing(tmp_path: Path) -> None:
    remember(tmp_path / "out", SMALL, only_print=True)

    assert not (tmp_path / "out").exists() and remembered(tmp_path / "out") is None


def test_rows_of_another_budget_are_refused_but_may_be_looked_at(tmp_path: Path) -> None:
    remember(tmp_path, SMALL, only_print=False)
    (tmp_path / "fpn").mkdir()
    remember(tmp_path, SMALL, only_print=False)
    remember(tmp_path, LARGE, only_print=True)

    with pytest.raises(UsageError, match="holds rows made with"):
        remember(tmp_path, LARGE, only_print=False)
    assert remembered(tmp_path) == SMALL


def test_a_budget_without_rows_binds_nobody(tmp_path: Path) -> None:
    """What it was asked for failed before the first row."""
    remember(tmp_path, SMALL, only_print=False)
    remember(tmp_path, LARGE, only_print=False)

    assert remembered(tmp_path) == LARGE


@pytest.mark.parametrize("content", ["", '{"steps', "[1]"])
def test_a_torn_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.json").write_text(content)

    with pytest.raises(InputError, match=r"settings\.json: expected what its rows share"):
        remember(tmp_path, SMALL, only_print=False)


def test_a_file_where_the_folder_should_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(OutputError, match="cannot write"):
        remember(tmp_path / "out", SMALL, only_print=False)
