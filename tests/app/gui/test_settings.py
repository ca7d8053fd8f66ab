"""What is remembered: written soon, read back, and no reason to stay shut when damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.dials import Dials
from app.gui.presets import Controls
from app.gui.settings import Settings, from_plain
from app.people import PeopleConfig
from app.steps.draw import DrawStyle


@dataclass(frozen=True)
class Inner:
    size_wh: tuple[int, int] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    number: int = 3
    share: float = 0.5
    on: bool = True
    kind: Literal["a", "b"] = "a"
    folder: Path = Path("x")
    several: str | tuple[str, ...] = "one"
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("plain", "section"),
    [
        (None, Section()),
        ({}, Section()),
        ("text", Section()),
        ({"number": 4, "unknown": 1}, Section(number=4)),
        ({"number": "4"}, Section()),
        ({"number": True}, Section()),
        ({"share": 1}, Section(share=1.0)),
        ({"kind": "b"}, Section(kind="b")),
        ({"kind": "c"}, Section()),
        ({"several": ["one", "two"]}, Section(several=("one", "two"))),
        ({"inner": {"size_wh": [4, 3], "names": ["n"]}}, Section(inner=Inner((4, 3), ("n",)))),
        ({"inner": {"size_wh": [4]}}, Section()),
        ({"inner": {"size_wh": None}}, Section()),
        ({"number": 10**30}, Section()),
        ({"share": float("inf")}, Section()),
        ({"share": float("nan")}, Section()),
        ({"share": 1e300}, Section()),
        ({"several": []}, Section()),
        ({"folder": 3, "inner": {"names": 4}}, Section()),
    ],
)
def test_what_does_not_fit_keeps_its_default(plain: object, section: Section) -> None:
    assert from_plain(Section, plain) == section


def test_everything_comes_back(tmp_path: Path, qapp: QApplication) -> None:
    path = tmp_path / "folder" / "window.json"
    controls = Controls(
        PeopleConfig(detect_every=3, pose=("a.onnx", "b.onnx")),
        Dials(max_people=7, style=DrawStyle(privacy="faces", trail_s=1.5)),
    )
    first = Settings(path)
    first.put(controls)
    first.put(Section(number=9), "mine")
    first.flush()

    again = Settings(path)

    assert again.get(Controls) == controls
    assert again.get(Section, "mine").number == 9 and again.get(Section) == Section()
    assert again.names(Section) == ["mine"]
    again.forget(Section, "mine")
    assert again.names(Section) == []
    assert not list(path.parent.glob("*.part"))


def test_a_change_is_written_soon(tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "window.json"
    settings = Settings(path)

    settings.put(Section(number=5))

    qtbot.waitUntil(path.exists, timeout=20_000)
    assert json.loads(path.read_text())["Section"]["number"] == 5


@pytest.mark.parametrize("content", ["{", "[1]", "\x00\xff", "[" * 100_000])
def test_a_damaged_file_opens_the_window_with_defaults(
    tmp_path: Path, qtbot: QtBot, content: str
) -> None:
    path = tmp_path / "window.json"
    path.write_text(content)

    settings = Settings(path)

    assert settings.get(Section) == Section()
    assert ("cannot be read" in settings.trouble) == (content != "[1]")


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, qapp: QApplication) -> None:
    (tmp_path / "file").touch()
    settings = Settings(tmp_path / "file" / "window.json")

    settings.put(Section(number=1))
    settings.flush()

    assert settings.get(Section).number == 1
