"""docs/megvii-2017.md: every file it names is there, every command it names can be run so."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from app.command_line import parse
from main import COMMANDS, EXTRAS
from training.recipes import RECIPES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "megvii-2017.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", TEXT)))
CALLS = sorted(set(re.findall(r"`main\.py ([^`]+)`", TEXT)))
# Items of the entry, issue 4's numbers.
ITEMS = ("1", "2", "3", "4", "5", "6", "7", "8")


def rows() -> list[list[str]]:
    """Cells of the first table, without its head."""
    lines = TEXT.split("## What stands where", 1)[1].split("\n## ", 1)[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[2:]]


def test_every_item_of_the_entry_has_a_row_with_code_command_and_answer() -> None:
    found = rows()

    assert {row[0].partition(" ")[0].rstrip(".") for row in found} == set(ITEMS)
    for row in found:
        assert len(row) == 4 and all(row), row
        assert re.search(r"`[\w/]+\.py`|`[\w/]+/`", row[1]), f"{row[0]}: names no file"
        assert "`main.py " in row[2] or "`pytest " in row[2] or "torchrun" in row[2], row[0]


def test_files_that_are_named_exist() -> None:
    missing = [name for name in NAMED if not (ROOT / name).exists()]

    assert len(NAMED) > 8
    # what a run writes, and the data that is not part of the program
    assert [name for name in missing if not name.startswith(("runs/", "../shared", "out/"))] == []


@pytest.mark.parametrize("call", CALLS)
def test_commands_that_are_named_exist_with_their_flags(call: str) -> None:
    """The flags are parsed as the command itself does; capital words stand for files."""
    command, *arguments = call.split()
    assert command in COMMANDS
    try:
        module = importlib.import_module(COMMANDS[command])
    except ModuleNotFoundError as error:
        if (error.name or "") not in EXTRAS:
            raise
        pytest.skip(f"needs {error.name}")

    if not arguments:  # a command is spoken of, not called
        return
    config = parse(module.Config, [word for word in arguments if word != "…"], command, "")

    if command == "train":
        assert config.recipe in RECIPES
