"""Recording on demand: begin, end, privacy, a full disc, a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from app.sinks.room import LEAST_BYTES, RoomKeeper
from app.sinks.takes import TakeEvent, TakePlan, TakeRecorder, Video
from pose.errors import OutputError
from pose.skeleton import COCO_17
from pose.types import Scene
from tests.app.sinks.scenes import scene

NOON = time.strptime("2026-05-01 12:00:00", "%Y-%m-%d %H:%M:%S")
NAME = "people_2026-05-01_12-00-00"


class Recorder(TakeRecorder):
    """With its events kept, at noon."""

    def __init__(self, private: bool = False, free: int = 10 * LEAST_BYTES) -> None:
        self.private, self.free = private, free
        self.events: list[TakeEvent] = []
        super().__init__(
            lambda: COCO_17,
            self.events.append,
            lambda: not self.private,
            lambda paths: RoomKeeper(paths, every_s=0, free=lambda path: self.free),
            lambda: NOON,
        )

    @property
    def told(self) -> list[str]:
        return [event.kind for event in self.events]


def drawn(index: int) -> Scene:
    """A scene whose drawing is all red."""
    return replace(scene(index, count=1), drawing=np.full((120, 160, 3), (0, 0, 255), np.uint8))


def frames_of(path: Path) -> list[tuple[int, ...]]:
    """The middle pixel of every frame of a video, as BGR."""
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [tuple(image[60, 80].tolist()) for image in images]


def test_nothing_is_written_until_somebody_wants_it(tmp_path: Path) -> None:
    with Recorder() as recorder:
        recorder(drawn(0))

    assert recorder.events == [] and os.listdir(tmp_path) == []


def test_a_take_holds_what_came_between_start_and_stop(tmp_path: Path) -> None:
    with Recorder() as recorder:
        recorder(drawn(0))
        recorder.record(TakePlan(tmp_path / "new"))
        assert recorder.wanted
        for index in (1, 2, 3):
            recorder(drawn(index))
        recorder.stop()
        recorder(drawn(4))

    assert recorder.told == ["begun", "ended"]
    names = [f"{NAME}.mp4", f"{NAME}.jsonl", f"{NAME}.csv"]
    assert [path.name for path in recorder.events[1].paths] == names
    assert sorted(os.listdir(tmp_path / "new")) == sorted(names)
    lines = (tmp_path / "new" / names[1]).read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [1, 2, 3]
    assert len(frames_of(tmp_path / "new" / names[0])) == 3


@pytest.mark.parametrize(
    ("video", "red"),
    [
        ("annotated", {f"{NAME}.mp4": True}),
        ("clean", {f"{NAME}_clean.mp4": False}),
        ("both", {f"{NAME}.mp4": True, f"{NAME}_clean.mp4": False}),
        ("none", {}),
    ],
)
def test_the_video_is_annotated_or_clean(
    tmp_path: Path, video: Video, red: dict[str, bool]
) -> None:
    with Recorder() as recorder:
        recorder.record(TakePlan(tmp_path, video, ("csv",)))
        recorder(drawn(0))

    assert sorted(os.listdir(tmp_path)) == sorted([*red, f"{NAME}.csv"])
    for name, is_red in red.items():
        ((blue, _, red_part),) = frames_of(tmp_path / name)
        assert (red_part - blue > 150) == is_red


def test_a_take_that_nobody_wishes_for_is_completed_without_a_scene(tmp_path: Path) -> None:
    with Recorder() as recorder:
        recorder.settle()
        assert recorder.told == []
        recorder.record(TakePlan(tmp_path))
        recorder(drawn(0))
        recorder.settle()
        assert recorder.told == ["begun"]

        recorder.stop()
        recorder.record(TakePlan(tmp_path))  # another one, before the first is settled
        recorder.settle()
        assert recorder.told == ["begun", "ended"] and recorder.wanted
        assert not list(tmp_path.glob("*.part*"))
        recorder(drawn(1))

    assert recorder.told == ["begun", "ended"] * 2
    assert len(list(tmp_path.glob("*.mp4"))) == 2


def test_scenes_and_ends_from_two_threads_leave_whole_takes(tmp_path: Path) -> None:
    plan = TakePlan(tmp_path, video="none", records=("jsonl",))
    with Recorder() as recorder:
        over = threading.Event()

        def settle() -> None:
            while not over.is_set():
                recorder.settle()

        thread = threading.Thread(target=settle)
        thread.start()
        for index in range(60):
            recorder.stop() if index % 3 == 2 else recorder.record(plan)
            recorder(drawn(index))
        over.set()
        thread.join()

    begun = recorder.told.count("begun")
    assert begun >= 20 and recorder.told == ["begun", "ended"] * begun
    assert len(list(tmp_path.iterdir())) == begun
    assert not list(tmp_path.glob("*.part*"))


def test_a_new_pipeline_goes_on_in_new_files(tmp_path: Path) -> None:
    """Another model was chosen while the recording ran."""
    recorder = Recorder()
    recorder.record(TakePlan(tmp_path, "none", ("csv",)))
    with recorder:
        recorder(drawn(0))
    with recorder:
        recorder(drawn(1))

    assert recorder.told == ["begun", "ended"] * 2
    assert sorted(os.listdir(tmp_path)) == [f"{NAME}-2.csv", f"{NAME}.csv"]


def test_an_error_elsewhere_leaves_a_complete_recording(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Recorder() as recorder:
        recorder.record(TakePlan(tmp_path))
        recorder(drawn(0))
        raise RuntimeError("a network failed")

    assert recorder.told == ["begun", "ended"]
    assert (tmp_path / f"{NAME}.mp4").exists()


@pytest.mark.parametrize("video", ["clean", "both"])
def test_privacy_refuses_and_ends_clean_video_at_once(tmp_path: Path, video: Video) -> None:
    with Recorder() as recorder:
        recorder.record(TakePlan(tmp_path, video, ()))
        recorder(drawn(0))
        recorder.private = True
        recorder(drawn(1))
        recorder.record(TakePlan(tmp_path, video, ()))
        recorder(drawn(2))

    assert recorder.told == ["begun", "failed", "failed"]
    assert "privacy" in str(recorder.events[-1].error)
    assert not recorder.wanted
    assert all(len(frames_of(path)) == 1 for path in tmp_path.iterdir())


def test_privacy_lets_annotated_video_pass(tmp_path: Path) -> None:
    with Recorder(private=True) as recorder:
        recorder.record(TakePlan(tmp_path, "annotated", ()))
        recorder(drawn(0))

    assert recorder.told == ["begun", "ended"]


def test_it_ends_in_order_before_the_disc_is_full_and_the_pipeline_goes_on(tmp_path: Path) -> None:
    with Recorder() as recorder:
        recorder.record(TakePlan(tmp_path))
        recorder(drawn(0))
        recorder.free = 1_000_000
        recorder(drawn(1))
        recorder(drawn(2))

    assert recorder.told == ["begun", "ended", "failed"]
    assert "only 1 MB are free" in str(recorder.events[-1].error)
    assert len(frames_of(tmp_path / f"{NAME}.mp4")) == 2


def test_a_place_that_cannot_be_written_is_told_and_the_pipeline_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with Recorder() as recorder:
        recorder.record(TakePlan(tmp_path / "file" / "folder"))
        recorder(drawn(0))
        recorder(drawn(1))

    assert recorder.told == ["failed"]
    assert isinstance(recorder.events[0].error, OutputError)


@pytest.mark.parametrize("stop_after", [23, 64])
def test_a_killed_take_plays_and_its_records_are_whole(stop_after: int, tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from app.sinks.takes import TakePlan, TakeRecorder
from pose.skeleton import COCO_17
from tests.app.sinks.scenes import scene

with TakeRecorder(lambda: COCO_17, lambda event: None) as recorder:
    recorder.record(TakePlan(Path({str(tmp_path)!r}), "both"))
    for index in range(1_000_000):
        recorder(scene(index, count=2))
        sys.stdout.write(f"{{index + 1}}\\n")
        sys.stdout.flush()
        sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        while int(process.stdout.readline()) < stop_after:
            process.stdin.write("\n")
        process.kill()

    videos = sorted(tmp_path.glob("*.part.mp4"))
    assert len(videos) == 2
    for video in videos:
        assert stop_after - 16 <= len(frames_of(video)) <= stop_after
    (records,) = tmp_path.glob("*.part.jsonl")
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(stop_after))
