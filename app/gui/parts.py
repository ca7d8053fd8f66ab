"""Small widgets that every page uses: buttons with icons, labelled sliders, cards that fold."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QWheelEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon


def icon_button(
    shape: str, name: str, parent: QWidget, tip: str = "", words: bool = False
) -> QPushButton:
    """A button with an icon.

    Args:
        shape: Of `app.gui.icons.SHAPES`.
        name: For screen readers, and beside the icon if `words`.
        parent: Owns it.
        tip: Shown by the mouse; the name if empty.
        words: Show the name beside the icon.
    """
    button = QPushButton(parent)
    button.setFocusPolicy(Qt.TabFocus)  # a click leaves Space to the page
    button.setIcon(icon(shape))
    button.setIconSize(QSize(18, 18))
    button.setAccessibleName(name)
    button.setToolTip(tip or name)
    if words:
        button.setText(name)
    return button


def page_head(heading: QLabel, summary: QLabel, buttons: Sequence[QPushButton]) -> QHBoxLayout:
    """The top of a page: its heading over a line in faint letters, buttons on the right."""
    heading.setObjectName("heading")
    summary.setObjectName("faint")
    words = QVBoxLayout()
    words.setSpacing(2)
    words.addWidget(heading)
    words.addWidget(summary)
    top = QHBoxLayout()
    top.addLayout(words, 1)
    for button in buttons:
        top.addWidget(button, 0, Qt.AlignVCenter)
    return top


class Card(QFrame):
    """A panel with a heading that folds it.

    Args:
        title: The heading.
        parent: Owns it.
        opened: Whether what is inside shows at first.
    """

    def __init__(self, title: str, parent: QWidget, opened: bool = True) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._heading = QToolButton(self)
        self._heading.setText(title)
        self._heading.setAccessibleName(title)
        self._heading.setObjectName("subheading")
        self._heading.setAutoRaise(True)
        self._heading.setCheckable(True)
        self._heading.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        self._heading.setStyleSheet("QToolButton { border: none; }")
        self._heading.toggled.connect(self._fold)
        self._inside = QWidget(self)
        self.rows = QVBoxLayout(self._inside)
        self.rows.setContentsMargins(4, 0, 4, 6)
        self.rows.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 4)
        column.setSpacing(6)
        column.addWidget(self._heading)
        column.addWidget(self._inside)
        self._heading.setChecked(opened)
        self._fold(opened)

    def _fold(self, opened: bool) -> None:
        self._heading.setIcon(icon("open" if opened else "closed"))
        self._inside.setVisible(opened)


class Figure(QFrame):
    """A number and what it is."""

    def __init__(self, name: str, parent: QWidget, tip: str = "") -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self._value = QLabel("–", self)
        self._value.setObjectName("figure")
        label = QLabel(name, self)
        label.setObjectName("faint")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(0)
        column.addWidget(self._value)
        column.addWidget(label)
        self._value.setMinimumWidth(58)

    @property
    def text(self) -> str:
        """What it shows."""
        return self._value.text()

    def show_text(self, text: str) -> None:
        """Show a value; nothing is painted anew if it is the same."""
        if text != self._value.text():
            self._value.setText(text)
            self.setAccessibleDescription(text)


class LabelledSlider(QWidget):
    """A slider with its name before and its value after it.

    Args:
        name: What it sets.
        low, high, step: Its range.
        parent: Owns it.
        shown: How a value is written: `{:.0%}`.
    """

    moved = pyqtSignal(float)

    def __init__(
        self, name: str, low: float, high: float, step: float, parent: QWidget, shown: str
    ) -> None:
        super().__init__(parent)
        self._low, self._step, self._shown = low, step, shown
        self.slider = _CalmSlider(Qt.Horizontal, self)
        self.slider.setRange(0, round((high - low) / step))
        self.slider.setAccessibleName(name)
        self._value = QLabel(self)
        self._value.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        self._value.setObjectName("faint")
        head = QHBoxLayout()
        head.addWidget(QLabel(name, self), 1)
        head.addWidget(self._value)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.slider)
        self.slider.valueChanged.connect(self._moved)
        self._write()

    @property
    def value(self) -> float:
        """Where it stands."""
        return round(self._low + self.slider.value() * self._step, 6)

    def set_value(self, value: float) -> None:
        """Put it somewhere without a word to anybody."""
        with QSignalBlocker(self.slider):
            steps = (value - self._low) / self._step
            self.slider.setValue(round(min(max(steps, 0), self.slider.maximum())))
        self._write()

    def _moved(self) -> None:
        self._write()
        self.moved.emit(self.value)

    def _write(self) -> None:
        text = self._shown.format(self.value)
        self._value.setText(text)
        self.slider.setAccessibleDescription(text)


class LabelledBox(QWidget):
    """A whole number with its name before it."""

    changed = pyqtSignal(int)

    def __init__(
        self, name: str, low: int, high: int, parent: QWidget, lowest_called: str = ""
    ) -> None:
        super().__init__(parent)
        self.box = _CalmBox(self)
        self.box.setRange(low, high)
        self.box.setAccessibleName(name)
        self.box.setSpecialValueText(lowest_called)
        self.box.setKeyboardTracking(False)
        label = QLabel(name, self)
        label.setWordWrap(True)
        label.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label, 1)
        row.addWidget(self.box)
        self.box.valueChanged.connect(self.changed)

    @property
    def value(self) -> int:
        """What it says."""
        return self.box.value()

    def set_value(self, value: int) -> None:
        """Set it without a word to anybody."""
        with QSignalBlocker(self.box):
            self.box.setValue(value)


class Choice(QWidget):
    """One of several, with a name above; each has a key for programs and words for people."""

    chosen = pyqtSignal(str)

    def __init__(self, name: str, options: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.box = _CalmCombo(self)
        self.box.setAccessibleName(name)
        self.box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.box.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        label = QLabel(name, self)
        label.setBuddy(self.box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(label)
        column.addWidget(self.box)
        self.set_options(options)
        self.box.activated.connect(lambda _: self.chosen.emit(self.key))

    @property
    def key(self) -> str:
        """The chosen one's."""
        return str(self.box.currentData())

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer others; what was chosen stays if it is among them."""
        key = self.key
        with QSignalBlocker(self.box):
            self.box.clear()
            for each, words in options:
                self.box.addItem(words, each)
        self.set_key(key)

    def set_key(self, key: str) -> None:
        """Choose without a word to anybody; an unknown key is added."""
        with QSignalBlocker(self.box):
            if self.box.findData(key) < 0 and key not in ("", "None"):
                self.box.addItem(key, key)
            self.box.setCurrentIndex(max(0, self.box.findData(key)))


class _CalmSlider(QSlider):
    """Does not move when somebody scrolls past it."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _CalmBox(QSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _CalmCombo(QComboBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
