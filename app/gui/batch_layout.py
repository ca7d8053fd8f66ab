"""The widgets of the batch page, and where they stand. What they do is in `batch_page`."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from app.gui.batch_model import BatchModel
from app.gui.batch_row import BatchRowPainter
from app.gui.drop_list import DropList
from app.gui.elided import ElidedLabel
from app.gui.page import Desk, Page
from app.gui.parts import icon_button, page_head


class BatchLayout(Page):
    """Heading and buttons; the bar of all; the list, which takes drops; what to do with a row.

    Args:
        desk: Of the window.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.model = BatchModel(desk.offload, self)
        self.rows = DropList(self)
        self.rows.setModel(self.model)
        self.painter = BatchRowPainter(self.rows)
        self.rows.setItemDelegate(self.painter)
        self.rows.setContextMenuPolicy(Qt.CustomContextMenu)
        self.rows.set_hint(
            self.tr("Drop videos, pictures or folders here"),
            self.tr("Each gets a video with skeletons and its keypoints as files."),
        )
        self._make_buttons()
        self._arrange()

    def _make_buttons(self) -> None:
        self.start_button = icon_button("play", self.tr("Start"), self, words=True)
        self.start_button.setObjectName("primary")
        self.add_button = self._button("film", self.tr("Add files…"))
        self.folder_button = self._button("folder", self.tr("Add a folder…"))
        self.review_button = self._button("review", self.tr("Review"))
        self.retry_button = self._button("refresh", self.tr("Try again"))
        self.remove_button = self._button("close", self.tr("Remove"))
        self.tidy_button = self._button("yes", self.tr("Remove finished"))
        self.out_button = self._button("folder", self.tr("Results in…"))
        self.options_button = icon_button(
            "more", self.tr("What is written"), self, self.tr("What is written for each input")
        )
        self.options_button.setStyleSheet("QPushButton::menu-indicator { image: none; }")

    def _button(self, shape: str, name: str) -> QPushButton:
        return icon_button(shape, name, self, words=True)

    def _arrange(self) -> None:
        self.heading = QLabel(self.tr("Batch"), self)
        self.summary = ElidedLabel(parent=self)
        buttons = (self.add_button, self.folder_button, self.start_button)
        top = page_head(self.heading, self.summary, buttons)
        self.out_label = ElidedLabel(parent=self, middle=True)
        self.out_label.setObjectName("faint")
        bottom = QHBoxLayout()
        for button in (
            self.review_button,
            self.retry_button,
            self.remove_button,
            self.tidy_button,
        ):
            bottom.addWidget(button)
        bottom.addStretch(1)
        bottom.addWidget(self.out_label, 100)
        bottom.addWidget(self.out_button)
        bottom.addWidget(self.options_button)
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName(self.tr("Progress of all inputs"))
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setStyleSheet("QProgressBar { min-height: 0; border-radius: 4px; }")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self.rows, 1)
        column.addLayout(bottom)
