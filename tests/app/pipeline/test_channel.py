"""Channels and the door: bounds, closing, aborting."""

from __future__ import annotations

import threading

import pytest

from app.pipeline.channel import AbortedError, Channel
from app.pipeline.door import Door
from tests.app.pipeline.fakes import PATIENCE_S


def ignore(item: int) -> None:
    pass


def test_a_closed_channel_still_gives_what_is_inside() -> None:
    channel = Channel[int](capacity=3)
    channel.put(1)
    channel.put(2)
    channel.close()

    assert list(channel) == [1, 2]
    assert list(channel) == []


def test_a_full_channel_makes_the_sender_wait() -> None:
    channel = Channel[int](capacity=1)
    channel.put(1)
    sent = threading.Event()

    def send() -> None:
        channel.put(2)
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert len(channel) == 1 and not sent.is_set()

    assert next(iter(channel)) == 1
    assert sent.wait(PATIENCE_S)
    sender.join()


@pytest.mark.parametrize("way", [Channel[int](1), Door[int](1, ignore)], ids=["channel", "door"])
def test_abort_wakes_both_ends(way: Channel[int] | Door[int]) -> None:
    ended: list[str] = []
    ready = threading.Barrier(2)

    def receive() -> None:
        ready.wait(PATIENCE_S)
        try:
            list(way)
        except AbortedError:
            ended.append("receiver")

    receiver = threading.Thread(target=receive)
    receiver.start()
    ready.wait(PATIENCE_S)
    way.abort()
    receiver.join(PATIENCE_S)

    assert ended == ["receiver"]
    with pytest.raises(AbortedError):
        way.put(1)
    with pytest.raises(AbortedError):
        next(iter(way))


def test_an_aborted_channel_lets_go_of_a_sender_that_waits() -> None:
    channel = Channel[int](capacity=1)
    channel.put(1)
    ended: list[str] = []

    def send() -> None:
        try:
            channel.put(2)
        except AbortedError:
            ended.append("sender")

    sender = threading.Thread(target=send)
    sender.start()
    channel.abort()
    sender.join(PATIENCE_S)

    assert ended == ["sender"]


def test_nothing_is_put_into_a_closed_channel() -> None:
    channel = Channel[int](capacity=1)
    channel.close()

    with pytest.raises(ValueError, match="closed"):
        channel.put(1)


def test_at_the_door_the_newest_wins() -> None:
    dropped: list[int] = []
    door = Door[int](1, dropped.append)
    for item in range(5):
        door.put(item)
    door.close()

    assert list(door) == [4]
    assert dropped == [0, 1, 2, 3]


def test_the_door_lets_the_next_one_in_when_one_has_left() -> None:
    door = Door[int](1, ignore)
    inside = iter(door)
    door.put(1)
    assert next(inside) == 1
    door.put(2)
    entered = threading.Event()
    second: list[int] = []

    def enter() -> None:
        second.append(next(inside))
        entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.is_set()
    door.put(3)  # still outside: replaces 2
    door.leave()
    assert entered.wait(PATIENCE_S)
    waiting.join()

    assert second == [3]


@pytest.mark.parametrize("make", [Channel[int], lambda size: Door[int](size, ignore)])
def test_there_must_be_room_for_one(make: type[Channel[int]]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        make(0)
