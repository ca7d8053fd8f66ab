"""The window's icons, drawn here: a few strokes each on a grid of 24, in the text's colour."""

from __future__ import annotations

from functools import lru_cache

from PyQt5.QtCore import QByteArray, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PyQt5.QtSvg import QSvgRenderer
from PyQt5.QtWidgets import QApplication

# name -> what stands inside an SVG of 24 x 24; lines have the width 2 unless they say otherwise
SHAPES: dict[str, str] = {
    "play": '<path d="M8 5 L19 12 L8 19 Z" fill="{ink}"/>',
    "stop": '<rect x="6" y="6" width="12" height="12" rx="2" fill="{ink}"/>',
    "pause": '<path d="M9 6 V18 M15 6 V18" stroke-width="3"/>',
    "mirror": '<path d="M12 3 V21 M8 7 L3 17 H8 Z"/><path d="M16 7 L21 17 H16 Z" fill="{ink}"/>',
    "fullscreen": '<path d="M4 9 V4 H9 M15 4 H20 V9 M20 15 V20 H15 M9 20 H4 V15"/>',
    "refresh": '<path d="M19 12 A7 7 0 1 1 16.5 6.6 M17 3 V7 H13"/>',
    "folder": '<path d="M3 6 H9 L11 9 H21 V19 H3 Z"/>',
    "camera": '<rect x="3" y="7" width="12" height="10" rx="2"/>'
    '<path d="M15 11 L21 8 V16 L15 13"/>',
    "screen": '<rect x="3" y="4" width="18" height="12" rx="1"/><path d="M9 20 H15 M12 16 V20"/>',
    "stream": '<path d="M5 19 A14 14 0 0 1 19 5 M9 19 A10 10 0 0 1 19 9"/>'
    '<circle cx="17" cy="17" r="2" fill="{ink}"/>',
    "film": '<rect x="3" y="5" width="18" height="14" rx="1"/>'
    '<path d="M8 5 V19 M16 5 V19 M3 9.5 H8 M3 14.5 H8 M16 9.5 H21 M16 14.5 H21"/>',
    "record": '<circle cx="12" cy="12" r="6" fill="{ink}"/>',
    "photo": '<path d="M4 8 H8 L10 5 H14 L16 8 H20 V19 H4 Z"/><circle cx="12" cy="13" r="3.4"/>',
    "live": '<circle cx="12" cy="5" r="2.4"/>'
    '<path d="M12 8 V14 M6 10 H18 M12 14 L8 21 M12 14 L16 21"/>',
    "batch": '<path d="M4 6 H14 M4 12 H14 M4 18 H14 M18 5 L20 7 M18 12 H20 M18 18 H20"/>',
    "review": '<path d="M3 17 H21 M7 14 V20 M4 11 L9 6 L14 9 L20 4"/>',
    "machine": '<rect x="6" y="6" width="12" height="12" rx="2"/>'
    '<path d="M9 2 V6 M15 2 V6 M9 18 V22 M15 18 V22 M2 9 H6 M2 15 H6 M18 9 H22 M18 15 H22"/>',
    "help": '<circle cx="12" cy="12" r="9"/>'
    '<path d="M9.5 9.5 A2.6 2.6 0 1 1 12 12.5 V14 M12 17 V17.4"/>',
    "theme": '<circle cx="12" cy="12" r="8"/><path d="M12 4 A8 8 0 0 1 12 20 Z" fill="{ink}"/>',
    "controls": '<path d="M4 7 H13 M19 7 H20 M4 17 H5 M11 17 H20"/>'
    '<circle cx="16" cy="7" r="2.6"/><circle cx="8" cy="17" r="2.6"/>',
    "close": '<path d="M6 6 L18 18 M18 6 L6 18"/>',
    "open": '<path d="M7 10 L12 15 L17 10"/>',
    "closed": '<path d="M10 7 L15 12 L10 17"/>',
    "engine": '<path d="M5 13 L13 3 L11 10 H19 L11 21 L13 13 Z"/>',
    "reset": '<path d="M5 12 A7 7 0 1 0 7.5 6.6 M7 3 V7 H11"/>',
    "more": '<path d="M6 12 V12.1 M12 12 V12.1 M18 12 V12.1" stroke-width="3"/>',
    "yes": '<path d="M5 13 L10 18 L19 7"/>',
    "warning": '<path d="M12 4 L21 20 H3 Z M12 10 V14 M12 17 V17.2"/>',
    "repeat": '<path d="M5 11 A4 4 0 0 1 9 7 H19 M16 4 L19 7 L16 10 M19 13 A4 4 0 0 1 15 17 H5 '
    'M8 14 L5 17 L8 20"/>',
}  # fmt: skip

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="none" stroke="{ink}" '
    'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{shape}</g></svg>'
)


def icon(name: str, colour: str = "", on_accent: bool = False) -> QIcon:
    """An icon of `SHAPES`; without a colour of its own it takes the text's, in every theme.

    Args:
        name: Of `SHAPES`.
        colour: Its own, in every theme.
        on_accent: It stands on the main button, and takes the colour of the words there.
    """
    return QIcon(_Drawn(name, colour, on_accent))


class _Drawn(QIconEngine):
    """Draws at the size and in the colour of the moment: sharp on every screen."""

    def __init__(self, name: str, colour: str, on_accent: bool) -> None:
        super().__init__()
        self._name, self._colour, self._on_accent = name, colour, on_accent

    def clone(self) -> QIconEngine:
        return _Drawn(self._name, self._colour, self._on_accent)

    def paint(self, painter: QPainter, rect: object, mode: QIcon.Mode, state: QIcon.State) -> None:
        _renderer(self._name, self._ink(mode)).render(painter, QRectF(rect))

    def _ink(self, mode: QIcon.Mode) -> str:
        palette = QApplication.palette()
        if mode == QIcon.Disabled:
            return palette.color(QPalette.Disabled, QPalette.ButtonText).name()
        role = QPalette.HighlightedText if self._on_accent else QPalette.ButtonText
        return self._colour or palette.color(QPalette.Active, role).name()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(QColor(Qt.transparent))
        painter = QPainter(pixmap)
        self.paint(painter, QRectF(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap


@lru_cache(maxsize=256)
def _renderer(name: str, ink: str) -> QSvgRenderer:
    svg = _SVG.format(ink=ink, shape=SHAPES[name].format(ink=ink))
    return QSvgRenderer(QByteArray(svg.encode()))
