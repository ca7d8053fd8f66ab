"""The meters below the picture: rates, ages, loads, and where the milliseconds go.

All figures are the pipeline's own (`app.pipeline.meter`), which `main.py benchmark` prints too;
rates and drops are of the last second, means of stages of the whole run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.gui.parts import Figure
from app.gui.stage_plot import StagePlot, stage_colour
from app.load import LoadGauge
from app.pipeline.meter import Reading
from pose.types import Scene

_REFRESH_MS = 250
_RATE_OVER_S = 1.0
_LATENCIES = 120


class MeterBar(QFrame):
    """Shows readings; give it each reading, each painted scene and its latency.

    Args:
        parent: Owns it.
        gauge: Looks at the machine's load.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        parent: QWidget | None = None,
        gauge: LoadGauge | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._gauge, self._clock = gauge or LoadGauge(), clock
        self._readings: deque[tuple[float, Reading]] = deque()
        self.latencies_s: deque[float] = deque(maxlen=_LATENCIES)
        self.reading = Reading()
        self._batch = 0
        self.figures = {
            name: Figure(words, self, tip) for name, (words, tip) in self._words().items()
        }
        self.plot = StagePlot(self)
        self.legend = QLabel(self)
        self.legend.setTextFormat(Qt.RichText)
        self.legend.setWordWrap(True)
        self.legend.setAccessibleName(self.tr("Mean milliseconds of each stage"))
        tiles = QHBoxLayout()
        tiles.setSpacing(2)
        for figure in self.figures.values():
            tiles.addWidget(figure)
        tiles.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(4)
        left.addLayout(tiles)
        left.addWidget(self.legend)
        left.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 8, 10, 8)
        row.addLayout(left, 3)
        row.addWidget(self.plot, 2)
        self.setFixedHeight(122)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def _words(self) -> dict[str, tuple[str, str]]:
        return {
            "fps_in": (self.tr("fps in"), self.tr("Frames per second out of the source")),
            "fps_out": (self.tr("fps out"), self.tr("Frames per second that were finished")),
            "dropped": (
                self.tr("dropped"),
                self.tr("Frames of the last second that came while the networks were busy"),
            ),
            "latency": (
                self.tr("latency"),
                self.tr("From a frame's arrival to its last painted pixel, median"),
            ),
            "people": (self.tr("people"), self.tr("People in the picture now")),
            "batch": (
                self.tr("batch"),
                self.tr("People in one run of the pose network, and the most it takes"),
            ),
            "cpu": (self.tr("CPU"), self.tr("Of the cores that this program may use")),
            "gpu": (self.tr("GPU"), self.tr("NVIDIA GPU: busy, and memory in use")),
        }

    def start(self, batch: int) -> None:
        """A pipeline begins.

        Args:
            batch: The most people in one run of the pose network.
        """
        self._batch = batch
        self._readings.clear()
        self.latencies_s.clear()
        self.reading = Reading()
        self.plot.clear()
        self._timer.start()
        self.refresh()

    def stop(self) -> None:
        """The pipeline is over; its last figures stay."""
        self._timer.stop()
        self.refresh()

    def heard(self, reading: Reading) -> None:
        """Take a reading."""
        now_s = self._clock()
        self.reading = reading
        self._readings.append((now_s, reading))
        while len(self._readings) > 2 and now_s - self._readings[1][0] >= _RATE_OVER_S:
            self._readings.popleft()

    def saw(self, scene: Scene) -> None:
        """Take the times of a scene that is shown."""
        if scene.stage_s:
            self.plot.add(scene.stage_s)

    def painted(self, latency_s: float) -> None:
        """Take the time from a frame's arrival to its last painted pixel."""
        self.latencies_s.append(latency_s)

    def themed(self) -> None:
        """Wear the theme's colours."""
        self.plot.themed()

    def refresh(self) -> None:
        """Write the figures of this moment."""
        rate_in, rate_out, dropped = self._rates()
        reading, load = self.reading, self._gauge()
        shown = self.figures
        shown["fps_in"].show_text(f"{rate_in:.1f}")
        shown["fps_out"].show_text(f"{rate_out:.1f}")
        shown["dropped"].show_text(f"{dropped:.0%}")
        shown["latency"].show_text(f"{self.latency_ms():.0f} ms" if self.latencies_s else "–")
        shown["people"].show_text(str(reading.people_now))
        shown["batch"].show_text(f"{min(self._batch, reading.people_now)} / {self._batch}")
        shown["cpu"].show_text(f"{load.cpu:.0%}")
        memory = "" if load.gpu_memory is None else f", {load.gpu_memory:.0%}"
        shown["gpu"].show_text("–" if load.gpu is None else f"{load.gpu:.0%}{memory}")
        self.plot.refresh()
        self.legend.setText(_legend(reading.stage_s, self.plot.names))

    def latency_ms(self, percentile: float = 50) -> float:
        """From a frame's arrival to its last painted pixel, over the latest frames."""
        return 1000 * float(np.percentile(self.latencies_s or [0.0], percentile))

    def _rates(self) -> tuple[float, float, float]:
        """Frames in and out per second, and the share that was dropped, of the last second."""
        if len(self._readings) < 2:
            return 0.0, 0.0, 0.0
        (then_s, then), (now_s, now) = self._readings[0], self._readings[-1]
        passed_s = max(now_s - then_s, 1e-6)
        came, went = now.frames_in - then.frames_in, now.frames_out - then.frames_out
        dropped = now.dropped - then.dropped
        return came / passed_s, went / passed_s, dropped / came if came else 0.0


def _legend(stage_s: Mapping[str, float], names: list[str]) -> str:
    marks = []
    for place, name in enumerate(names):
        if name in stage_s:
            colour = stage_colour(place).name()
            ms = 1000 * stage_s[name]
            marks.append(f'<span style="color:{colour}">■</span>&nbsp;{name}&nbsp;{ms:.1f}')
    total = 1000 * sum(stage_s.get(name, 0.0) for name in names)
    return f"<b>{total:.1f} ms</b> &nbsp; {' &nbsp; '.join(marks)}" if marks else ""
