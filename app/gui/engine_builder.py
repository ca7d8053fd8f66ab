"""Builds an engine from the window: `main.py build` as a child process, with progress and log."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QProcess, QProcessEnvironment, pyqtSignal
from PyQt5.QtGui import QCloseEvent
from PyQt5.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.parts import Choice, LabelledBox
from app.people import PeopleConfig
from pose.errors import masked

MAIN = Path(__file__).resolve().parents[2] / "main.py"
_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_MOST_LINES = 5000
_END_WITHIN_MS = 1500


class EngineBuilder(QDialog):
    """Asks what to build, builds it, and says how it ended.

    Args:
        people: The networks that are chosen now.
        parent: The window.
        command: What to start instead of `main.py build`; replaced by tests.
    """

    built = pyqtSignal()

    def __init__(
        self,
        people: PeopleConfig,
        parent: QWidget | None = None,
        command: Sequence[str] = (sys.executable, str(MAIN), "build"),
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Build an engine"))
        self.resize(680, 460)
        self._command = list(command)
        self._tail = ""
        pose = people.pose if isinstance(people.pose, str) else people.pose[0]
        self.network = Choice(
            self.tr("Network"),
            [(people.person, self.tr("Finds people")), (pose, self.tr("Finds joints"))],
            self,
        )
        self.backend = Choice(
            self.tr("Engine"),
            [("tensorrt", "TensorRT"), ("tensorrt_rtx", "TensorRT for RTX")],
            self,
        )
        self.precision = Choice(
            self.tr("Precision"),
            [("fp16", self.tr("16 bits: fast")), ("fp32", self.tr("32 bits: exact"))],
            self,
        )
        self.batch = LabelledBox(self.tr("Most in one run"), 1, 64, self)
        self.batch.set_value(max(8, people.batch))
        words = QLabel(
            self.tr(
                "An engine is made for the GPU of this machine and runs nowhere else. "
                "Building takes minutes; the window can be used meanwhile."
            ),
            self,
        )
        words.setWordWrap(True)
        words.setObjectName("faint")
        self.log = QPlainTextEdit(self)
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(_MOST_LINES)
        self.log.setAccessibleName(self.tr("Log of the build"))
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName(self.tr("Progress of the build"))
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.start_button = QPushButton(self.tr("Build"), self)
        self.start_button.setObjectName("primary")
        self.start_button.clicked.connect(self.start)
        self.close_button = QPushButton(self.tr("Close"), self)
        self.close_button.clicked.connect(self.close)
        self._arrange(words)
        self.process = QProcess(self)
        self.process.setProcessChannelMode(QProcess.MergedChannels)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        self.process.setProcessEnvironment(environment)
        self.process.setWorkingDirectory(os.getcwd())
        self.process.readyRead.connect(self._read)
        self.process.finished.connect(self._finished)
        self.process.errorOccurred.connect(self._not_started)

    def arguments(self) -> list[str]:
        """What follows the command."""
        most = str(self.batch.value)
        return [
            "--onnx", self.network.key, "--precision", self.precision.key,
            "--backend", self.backend.key, "--batch", "1", str(max(1, self.batch.value // 2)), most,
        ]  # fmt: skip

    def start(self) -> None:
        """Begin to build; a second press cancels."""
        if self.process.state() != QProcess.NotRunning:
            self.status.setText(self.tr("Cancelling…"))
            self.process.terminate()
            return
        self.log.clear()
        self.bar.setRange(0, 0)
        self.status.setText(self.tr("Building…"))
        self.start_button.setText(self.tr("Cancel"))
        program, *first = self._command
        self.process.start(program, [*first, *self.arguments()])

    def closeEvent(self, event: QCloseEvent) -> None:
        """A build that nobody watches is ended."""
        if self.process.state() != QProcess.NotRunning:
            self.process.blockSignals(True)
            self.process.kill()
            self.process.waitForFinished(_END_WITHIN_MS)
        super().closeEvent(event)

    def _read(self) -> None:
        said = bytes(self.process.readAll()).decode("utf-8", "replace")
        self._tail += said.replace("\r", "\n")
        *lines, self._tail = self._tail.split("\n")
        for line in filter(None, map(str.rstrip, lines)):
            self.log.appendPlainText(masked(line))
            found = _PERCENT.search(line)
            if found:
                self.bar.setRange(0, 100)
                self.bar.setValue(min(100, int(found[1])))

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._tail:
            self.log.appendPlainText(masked(self._tail))
            self._tail = ""
        self.start_button.setText(self.tr("Build"))
        self.bar.setRange(0, 100)
        if status == QProcess.NormalExit and code == 0:
            self.bar.setValue(100)
            self.status.setText(self.tr("The engine is ready."))
            self.built.emit()
            return
        self.bar.setValue(0)
        lines = self.log.toPlainText().splitlines()
        reason = next((line for line in reversed(lines) if line.startswith("error")), "")
        words = self.tr("The build ended with code {0}. {1}").format(code, reason)
        self.status.setText(words.strip())

    def _not_started(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.FailedToStart:
            self.start_button.setText(self.tr("Build"))
            self.bar.setRange(0, 100)
            self.status.setText(self.process.errorString())

    def _arrange(self, words: QLabel) -> None:
        choices = QHBoxLayout()
        for widget in (self.network, self.backend, self.precision):
            choices.addWidget(widget, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.status, 1)
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.addWidget(words)
        column.addLayout(choices)
        column.addWidget(self.batch)
        column.addWidget(self.log, 1)
        column.addWidget(self.bar)
        column.addLayout(buttons)
