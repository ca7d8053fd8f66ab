"""What the window remembers between runs: frozen dataclasses in one JSON file.

Each part of the window has a dataclass of its own and asks for it by type. A value that does not
fit falls back to its default, so neither an older nor a damaged file keeps the window shut.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from PyQt5.QtCore import QObject, QStandardPaths, QTimer

_log = logging.getLogger(__name__)

Section = TypeVar("Section")
_LARGEST = 2**31 - 1  # of a number that a widget can show
_SAVE_AFTER_MS = 400  # a slider that is dragged is written once


class Settings(QObject):
    """Sections by type; a change is written soon after, and on `flush`.

    Args:
        path: The file; None remembers nothing beyond this run.
        parent: Owns it.
    """

    def __init__(self, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.trouble = ""  # why the file could not be read; for a notice
        self._plain: dict[str, Any] = self._read()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SAVE_AFTER_MS)
        self._soon.timeout.connect(self.flush)

    def get(self, kind: type[Section], name: str = "") -> Section:
        """A section as it was last put, or with its defaults.

        Args:
            kind: Its frozen dataclass.
            name: Where a kind has several, such as presets.
        """
        return from_plain(kind, self._plain.get(_key(kind, name)))

    def put(self, section: Any, name: str = "") -> None:
        """Remember a section."""
        plain = dataclasses.asdict(section)
        if self._plain.get(_key(type(section), name)) != plain:
            self._plain[_key(type(section), name)] = plain
            self._soon.start()

    def forget(self, kind: type[Any], name: str = "") -> None:
        """Back to the defaults."""
        if self._plain.pop(_key(kind, name), None) is not None:
            self._soon.start()

    def names(self, kind: type[Any]) -> list[str]:
        """The names under which sections of a kind were put, sorted."""
        start = f"{kind.__name__}:"
        return sorted(key.removeprefix(start) for key in self._plain if key.startswith(start))

    def flush(self) -> None:
        """Write what has changed: beside the file, then in its place."""
        self._soon.stop()
        if self.path is None:
            return
        part = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(self._plain, indent=1, sort_keys=True, default=str), "utf-8")
            os.replace(part, self.path)
        except OSError as error:
            _log.warning("settings could not be written to %s: %s", self.path, error)

    def _read(self) -> dict[str, Any]:
        if self.path is None or not self.path.exists():
            return {}
        try:
            plain = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            self.trouble = f"the settings in {self.path} cannot be read: {error}"
            return {}
        return plain if isinstance(plain, dict) else {}


def settings_path() -> Path:
    """Where the settings of this user are: `~/.config/cascaded-pose/window.json` on Linux."""
    folder = QStandardPaths.writableLocation(QStandardPaths.GenericConfigLocation)
    return Path(folder) / "cascaded-pose" / "window.json"


def _key(kind: type[Any], name: str) -> str:
    return f"{kind.__name__}:{name}" if name else kind.__name__


def from_plain(kind: type[Section], plain: Any) -> Section:
    """A dataclass from what JSON gives: fields that are missing or do not fit keep their default.

    Args:
        kind: A dataclass whose fields all have defaults.
        plain: Anything.
    """
    if not isinstance(plain, Mapping):
        return kind()
    hints = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in plain:
            try:
                values[field.name] = _fitted(hints[field.name], plain[field.name])
            except (TypeError, ValueError, AttributeError):
                _log.debug("%s.%s does not fit: %r", kind, field.name, plain[field.name])
    try:
        return kind(**values)
    except (TypeError, ValueError):  # each fits, but not together
        return kind()


def _fitted(hint: Any, value: Any) -> Any:
    """The value as its type; TypeError or ValueError if it is another."""
    origin, inner = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, value)  # type: ignore[arg-type]
    if origin is Literal:
        if value in inner:
            return value
        raise ValueError(value)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        if str in inner and value == []:  # one or several, but never none
            raise ValueError(value)
        return _first_fitting([each for each in inner if each is not type(None)], value)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(value)
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_fitted(each, item) for each, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {_fitted(inner[0], key): _fitted(inner[1], item) for key, item in value.items()}
    if hint is float and type(value) in (int, float):
        if not abs(value) <= _LARGEST:
            raise ValueError(value)
        return float(value)
    if hint is int and type(value) is int and abs(value) > _LARGEST:
        raise ValueError(value)
    if hint is Path:
        return Path(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise TypeError(value)


def _first_fitting(hints: list[Any], value: Any) -> Any:
    for hint in hints:
        try:
            return _fitted(hint, value)
        except (TypeError, ValueError):
            continue
    raise TypeError(value)
