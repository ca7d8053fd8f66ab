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
    channel.put(0, 1)
    channel.put(1, 2)
    channel.close()

    assert list(channel) == [(0, 1), (1, 2)]
    assert list(channel) == []


def test_a_full_channel_makes_the_sender_wait() -> None:
    channel = Channel[int](capacity=1)
    channel.put(0, 1)
    sent = threading.Event()

    def send() -> None:
        channel.put(1, 2)
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert len(channel) == 1 and not sent.is_set()

    assert next(iter(channel)) == (0, 1)
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
        way.put(0, 1)
    with pytest.raises(AbortedError):
        next(iter(way))


def test_an_aborted_channel_lets_go_of_a_sender_that_waits() -> None:
    channel = Channel[int](capacity=1)
    channel.put(0, 1)
    ended: list[str] = []

    def send() -> None:
        try:
            channel.put(1, 2)
        except AbortedError:
            ended.append("sender")

    sender = threading.Thread(target=send)
    sender.start()
    channel.abort()
    sender.join(PATIENCE_S)

    assert ended == ["sender"]


def test_nothing_is_put_into_a_closed_channel_and_nothing_twice() -> None:
    channel = Channel[int](capacity=2)
    channel.put(0, 1)

    with pytest.raises(ValueError, match="twice"):
        channel.put(0, 1)
    channel.close()
    with pytest.raises(ValueError, match="after the end"):
        channel.put(1, 1)


def test_items_come_out_in_the_order_of_their_numbers() -> None:
    channel = Channel[str](capacity=3)
    channel.put(2, "c")
    channel.put(0, "a")
    channel.put(1, "b")
    channel.close()

    assert list(channel) == [(0, "a"), (1, "b"), (2, "c")]


def test_a_channel_ends_when_the_last_of_its_senders_has_closed() -> None:
    channel = Channel[str](capacity=2, senders=2)
    channel.put(0, "a")
    channel.close()
    taken = iter(channel)
    assert next(taken) == (0, "a")
    channel.put(1, "b")
    channel.close()

    assert list(taken) == [(1, "b")]


def test_at_the_door_the_newest_wins() -> None:
    dropped: list[int] = []
    door = Door[int](1, dropped.append)
    for item in range(5):
        door.put(item, item)
    door.close()

    assert list(door) == [(0, 4)]
    assert dropped == [0, 1, 2, 3]


def test_the_door_lets_the_next_one_in_when_one_has_left() -> None:
    door = Door[int](1, ignore)
    inside = iter(door)
    door.put(0, 1)
    assert next(inside) == (0, 1)
    door.put(1, 2)
    entered = threading.Event()
    second: list[tuple[int, int]] = []

    def enter() -> None:
        second.append(next(inside))
        entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.is_set()
    door.put(2, 3)  # still outside: replaces 2
    door.leave()
    assert entered.wait(PATIENCE_S)
    waiting.join()

    assert second == [(1, 3)], "numbered as it went in"


@pytest.mark.parametrize("make", [Channel[int], lambda size: Door[int](size, ignore)])
def test_there_must_be_room_for_one(make: type[Channel[int]]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        make(0)
