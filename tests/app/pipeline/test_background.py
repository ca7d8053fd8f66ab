"""One piece of work beside the caller."""

from __future__ import annotations

import threading

from app.pipeline.background import Background


def test_the_answer_or_the_error_is_told_once() -> None:
    told: list[object] = []

    def fails() -> int:
        raise KeyError("lost")

    for work in (lambda: 7, fails):
        task = Background("work", work, told.append, lambda error: told.append(type(error)))
        assert task.join(10) and not task.running

    assert told == [7, KeyError]


def test_joining_does_not_wait_longer_than_asked() -> None:
    release = threading.Event()
    task = Background("work", release.wait, lambda answer: None, lambda error: None)

    assert not task.join(0.01) and task.running
    release.set()
    assert task.join(10)


def test_who_joins_from_inside_is_not_blocked() -> None:
    told: list[bool] = []
    ready = threading.Event()
    holder: list[Background[bool]] = []

    def work() -> bool:
        ready.wait()
        return holder[0].join(None)

    holder.append(Background("work", work, told.append, lambda error: None))
    ready.set()
    assert holder[0].join(10)
    assert told == [False]
