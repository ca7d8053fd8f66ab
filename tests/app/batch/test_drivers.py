"""Both drivers of a batch: errors of one input, pause, cancel, stop, a killed worker, a restart."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.batch.batch import Batch
from app.batch.entry import Entry, Settings, State
from app.batch.here import work_here
from app.batch.manifest import read_manifest
from app.batch.pool import work_in_pool
from app.people import PeopleConfig
from app.pipeline.meter import Reading
from pose.errors import UsageError
from tests.app import drawn

Driver = Callable[[Batch, Callable[[], None]], Iterator[Entry]]


def here(batch: Batch, look: Callable[[], None]) -> Iterator[Entry]:
    @contextmanager
    def show(name: str, total: int | None) -> Iterator[Callable[[Reading], None]]:
        yield lambda reading: look()

    return work_here(batch, show)


def pool(batch: Batch, look: Callable[[], None]) -> Iterator[Entry]:
    return work_in_pool(batch, 1, look)


every_driver = pytest.mark.parametrize("driver", [here, pool])


def settings(folder: Path) -> Settings:
    _, person, _, pose = drawn.write_networks(folder)
    return Settings(PeopleConfig(person=person, pose=pose, lanes=1), ("jsonl",))


def nothing() -> None:
    """What most tests do meanwhile."""


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@every_driver
def test_an_input_that_fails_costs_the_others_nothing(driver: Driver, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("text")
    good = [str(drawn.write_pictures(tmp_path / name, 2)) for name in ("a", "b")]
    batch = Batch(tmp_path / "out")
    batch.add([good[0], str(bad), "missing.mp4", good[1]], settings(tmp_path))

    ended = list(driver(batch, nothing))

    assert [entry.state.value for entry in ended] == ["done", "failed", "failed", "done"]
    assert [entry.exit_code for entry in ended] == [0, 65, 65, 0]
    assert str(bad) in ended[1].error
    assert [entry.state for entry in read_manifest(batch.out)] == [e.state for e in ended]
    assert [lines(batch.out / f"{name}.jsonl") for name in "ab"] == [2, 2]


def test_a_bug_costs_one_input_and_is_told_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = [str(drawn.write_pictures(tmp_path / name, 1)) for name in ("a", "b")]
    batch = Batch(tmp_path / "out")
    batch.add(inputs, settings(tmp_path))
    broken = [True]

    def annotate(*arguments: object, **named: object) -> Reading:
        if broken and broken.pop():
            raise ZeroDivisionError("in the code")
        return Reading(frames_out=1)

    monkeypatch.setattr("app.batch.work.annotate", annotate)

    ended = list(here(batch, nothing))

    assert [entry.exit_code for entry in ended] == [70, 0]
    assert "a bug in the program: ZeroDivisionError" in ended[0].error
    assert "Traceback" in caplog.text


@every_driver
def test_a_paused_input_stands_still_and_goes_on(driver: Driver, tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "long.mp4", 600)
    batch = Batch(tmp_path / "out")
    (entry,) = batch.add([str(clip)], settings(tmp_path))
    seen: list[int] = []
    still = 0

    def look() -> None:
        nonlocal still
        frames = batch[entry.key].progress.frames
        if frames and not batch.paused and not still:
            batch.pause()
        elif batch.paused:
            still = still + 1 if seen and seen[-1] == frames else 0
            if still == 5:
                batch.resume()
        seen.append(frames)

    (ended,) = driver(batch, look)

    assert ended.state is State.DONE and still == 5
    assert lines(batch.out / "long.jsonl") == 600


@every_driver
def test_a_cancelled_input_ends_early_and_the_next_one_begins(
    driver: Driver, tmp_path: Path
) -> None:
    clip = drawn.write_clip(tmp_path / "long.mp4", 400)
    batch = Batch(tmp_path / "out")
    long, _ = batch.add(
        [str(clip), str(drawn.write_pictures(tmp_path / "a", 1))], settings(tmp_path)
    )

    def look() -> None:
        if batch[long.key].progress.frames:
            batch.cancel(long.key)

    ended = list(driver(batch, look))

    assert [entry.state for entry in ended] == [State.CANCELLED, State.DONE]
    assert not (batch.out / "long.jsonl").exists()


@every_driver
def test_what_stop_interrupts_waits_for_the_next_run(driver: Driver, tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "long.mp4", 400)
    batch = Batch(tmp_path / "out")
    (entry,) = batch.add([str(clip)], settings(tmp_path))

    def look() -> None:
        if batch[entry.key].progress.frames:
            batch.stop()

    list(driver(batch, look))

    (stored,) = read_manifest(batch.out)
    assert (stored.state, stored.begun) == (State.WAITING, True)
    assert multiprocessing.active_children() == []


def test_a_killed_worker_costs_its_input_and_a_new_one_does_the_rest(tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "long.mp4", 400)
    batch = Batch(tmp_path / "out")
    long, _ = batch.add(
        [str(clip), str(drawn.write_pictures(tmp_path / "a", 1))], settings(tmp_path)
    )
    killed: list[int] = []

    def look() -> None:
        if batch[long.key].progress.frames and not killed:
            (worker,) = multiprocessing.active_children()
            assert worker.pid is not None
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    first, second = pool(batch, look)

    assert (first.state, first.exit_code) == (State.FAILED, 70)
    assert "signal 9" in first.error and "try it again" in first.error
    assert second.state is State.DONE
    batch.retry(long.key)
    assert [entry.state for entry in pool(batch, nothing)] == [State.DONE]


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_worker_can_do_nothing(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(UsageError, match="--jobs"):
        next(work_in_pool(Batch(tmp_path), jobs))


PROGRAM = """
import sys
from pathlib import Path
from app.people import PeopleConfig
from app.batch.batch import Batch
from app.batch.entry import Settings
from app.batch.pool import work_in_pool

if __name__ == "__main__":
    out, person, pose, *inputs = sys.argv[1:]
    batch = Batch(Path(out))
    people = PeopleConfig(person=person, pose=pose, lanes=1)
    batch.add(inputs, Settings(people, ("jsonl",)))
    for entry in work_in_pool(batch, 1):
        sys.stdout.write(f"{entry.name}\\n")
        sys.stdout.flush()
"""


@pytest.mark.slow
def test_after_a_kill_only_what_is_missing_is_done(tmp_path: Path) -> None:
    """The whole program is killed while it works on the second of three inputs."""
    inputs = [
        drawn.write_pictures(tmp_path / "a", 1),
        drawn.write_clip(tmp_path / "b.mp4", 600),
        drawn.write_pictures(tmp_path / "c", 1),
    ]
    _, person, _, pose = drawn.write_networks(tmp_path)
    script, out = tmp_path / "program.py", tmp_path / "out"
    script.write_text(PROGRAM)
    command = [sys.executable, str(script), str(out), person, pose, *map(str, inputs)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a\n"
        wait_for(lambda: (out / "b.part.jsonl").exists() and lines(out / "b.part.jsonl") > 0)
        workers = children(process.pid)
        process.kill()

    wait_for(lambda: not any(alive(worker) for worker in workers))  # none is left behind
    states = [
        each["state"] for each in json.loads((out / ".batch.manifest").read_text())["entries"]
    ]
    assert states == ["done", "working", "waiting"]
    before = (out / "a.jsonl").stat().st_mtime_ns

    again = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=100, check=True
    )

    assert again.stdout.split() == ["b", "c"]
    assert (out / "a.jsonl").stat().st_mtime_ns == before
    assert [lines(out / f"{name}.jsonl") for name in "abc"] == [1, 600, 1]
    assert sorted(path.name for path in out.iterdir() if ".part" in path.name) == []


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def alive(pid: int) -> bool:
    if not psutil.pid_exists(pid):
        return False
    ended: bool = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return not ended


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.01)
