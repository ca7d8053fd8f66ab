"""Sending to other programs from the window."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from PyQt5.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.gui.live_page import LivePage, LiveSettings
from app.gui.send_card import SendCard
from app.gui.session import State
from tests.app.gui.scripted import Scripted

WITHIN_MS = 20_000


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[SendCard]:
    parent = QWidget()
    qtbot.addWidget(parent)
    yield SendCard(parent)


def enter(card: SendCard, text: str) -> None:
    card.line.setText(text)
    card.line.editingFinished.emit()


def test_nothing_is_sent_at_first(card: SendCard) -> None:
    assert card.addresses == ()
    assert "udp://" in card.line.toolTip() and "stdout" not in card.line.toolTip()


def test_addresses_are_told_once(card: SendCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(card.wanted) as wanted:
        enter(card, " udp://127.0.0.1:9000  osc://127.0.0.1:9002 ")
    assert wanted.args[0] == ("udp://127.0.0.1:9000", "osc://127.0.0.1:9002")

    with qtbot.assertNotEmitted(card.wanted):
        card.line.editingFinished.emit()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "nonsense"),
        ("stdout", "main.py live --send stdout"),
        ("udp://127.0.0.1:9000 udp://127.0.0.1:9000", "twice"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    card: SendCard, qtbot: QtBot, text: str, complaint: str
) -> None:
    with qtbot.assertNotEmitted(card.wanted), qtbot.waitSignal(card.refused) as refused:
        enter(card, text)

    assert complaint in str(refused.args[0])
    assert card.addresses == ()


def test_another_program_gets_the_people_of_the_live_page(
    live: LivePage, script: Scripted, qtbot: QtBot
) -> None:
    live.start()
    script.give(1)
    qtbot.waitUntil(lambda: live.session.state is State.RUNNING, timeout=WITHIN_MS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(20)
        address = f"udp://127.0.0.1:{other.getsockname()[1]}"

        enter(live.panel.send, address)
        qtbot.waitUntil(lambda: len(script.opens) == 2, timeout=WITHIN_MS)
        script.give(2)
        qtbot.waitUntil(lambda: live.session.state is State.RUNNING, timeout=WITHIN_MS)
        record = json.loads(other.recv(65_536))

    assert len(record["people"]) == 1
    assert live.desk.settings.get(LiveSettings).send == address
