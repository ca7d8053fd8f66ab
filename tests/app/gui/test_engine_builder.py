"""Building an engine from the window: a child process with progress, log and a clear end."""

from __future__ import annotations

import sys

import pytest
from pytestqt.qtbot import QtBot

from app.command_line import parse
from app.gui.engine_builder import MAIN, EngineBuilder
from app.people import PeopleConfig

WITHIN_MS = 30_000


def builder(qtbot: QtBot, program: str) -> EngineBuilder:
    made = EngineBuilder(PeopleConfig(), command=(sys.executable, "-c", program))
    qtbot.addWidget(made)
    return made


def test_progress_and_log_are_shown_while_it_builds(qtbot: QtBot) -> None:
    dialog = builder(
        qtbot, "import sys; print('layer 1 of 2, 50 %'); print(*sys.argv[1:]); print('done 100%')"
    )
    seen: list[int] = []
    dialog.bar.valueChanged.connect(seen.append)

    with qtbot.waitSignal(dialog.built, timeout=WITHIN_MS):
        dialog.start_button.click()

    assert 50 in seen and dialog.bar.value() == 100
    assert "layer 1 of 2" in dialog.log.toPlainText()
    assert " ".join(dialog.arguments()) in dialog.log.toPlainText()
    assert dialog.status.text() == "The engine is ready."


def test_a_failure_is_told_in_one_line(qtbot: QtBot) -> None:
    dialog = builder(qtbot, "import sys; sys.exit('error: there is no NVIDIA GPU here')")

    dialog.start()
    qtbot.waitUntil(lambda: "ended with code 1" in dialog.status.text(), timeout=WITHIN_MS)

    assert "there is no NVIDIA GPU here" in dialog.status.text()
    assert dialog.status.text() not in ("", "Building…")


def test_a_build_can_be_cancelled_and_dies_with_its_window(qtbot: QtBot) -> None:
    endless = "import time; print('on', flush=True); time.sleep(600)"
    for end in (EngineBuilder.start, EngineBuilder.close):
        dialog = builder(qtbot, endless)
        dialog.start()
        process, log = dialog.process, dialog.log
        qtbot.waitUntil(lambda: "on" in log.toPlainText(), timeout=WITHIN_MS)  # noqa: B023

        end(dialog)

        qtbot.waitUntil(lambda: process.state() == process.NotRunning, timeout=WITHIN_MS)  # noqa: B023


def test_what_cannot_be_started_is_told(qtbot: QtBot) -> None:
    dialog = EngineBuilder(PeopleConfig(), command=("/nowhere/python",))
    qtbot.addWidget(dialog)

    dialog.start()
    qtbot.waitUntil(lambda: dialog.start_button.text() == "Build", timeout=WITHIN_MS)

    assert dialog.status.text() not in ("", "Building…")


def test_the_command_knows_these_flags(qtbot: QtBot) -> None:
    """What the window asks for is what `main.py build` takes."""
    module = pytest.importorskip("build_engine.build", reason="needs pip install -e '.[train]'")
    dialog = EngineBuilder(PeopleConfig())
    qtbot.addWidget(dialog)

    config = parse(module.Config, dialog.arguments(), "main.py build", "")

    assert isinstance(config, module.Config) and MAIN.is_file()
