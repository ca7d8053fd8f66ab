"""One run of the window: made, shown, measured if asked, and closed; signals end it cleanly."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from PyQt5.QtCore import QObject, QTimer
from PyQt5.QtWidgets import QApplication

from app.gui.application import exceptions_told, make_application, signals_caught
from app.gui.command import Config
from app.gui.garbage import collected_between_events
from app.gui.live_page import LivePage
from app.gui.main_window import MainWindow
from app.gui.page import PAGES
from app.gui.settings import Settings, settings_path
from app.machine import machine_name
from app.pipeline.meter import Reading
from pose.errors import UsageError

_MOST_LATENCIES = 100_000


def open_window(config: Config) -> int:
    """Open it and wait for its end; errors and exit codes as `main.py` has them.

    Raises:
        UnavailableError: There is no display.
        UsageError: No such page.
        KeyboardInterrupt: Ctrl-C closed it.
    """
    names = [entry.name for entry in PAGES]
    if config.page and config.page not in names:
        raise UsageError(f"expected --page of {', '.join(names)}, got {config.page!r}")
    if config.screenshots is not None and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = make_application()
    with collected_between_events():
        return _run(application, config)


def _run(application: QApplication, config: Config) -> int:
    remembers = not (config.fresh or config.screenshots)
    window = MainWindow(Settings(settings_path() if remembers else None))
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        window.close()

    window.closed.connect(application.quit)
    with exceptions_told(window.tell), signals_caught(end):
        if config.screenshots is not None:
            from app.gui.screenshots import Photographer

            photographer = Photographer(window, config.screenshots)
            photographer.begin()
        else:
            _begin(window, config)
        measure = Measurement(window, config.seconds) if config.seconds else None
        window.show()
        if not received:
            application.exec_()
    if measure is not None:
        sys.stdout.write(measure.text(config.json))
    application.sendPostedEvents()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    return 128 + received[0] if received else 0


def _begin(window: MainWindow, config: Config) -> None:
    if config.page:
        window.open_page(config.page)
    if config.source:
        window.open_page("live", config.source)
    if config.full_screen:
        page = window.page_named("live")
        assert isinstance(page, LivePage)
        page.toggle_full_screen()


@dataclass
class _Seen:
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_LATENCIES))
    reading: Reading = field(default_factory=Reading)


class Measurement(QObject):
    """Takes down how long frames took to the screen, and closes the window when the time is over.

    Args:
        window: With a live page.
        seconds: Counted from the first painted picture.
    """

    def __init__(self, window: MainWindow, seconds: float) -> None:
        super().__init__(window)
        page = window.page_named("live")
        assert isinstance(page, LivePage)
        self._seen = _Seen()
        self._page = page
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(1000 * seconds))
        self._timer.timeout.connect(window.close)
        page.view.painted.connect(self._painted)
        page.session.read.connect(self._read)
        page.session.failed.connect(window.close)

    def _painted(self, latency_s: float) -> None:
        if not self._timer.isActive():
            self._timer.start()
        self._seen.latencies_s.append(latency_s)

    def _read(self, reading: Reading) -> None:
        self._seen.reading = reading

    def text(self, as_json: bool) -> str:
        """The figures, for standard output."""
        seen, reading = self._seen, self._seen.reading
        ms = 1000 * np.array(seen.latencies_s or [0.0])
        found = {
            "frames": reading.frames_out,
            "dropped": reading.dropped,
            "people": reading.people_ids,
            "fps": round(reading.fps, 2),
            "ms_per_stage": {name: round(1000 * s, 3) for name, s in reading.stage_s.items()},
            "painted": len(seen.latencies_s),
            "not_taken_in_time": self._page.bridge.replaced,
            "result_ms": round(1000 * reading.age_s, 1),
            "painted_ms_p50": round(float(np.percentile(ms, 50)), 1),
            "painted_ms_p95": round(float(np.percentile(ms, 95)), 1),
            "painted_ms_max": round(float(ms.max()), 1),
            "view_wh": list(self._page.view.room_wh),
            "platform": QApplication.platformName(),
            "machine": machine_name(),
        }
        if as_json:
            return json.dumps(found) + "\n"
        rows = [
            f"{found['painted']} pictures painted at {found['view_wh']} on {found['platform']}",
            f"frame to painted pixel  {found['painted_ms_p50']} ms median, "
            f"{found['painted_ms_p95']} ms 95 %, {found['painted_ms_max']} ms most",
            f"of it to the result     {found['result_ms']} ms median",
            f"{reading.frames_out} frames finished, {reading.dropped} dropped, "
            f"{reading.fps:.1f} fps, on {found['machine']}",
        ]
        return "\n".join(rows) + "\n"
