"""A batch's inputs as Qt's lists want them, with a small picture of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PyQt5.QtCore import QAbstractListModel, QModelIndex, QObject, Qt
from PyQt5.QtGui import QImage

from app.batch.entry import Entry, State
from app.batch.preview import Preview, preview
from app.gui.offload import Offload

ROW = int(Qt.UserRole)
PREVIEW_WH = (224, 126)  # twice what is shown, for HiDPI screens


@dataclass(frozen=True, eq=False)
class Row:
    """One input, ready to be painted.

    Attributes:
        entry: The input.
        image: Its picture; None until it was looked into.
        seconds: Its length, if known.
        frames: How many, if known.
    """

    entry: Entry
    image: QImage | None = None
    seconds: float | None = None
    frames: int | None = None


class BatchModel(QAbstractListModel):
    """The rows; pictures come one after the other, made off the GUI thread."""

    def __init__(self, offload: Offload, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._offload = offload
        self._rows: list[Row] = []
        self._looks: dict[str, Row] = {}  # place -> what was found there
        self._looking = False

    @property
    def rows(self) -> list[Row]:
        """All of them."""
        return list(self._rows)

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        """Show other entries; rows that stay keep their selection."""
        keys = [row.entry.key for row in self._rows]
        new = [entry.key for entry in entries]
        fresh = [self._row(entry) for entry in entries]
        if new[: len(keys)] == keys:
            for number, (old, row) in enumerate(zip(self._rows, fresh, strict=False)):
                if old.entry != row.entry:
                    self._rows[number] = row
                    self.dataChanged.emit(self.index(number), self.index(number))
            if len(new) > len(keys):
                self.beginInsertRows(QModelIndex(), len(keys), len(new) - 1)
                self._rows += fresh[len(keys) :]
                self.endInsertRows()
        else:
            self.beginResetModel()
            self._rows = fresh
            self.endResetModel()
        self._look_on()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = int(Qt.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.DisplayRole:
            return row.entry.text
        if role == Qt.ToolTipRole:
            return "\n".join([row.entry.place, row.entry.error, *row.entry.notes]).strip()
        if role == Qt.AccessibleTextRole:
            return f"{row.entry.name}, {row.entry.state.value}"
        return None

    def _row(self, entry: Entry) -> Row:
        look = self._looks.get(entry.place)
        return Row(entry, look.image, look.seconds, look.frames) if look else Row(entry)

    def _look_on(self) -> None:
        """Look into the next input whose picture is missing; one at a time."""
        if self._looking:
            return
        unseen = (row.entry for row in self._rows if row.entry.place not in self._looks)
        entry = next((each for each in unseen if each.state is not State.FAILED), None)
        if entry is None:
            return
        self._looking = True
        self._offload.run(
            "preview",
            lambda: preview(entry.place, PREVIEW_WH),
            lambda found: self._looked(entry, found),
            lambda error: self._looked(entry, None),  # told when the work comes to it
            owner=self,
        )

    def _looked(self, entry: Entry, found: Preview | None) -> None:
        self._looking = False
        self._looks[entry.place] = Row(entry)
        if found is not None:
            height, width = found.image.shape[:2]
            stride = found.image.strides[0]
            image = QImage(found.image.data, width, height, stride, QImage.Format_BGR888).copy()
            self._looks[entry.place] = Row(entry, image, found.seconds, found.frames)
        for number, row in enumerate(self._rows):
            if row.entry.place == entry.place:
                self._rows[number] = self._row(row.entry)
                self.dataChanged.emit(self.index(number), self.index(number))
        self._look_on()
