"""Dialogs for files and folders. They do not block: what was chosen comes by a call, or never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFileDialog, QWidget

Chosen = Callable[[str], Any]


def ask_file(
    parent: QWidget, title: str, chosen: Chosen, folder: str = "", kinds: str = ""
) -> None:
    """Ask for one file that is there.

    Args:
        parent: Whose dialog it is.
        title: Of the dialog.
        chosen: Gets the path.
        folder: Where to look at first.
        kinds: As in "Results (*.csv *.json);;All files (*)"; everything if empty.
    """
    dialog = _dialog(parent, title, folder, QFileDialog.ExistingFile)
    if kinds:
        dialog.setNameFilter(kinds)
    dialog.fileSelected.connect(chosen)
    dialog.open()


def ask_files(parent: QWidget, title: str, chosen: Callable[[list[str]], Any]) -> None:
    """Ask for any number of files that are there."""
    dialog = _dialog(parent, title, "", QFileDialog.ExistingFiles)
    dialog.filesSelected.connect(chosen)
    dialog.open()


def ask_folder(parent: QWidget, title: str, chosen: Chosen, folder: str = "") -> None:
    """Ask for a folder."""
    dialog = _dialog(parent, title, folder, QFileDialog.Directory)
    dialog.setOption(QFileDialog.ShowDirsOnly)
    dialog.fileSelected.connect(chosen)
    dialog.open()


def ask_new_file(
    parent: QWidget, title: str, chosen: Chosen, folder: str, name: str, kinds: Sequence[str]
) -> None:
    """Ask under which name to write.

    Args:
        parent: Whose dialog it is.
        title: Of the dialog.
        chosen: Gets the path.
        folder: Where to look at first.
        name: Offered.
        kinds: One per line to choose from, as in "Table (*.csv)".
    """
    dialog = _dialog(parent, title, folder, QFileDialog.AnyFile)
    dialog.setAcceptMode(QFileDialog.AcceptSave)
    dialog.setNameFilters(list(kinds))
    dialog.selectFile(name)
    dialog.fileSelected.connect(chosen)
    dialog.open()


def _dialog(parent: QWidget, title: str, folder: str, mode: QFileDialog.FileMode) -> QFileDialog:
    dialog = QFileDialog(parent, title, folder)
    dialog.setAttribute(Qt.WA_DeleteOnClose)
    dialog.setFileMode(mode)
    return dialog
