"""The session: one pipeline at a time, and never a wait in the GUI thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PyQt5.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app.dials import Dials
from app.gui.bridge import SceneBridge
from app.gui.session import Request, Session, State
from app.people import PeopleConfig
from app.sources.live import LinkState
from pose.errors import UnavailableError
from tests.app.gui.scripted import Scripted


@pytest.fixture
def session(script: Scripted, qtbot: QtBot) -> Iterator[Session]:
    bridge = SceneBridge()
    made = Session([bridge], Dials, lambda text, options: script.opened(text), bridge)
    yield made
    script.end()
    made.stop()
    assert made.join(10)


def until(qtbot: QtBot, session: Session, state: State) -> None:
    qtbot.waitUntil(lambda: session.state is state, timeout=20_000)


def test_it_runs_and_stops(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    session.start(Request("0", networks))
    assert session.state.value == "opening"
    script.give(3)
    until(qtbot, session, State.RUNNING)

    with qtbot.waitSignal(session.ended, timeout=20_000) as ended:
        session.stop()

    assert session.state is State.IDLE
    assert ended.args[0].frames_out >= 1
    assert session.skeleton is not None and len(session.skeleton) == 17


def test_another_request_replaces_the_one_that_runs(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    session.start(Request("first", networks))
    script.give(1)
    until(qtbot, session, State.RUNNING)

    session.start(Request("second", replace(networks, batch=2)))
    session.start(Request("third", replace(networks, batch=3)))
    assert session.state is State.OPENING
    qtbot.waitUntil(lambda: script.opens == ["first", "third"], timeout=20_000)
    script.give(1)
    until(qtbot, session, State.RUNNING)

    assert session.request is not None and session.request.people.batch == 3


def test_other_networks_are_there_also_while_it_is_paused(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    session.start(Request("0", networks))
    script.give(1)
    until(qtbot, session, State.RUNNING)
    session.pause(True)

    session.start(Request("0", replace(networks, batch=2)))

    assert session.state.value == "switching"
    until(qtbot, session, State.RUNNING)
    assert session.request is not None and session.request.people.batch == 2


def test_an_error_ends_it_and_is_told(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    session.start(Request("0", networks))
    script.give(1)
    until(qtbot, session, State.RUNNING)

    with qtbot.waitSignal(session.failed, timeout=20_000) as failed:
        script.fail(UnavailableError("the cable is out"))

    assert str(failed.args[0]) == "the cable is out"
    assert session.state is State.IDLE


def test_a_wrong_network_is_told_before_anything_is_opened(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(session.failed, timeout=20_000) as failed:
        session.start(Request("0", replace(networks, pose="nothing.onnx")))

    assert "nothing.onnx" in str(failed.args[0])
    assert script.entered == 0


def test_a_lost_device_shows_as_reconnecting_and_comes_back(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    session.start(Request("0", networks))
    script.give(1)
    until(qtbot, session, State.RUNNING)

    script.state = LinkState.LOST
    until(qtbot, session, State.RECONNECTING)
    script.state = LinkState.LIVE
    script.give(1)
    until(qtbot, session, State.RUNNING)


def test_a_source_that_hangs_blocks_nobody(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    """Events are handled while the source will not open, and after a wish to stop it."""
    script.hangs = True
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(0))
    timer.start(1)

    session.start(Request("0", networks))
    qtbot.waitUntil(lambda: script.entered > 0, timeout=20_000)
    session.stop()
    session.pause(True)
    seen = len(ticks)
    qtbot.waitUntil(lambda: len(ticks) > seen + 20, timeout=20_000)

    assert session.state is State.STOPPING
    assert not session.join(0)
    timer.stop()


def test_a_pause_holds_and_lets_go(
    session: Session, script: Scripted, networks: PeopleConfig, qtbot: QtBot
) -> None:
    readings: list[int] = []
    session.read.connect(lambda reading: readings.append(reading.frames_in))
    session.pause(True)
    session.start(Request("0", networks))
    script.give(5)
    qtbot.waitUntil(lambda: len(readings) > 3 and script._given == 5, timeout=20_000)
    assert readings[-1] == 0  # what a paused camera shows is let go

    session.pause(False)
    script.give(1)
    qtbot.waitUntil(lambda: readings[-1] == 1, timeout=20_000)
