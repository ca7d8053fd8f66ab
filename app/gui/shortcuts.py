"""Keyboard shortcuts: who has one says so in one line, and the help sheet lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QAction,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)


@dataclass(frozen=True)
class Shortcut:
    """One key and what it does.

    Attributes:
        keys: As Qt writes them: `Space`, `Ctrl+R`, `F11`.
        text: What it does, for the help sheet, translated.
        call: Does it.
    """

    keys: str
    text: str
    call: Callable[[], object]


def add_shortcuts(
    widget: QWidget, shortcuts: Iterable[Shortcut], context: Qt.ShortcutContext
) -> None:
    """Make a widget obey some keys."""
    for each in shortcuts:
        action = QAction(each.text, widget)
        action.setShortcut(QKeySequence(each.keys))
        action.setShortcutContext(context)
        action.triggered.connect(lambda _=False, call=each.call: call())
        widget.addAction(action)


class HelpSheet(QDialog):
    """All keys, group by group.

    Args:
        groups: A heading and its shortcuts, in order.
    """

    def __init__(
        self, groups: Sequence[tuple[str, Sequence[Shortcut]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("help_sheet")
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        row = 0
        for heading, shortcuts in groups:
            if not shortcuts:
                continue
            title = QLabel(heading, self)
            title.setObjectName("subheading")
            grid.addWidget(title, row, 0, 1, 2)
            row += 1
            for each in shortcuts:
                keys = QKeySequence(each.keys).toString(QKeySequence.NativeText)
                grid.addWidget(QLabel(f"<code>{keys}</code>", self), row, 0, Qt.AlignRight)
                grid.addWidget(QLabel(each.text, self), row, 1)
                row += 1
        buttons = QDialogButtonBox(QDialogButtonBox.Close, self)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(grid)
        column.addStretch(1)
        column.addWidget(buttons)
