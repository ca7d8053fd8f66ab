"""Dark and light: a palette for Qt's Fusion style, and one style sheet of the same colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtGui import QColor, QPalette
from PyQt5.QtWidgets import QApplication

THEMES = ("system", "dark", "light")
_SHAPES = (Path(__file__).parent / "shapes").as_posix()


@dataclass(frozen=True)
class Colours:
    """What a theme is made of; all as #rrggbb.

    Attributes:
        window, panel, field: Backgrounds: of the window, of cards on it, of what is typed into.
        line: Borders.
        text, faint: Words, and words of less weight.
        accent, on_accent: The main button, what is selected; words on it.
        pressed: A button that is on.
        stage: Behind the picture.
        tick: Name of the mark's file on `accent`.
        error, warning, news, good: Backgrounds of notices; the mark of what is well.
    """

    window: str
    panel: str
    field: str
    line: str
    text: str
    faint: str
    accent: str
    on_accent: str
    pressed: str
    stage: str
    error: str
    warning: str
    news: str
    good: str
    tick: str


DARK = Colours(
    window="#16181d", panel="#1e2128", field="#14161a", line="#343944", text="#e8eaf0",
    faint="#9aa2b1", accent="#56b4e9", on_accent="#08131b", pressed="#233b4c", stage="#0b0c0f",
    error="#7a2530", warning="#6b4d12", news="#1f4a68", good="#3ec28f",
    tick="tick_dark",
)  # fmt: skip
LIGHT = Colours(
    window="#f3f4f7", panel="#ffffff", field="#ffffff", line="#cfd4de", text="#1b1e25",
    faint="#5b6474", accent="#0f6ea8", on_accent="#ffffff", pressed="#d3e8f6", stage="#1b1e25",
    error="#f7c9cf", warning="#f8e2b0", news="#cbe6f7", good="#0b7d56",
    tick="tick_light",
)  # fmt: skip


def apply_theme(application: QApplication, name: str) -> Colours:
    """Dress the whole application; answers the colours, for what draws by itself.

    Args:
        application: The one there is.
        name: One of `THEMES`; `system` follows the desktop's own palette.
    """
    if name == "system":
        application.setProperty("colours", None)
        own = application.style().standardPalette().color(QPalette.Window)
        desktop = _desktop_window(application)
        colours = DARK if (desktop or own).lightness() < 128 else LIGHT
    else:
        colours = DARK if name == "dark" else LIGHT
    application.setStyle("Fusion")
    application.setPalette(_palette(colours))
    application.setStyleSheet(_sheet(colours))
    application.setProperty("colours", colours)
    return colours


def current_colours() -> Colours:
    """The colours of the theme that the application wears now."""
    application = QApplication.instance()
    colours = application.property("colours") if application is not None else None
    return colours if isinstance(colours, Colours) else LIGHT


def _desktop_window(application: QApplication) -> QColor | None:
    """The background that the desktop asked for before we dressed anything; remembered."""
    known = application.property("desktop_window")
    if not isinstance(known, QColor):
        known = application.palette().color(QPalette.Window)
        application.setProperty("desktop_window", known)
    return known


def _palette(c: Colours) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.Window: c.window,
        QPalette.WindowText: c.text,
        QPalette.Base: c.field,
        QPalette.AlternateBase: c.panel,
        QPalette.ToolTipBase: c.panel,
        QPalette.ToolTipText: c.text,
        QPalette.Text: c.text,
        QPalette.PlaceholderText: c.faint,
        QPalette.Button: c.panel,
        QPalette.ButtonText: c.text,
        QPalette.BrightText: "#ffffff",
        QPalette.Highlight: c.accent,
        QPalette.HighlightedText: c.on_accent,
        QPalette.Link: c.accent,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    weak = QColor(c.faint)
    weak.setAlpha(130)
    for role in (QPalette.WindowText, QPalette.Text, QPalette.ButtonText):
        palette.setColor(QPalette.Disabled, role, weak)
    return palette


def _sheet(c: Colours) -> str:
    return f"""
QToolTip {{ color: {c.text}; background: {c.panel}; border: 1px solid {c.line}; padding: 4px; }}
#sidebar {{ background: {c.panel}; border-right: 1px solid {c.line}; }}
#sidebar QToolButton {{ border: none; border-radius: 8px; padding: 8px 4px; color: {c.faint}; }}
#sidebar QToolButton:hover {{ background: {c.window}; color: {c.text}; }}
#sidebar QToolButton:checked {{ background: {c.window}; color: {c.text};
    border-left: 3px solid {c.accent}; border-radius: 0; }}
#sidebar QToolButton:focus {{ border: 1px solid {c.accent}; }}
#card {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 8px; }}
#faint {{ color: {c.faint}; }}
#heading {{ font-weight: 600; font-size: 15pt; }}
#subheading {{ font-weight: 600; }}
#figure {{ font-weight: 600; font-size: 13pt; }}
QPushButton, QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox {{
    border: 1px solid {c.line}; border-radius: 6px; padding: 5px 9px; min-height: 18px;
    background: {c.field}; }}
QPushButton {{ background: {c.panel}; }}
QPushButton:hover, QComboBox:hover {{ border-color: {c.accent}; }}
QPushButton:focus, QComboBox:focus, QLineEdit:focus, QSpinBox:focus {{
    border: 1px solid {c.accent}; }}
QPushButton:checked {{ background: {c.pressed}; border-color: {c.accent}; }}
QPushButton:flat {{ border: 1px solid transparent; background: transparent; }}
QPushButton:flat:hover {{ border-color: {c.line}; }}
QPushButton:flat:focus {{ border-color: {c.accent}; }}
QPushButton#primary {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent};
    font-weight: 600; }}
QPushButton#primary:disabled {{ background: {c.panel}; color: {c.faint}; border-color: {c.line}; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{_SHAPES}/down.svg"); width: 14px; height: 14px; }}
QSpinBox::up-button, QSpinBox::down-button {{ border: none; width: 20px; background: transparent; }}
QSpinBox::up-arrow {{ image: url("{_SHAPES}/up.svg"); width: 11px; height: 11px; }}
QSpinBox::down-arrow {{ image: url("{_SHAPES}/down.svg"); width: 11px; height: 11px; }}
QPushButton::menu-indicator {{ image: url("{_SHAPES}/down.svg"); width: 10px;
    subcontrol-position: right center; right: 4px; }}
QMenu {{ background: {c.panel}; border: 1px solid {c.line}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 8px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.pressed}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {c.line}; border-radius: 4px; min-height: 28px; min-width: 28px;
    margin: 1px; }}
QScrollBar::handle:hover {{ background: {c.faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {c.line}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {c.accent}; }}
QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
    background: {c.text}; }}
QSlider::handle:horizontal:focus {{ background: {c.accent}; }}
QCheckBox {{ spacing: 6px; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {c.faint}; border-radius: 4px;
    background: {c.field}; }}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {c.accent}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent};
    image: url("{_SHAPES}/{c.tick}.svg"); }}
QCheckBox::indicator:disabled {{ border-color: {c.line}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QComboBox QAbstractItemView {{ background: {c.panel}; border: 1px solid {c.line};
    selection-background-color: {c.accent}; selection-color: {c.on_accent}; outline: 0; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QSplitter::handle {{ background: {c.window}; }}
#notice {{ border-radius: 8px; background: {c.error}; }}
#notice[kind="warning"] {{ background: {c.warning}; }}
#notice[kind="news"] {{ background: {c.news}; }}
QProgressBar {{ border: 1px solid {c.line}; border-radius: 6px; background: {c.field};
    text-align: center; min-height: 16px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 5px; }}
QHeaderView::section {{ background: {c.panel}; color: {c.faint}; border: none;
    border-bottom: 1px solid {c.line}; padding: 6px; }}
QTableView, QTreeView, QListView, QPlainTextEdit {{ border: 1px solid {c.line};
    border-radius: 6px; background: {c.field}; alternate-background-color: {c.panel}; }}
"""
