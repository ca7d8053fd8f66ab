"""The one QApplication: what must be right before it is made, and what keeps the process alive.

OpenCV's wheel points Qt at plugins of its own, which abort beside PyQt5; a display that is not
there aborts as well; so does an exception in a slot. All three become a line that can be read.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import PyQt5
from PyQt5.QtCore import QLibraryInfo, QLocale, QSocketNotifier, Qt, QTranslator
from PyQt5.QtWidgets import QApplication

from pose.errors import UnavailableError

NAME = "Cascaded Pose"
TRANSLATIONS = Path(__file__).parent / "translations"

_log = logging.getLogger(__name__)

_NEEDS_X = ("", "xcb")  # platforms of Qt that ask an X server; empty is what Linux takes by itself


def make_application() -> QApplication:
    """The process's QApplication, made if there is none.

    Raises:
        UnavailableError: There is no display, or Qt lacks a library of the system.
    """
    present = QApplication.instance()
    if isinstance(present, QApplication):
        return present
    check_display()
    for flag in (Qt.AA_EnableHighDpiScaling, Qt.AA_UseHighDpiPixmaps):
        QApplication.setAttribute(flag)
    QApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    forget_opencv_plugins()
    application = QApplication([NAME])
    application.setApplicationName(NAME)
    application.setApplicationDisplayName(NAME)
    translator = QTranslator(application)
    if translator.load(QLocale(), "window", "_", str(TRANSLATIONS)):
        application.installTranslator(translator)
    return application


def forget_opencv_plugins() -> None:
    """Take back what `import cv2` did to Qt's environment; call right before QApplication.

    The wheel of opencv-python names its own folder of Qt plugins, linked to another Qt
    (opencv-python#736); the order of the imports does not matter.
    """
    cv2 = sys.modules.get("cv2")
    if cv2 is None or cv2.__file__ is None:
        return
    folder = os.path.dirname(os.path.abspath(cv2.__file__))
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if os.environ.get(name, "").startswith(folder):
            del os.environ[name]


def check_display() -> None:
    """Raise UnavailableError where Qt would abort the process for want of a display."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if not sys.platform.startswith("linux") or platform not in _NEEDS_X:
        return
    if os.environ.get("WAYLAND_DISPLAY") and not platform and not os.environ.get("DISPLAY"):
        return
    display = os.environ.get("DISPLAY")
    if not display:
        raise UnavailableError(
            "the window needs a screen, and neither DISPLAY nor WAYLAND_DISPLAY is set; "
            "without one there are: main.py live, video, demo (main.py --help lists them)"
        )
    if not _x_server_answers():
        raise UnavailableError(
            f"the window needs a screen, and nothing answers at DISPLAY={display}; "
            "without one there are: main.py live, video, demo (main.py --help lists them)"
        )
    plugins = Path(QLibraryInfo.location(QLibraryInfo.PluginsPath))
    try:
        ctypes.CDLL(str(plugins / "platforms" / "libqxcb.so"))
    except OSError as error:
        raise UnavailableError(
            f"Qt lacks a library of this system: {error}; on Debian: apt install libxcb-icccm4 "
            "libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0 libxcb-shape0 "
            "libxcb-xkb1 libxkbcommon-x11-0 libdbus-1-3"
        ) from error


def _x_server_answers() -> bool:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # let Qt say it
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    error = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not error


def qt_version() -> str:
    """Qt's and PyQt's versions, for the page about this machine."""
    return f"Qt {QLibraryInfo.version().toString()}, PyQt5 in {Path(PyQt5.__file__).parent}"


# ---- exceptions and signals ----------------------------------------------------------------------


Tell = Callable[[BaseException], None]


@contextmanager
def exceptions_told(tell: Tell) -> Iterator[None]:
    """While inside, an exception in a slot is logged and told; PyQt5 would end the process.

    Args:
        tell: Shows it; gets everything but Ctrl-C and the exit of the program.
    """
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception):
            before(kind, error, trace)
            return
        _log.error("in the window: %s: %s", kind.__name__, error, exc_info=(kind, error, trace))
        try:
            tell(error)
        except Exception:  # the window itself may be what is broken
            _log.exception("the window cannot show it")

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before


@contextmanager
def signals_caught(on_signal: Callable[[int], None]) -> Iterator[None]:
    """While inside, Ctrl-C and SIGTERM reach `on_signal` in the GUI thread, at once.

    Qt's event loop runs no Python between events, so Python's handlers would wait for one. The
    byte that Python writes at a signal wakes the loop; no timer polls for it.
    """
    ours, pythons = socket.socketpair()
    for end in (ours, pythons):
        end.setblocking(False)
    waking = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Read)

    def woken() -> None:
        for number in ours.recv(64):
            if number in (signal.SIGINT, signal.SIGTERM):
                on_signal(number)

    def ignore(number: int, frame: FrameType | None) -> None:
        """The byte has told it already."""

    notifier.activated.connect(woken)
    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(waking)
        notifier.setEnabled(False)
        notifier.deleteLater()
        ours.close()
        pythons.close()
