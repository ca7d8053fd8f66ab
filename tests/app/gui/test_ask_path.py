"""Dialogs for paths: what was chosen comes by a call, and the dialog goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.gui.ask_path import ask_file, ask_files, ask_folder, ask_new_file

Ask = Callable[[QWidget, Callable[[Any], Any], str], None]


def _new(parent: QWidget, chosen: Callable[[Any], Any], folder: str) -> None:
    ask_new_file(parent, "Write", chosen, folder, "a.csv", ["Table (*.csv)", "JSON (*.json)"])


@pytest.mark.parametrize(
    ("ask", "mode", "folders_only"),
    [
        (lambda p, c, f: ask_file(p, "Open", c, f, "Results (*.csv)"), "ExistingFile", False),
        (lambda p, c, f: ask_files(p, "Open", c), "ExistingFiles", False),
        (lambda p, c, f: ask_folder(p, "Open", c, f), "Directory", True),
        (_new, "AnyFile", False),
    ],
    ids=["file", "files", "folder", "new file"],
)
def test_the_chosen_path_comes_by_a_call_and_the_dialog_goes(
    ask: Ask, mode: str, folders_only: bool, qtbot: QtBot, tmp_path: Path
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    got: list[Any] = []

    ask(parent, got.append, str(tmp_path))

    dialog = parent.findChild(QFileDialog)
    assert dialog is not None and dialog.isVisible() and not got
    assert dialog.fileMode() == getattr(QFileDialog, mode)
    assert dialog.testOption(QFileDialog.ShowDirsOnly) == folders_only
    assert (dialog.acceptMode() == QFileDialog.AcceptSave) == (mode == "AnyFile")
    if mode == "ExistingFiles":
        dialog.filesSelected.emit(["a", "b"])
        assert got == [["a", "b"]]
    else:
        dialog.fileSelected.emit("a")
        assert got == ["a"]
    dialog.close()
    qtbot.waitUntil(lambda: parent.findChild(QFileDialog) is None)
