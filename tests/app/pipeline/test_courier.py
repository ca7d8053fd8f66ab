"""A courier never makes its caller wait, keeps the newest, and brings errors back."""

from __future__ import annotations

import logging
import math
import threading
from types import TracebackType

import pytest
from typing_extensions import Self

from app.pipeline.courier import Courier
from app.pipeline.stuck import left_behind
from tests.app.pipeline.fakes import PATIENCE_S


class Slow:
    """Notes what it gets, and takes the next item only when it may."""

    def __init__(self, tick_s: float = math.inf, on_enter: BaseException | None = None) -> None:
        self.tick_s = tick_s
        self.got: list[int] = []
        self.threads: set[str] = set()
        self.may_go = threading.Event()
        self.busy = threading.Event()
        self.attended = threading.Event()
        self.fails: BaseException | None = None
        self.left_with: list[type[BaseException] | None] = []
        self._on_enter = on_enter

    def __enter__(self) -> Self:
        self.threads.add(threading.current_thread().name)
        if self._on_enter is not None:
            raise self._on_enter
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.threads.add(threading.current_thread().name)
        self.left_with.append(kind)

    def __call__(self, item: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.busy.set()
        assert self.may_go.wait(PATIENCE_S)
        if self.fails is not None:
            raise self.fails
        self.got.append(item)

    def attend(self) -> None:
        self.attended.set()


def test_nothing_comes_and_nothing_happens() -> None:
    slow = Slow()

    with Courier("nobody", slow):
        pass

    assert slow.got == []
    assert slow.left_with == [None]
    assert left_behind() == []


def test_everything_arrives_in_order_in_one_thread_that_is_not_the_callers() -> None:
    slow = Slow()
    slow.may_go.set()

    with Courier("quick", slow, capacity=100) as put:
        for item in range(50):
            put(item)

    assert slow.got == list(range(50))
    assert slow.threads == {"send quick"}


def test_a_receiver_that_stands_still_costs_old_items_and_no_time() -> None:
    slow = Slow()

    with Courier("slow", slow, capacity=2) as put:
        put(0)
        assert slow.busy.wait(PATIENCE_S)
        for item in range(1, 100):  # returns at once, or the test hangs
            put(item)
        slow.may_go.set()

    assert slow.got == [0, 98, 99]
    assert put.given_up == 97


def test_one_that_never_comes_back_is_left_behind_with_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Slow()

    with caplog.at_level(logging.WARNING), Courier("stuck", slow, join_within_s=0.05) as put:
        put(0)
        assert slow.busy.wait(PATIENCE_S)

    assert [thread.name for thread in left_behind()] == ["send stuck"]
    assert "left behind" in caplog.text
    slow.may_go.set()
    for thread in left_behind():
        thread.join(PATIENCE_S)


def test_who_cannot_be_opened_says_so_to_the_caller() -> None:
    with (
        pytest.raises(OSError, match="taken"),
        Courier("closed", Slow(on_enter=OSError("taken"))),
    ):
        pytest.fail("it was opened")

    assert left_behind() == []


def test_an_error_reaches_the_caller_at_the_next_call() -> None:
    slow = Slow()
    slow.may_go.set()
    slow.fails = RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), Courier("broken", slow) as put:
        put(0)
        deadline = threading.Event()
        for _ in range(1000):
            put(1)
            deadline.wait(PATIENCE_S / 1000)


def test_an_error_at_the_very_end_is_not_lost() -> None:
    slow = Slow()
    slow.may_go.set()
    slow.fails = RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), Courier("broken", slow) as put:
        put(0)


def test_who_fails_elsewhere_does_not_wait_for_the_rest() -> None:
    slow = Slow()

    with pytest.raises(KeyError), Courier("slow", slow) as put:
        put(0)
        assert slow.busy.wait(PATIENCE_S)
        put(1)
        slow.may_go.set()
        raise KeyError

    assert 1 not in slow.got or slow.got == [0, 1]  # what was under way may arrive
    assert left_behind() == []


def test_listeners_are_looked_after_though_nothing_comes() -> None:
    slow = Slow(tick_s=0.001)

    with Courier("ticking", slow):
        assert slow.attended.wait(PATIENCE_S)

    assert slow.got == []
