"""Keyboard shortcuts: who has one says so in one line, and the help sheet lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAction,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
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
        repeats: Again and again while the key is held.
    """

    keys: str
    text: str
    call: Callable[[], object]
    repeats: bool = False


def add_shortcuts(
    widget: QWidget, shortcuts: Iterable[Shortcut], context: Qt.ShortcutContext
) -> None:
    """Make a widget obey some keys."""
    for each in shortcuts:
        action = QAction(each.text, widget)
        action.setShortcut(QKeySequence(each.keys))
        action.setShortcutContext(context)
        action.setAutoRepeat(each.repeats)
        action.triggered.connect(lambda _=False, each=each: obey(each))
        widget.addAction(action)


def obey(shortcut: Shortcut) -> None:
    """Do it; but Space presses the button that the keyboard has chosen, as everywhere."""
    button = QApplication.focusWidget()
    if shortcut.keys == "Space" and isinstance(button, QAbstractButton):
        button.click()
    else:
        shortcut.call()


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
        inside = QWidget()
        inside.setLayout(grid)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        area.setWidget(inside)
        wanted = inside.sizeHint()
        area.setMinimumWidth(wanted.width() + area.verticalScrollBar().sizeHint().width() + 8)
        column = QVBoxLayout(self)
        column.addWidget(area, 1)
        column.addWidget(buttons)
        screen = self.screen().availableGeometry().height() if self.screen() else 768
        self.resize(self.sizeHint().width(), min(wanted.height() + 80, round(0.85 * screen)))
