"""What this machine has and what is missing, in the words of `main.py doctor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

from app.gui.icons import icon
from app.gui.page import Desk, Page
from app.gui.parts import icon_button
from app.gui.theme import current_colours
from app.machine import Finding, look


class MachinePage(Page):
    """Shows the findings; looks when it comes to the front for the first time, and on demand.

    Args:
        desk: Of the window.
        look: Finds out; replaced by tests.
    """

    def __init__(self, desk: Desk, look: Callable[[], list[Finding]] = look) -> None:
        super().__init__(desk)
        self._look = look
        self._findings: list[Finding] = []
        heading = QLabel(self.tr("This machine"), self)
        heading.setObjectName("heading")
        self.summary = QLabel(self.tr("Looking…"), self)
        self.summary.setObjectName("faint")
        self.again = icon_button("refresh", self.tr("Look again"), self, words=True)
        self.again.clicked.connect(self.look)
        self.copy = icon_button("folder", self.tr("Copy"), self, words=True)
        self.copy.setToolTip(self.tr("Copy everything, for a report"))
        self.copy.clicked.connect(self._copy)
        self.table = QTreeWidget(self)
        self.table.setAccessibleName(self.tr("What this machine has"))
        self.table.setHeaderLabels(
            [self.tr("What"), self.tr("Here"), self.tr("What it would need")]
        )
        self.table.setRootIsDecorated(False)
        self.table.setAlternatingRowColors(True)
        self.table.setUniformRowHeights(True)
        self.table.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.table.setTextElideMode(Qt.ElideRight)
        head = QHBoxLayout()
        head.addWidget(heading)
        head.addWidget(self.summary, 1)
        head.addWidget(self.copy)
        head.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(self.table, 1)

    def shown(self) -> None:
        if not self._findings:
            self.look()

    def themed(self) -> None:
        self._fill()

    def look(self) -> None:
        """Look, off the GUI thread."""
        self.again.setEnabled(False)
        self.desk.offload.run("look around", self._look, self._found, self._blind, owner=self)

    def _found(self, findings: list[Finding]) -> None:
        self._findings = findings
        self.again.setEnabled(True)
        self._fill()

    def _blind(self, error: BaseException) -> None:
        self.again.setEnabled(True)
        self.desk.tell(error)

    def _fill(self) -> None:
        colours = current_colours()
        self.table.clear()
        for each in self._findings:
            item = QTreeWidgetItem([each.name, each.detail, "" if each.present else each.needs])
            shape, ink = ("yes", colours.good) if each.present else ("close", colours.faint)
            if each.required and not each.present:
                shape, ink = "warning", "#e5484d"
            item.setIcon(0, icon(shape, ink))
            for place in range(3):
                item.setToolTip(place, item.text(place))
            if not each.present:
                for place in range(3):
                    item.setForeground(place, QColor(colours.faint))
            self.table.addTopLevelItem(item)
        header = self.table.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.Stretch)
        header.setSectionResizeMode(2, QHeaderView.Stretch)
        here = sum(each.present for each in self._findings)
        lacking = [each.name for each in self._findings if each.required and not each.present]
        words = self.tr("{0} of {1} things are here").format(here, len(self._findings))
        if lacking:
            words += self.tr("; needed and missing: {0}").format(", ".join(lacking))
        self.summary.setText(words if self._findings else self.tr("Looking…"))

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(as_text(self._findings))


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as lines, for a report."""
    return "\n".join(
        f"{'yes' if each.present else 'no':4}{each.name}: {each.detail}"
        + (f" (needs {each.needs})" if each.needs and not each.present else "")
        for each in findings
    )
