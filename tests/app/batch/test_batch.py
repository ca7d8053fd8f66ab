"""The queue of a batch: what stays done, what is done again, and what each button does."""

from __future__ import annotations

from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from app.batch.batch import Batch
from app.batch.entry import Entry, Progress, Settings, State
from app.batch.inputs import fingerprint
from app.batch.manifest import NAME, read_manifest, write_manifest
from app.people import PeopleConfig
from app.sources.part import Part
from pose.errors import InputError, OutputError, UsageError

CSV = Settings(formats=("csv",))


@pytest.fixture
def clips(tmp_path: Path) -> list[str]:
    """Three inputs whose content nobody reads."""
    paths = [tmp_path / f"{name}.mp4" for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    return [str(path) for path in paths]


def finish(batch: Batch) -> Entry:
    """Do the next input as a driver would."""
    entry = batch.begin()
    assert entry is not None and entry.state is State.WORKING
    for path in entry.paths(batch.out):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return batch.done(entry.key, {"frames": 1}, fingerprint(entry.place))


def states(batch: Batch) -> list[str]:
    return [entry.state.value for entry in batch.entries]


def test_an_empty_batch_has_nothing_to_do_and_leaves_no_file(tmp_path: Path) -> None:
    batch = Batch(tmp_path / "out")
    batch.save()

    assert not batch.to_do and batch.begin() is None and batch.entries == ()
    assert not (tmp_path / "out").exists()


def test_inputs_are_done_in_order(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    batch.add(clips, CSV)

    assert [finish(batch).text for _ in clips] == clips
    assert not batch.to_do


def test_after_a_restart_what_was_done_stays_done_and_the_rest_waits(
    tmp_path: Path, clips: list[str]
) -> None:
    first = Batch(tmp_path / "out")
    first.add(clips, CSV)
    finish(first)
    first.begin()
    first.save()

    batch = Batch(tmp_path / "out")

    assert states(batch) == ["done", "waiting", "waiting"]
    assert [entry.settings for entry in batch.entries] == [CSV] * 3
    assert [entry.was_done for entry in batch.add(clips, CSV)] == [True, False, False]


@pytest.mark.parametrize(
    "change", ["nothing", "input", "settings", "speed", "result gone", "overwrite"]
)
def test_a_done_input_is_done_again_only_if_something_changed(
    tmp_path: Path, clips: list[str], change: str
) -> None:
    batch = Batch(tmp_path / "out")
    batch.add(clips[:1], CSV)
    finish(batch)
    settings = {
        "settings": replace(CSV, people=PeopleConfig(flip=True)),
        "speed": replace(CSV, people=PeopleConfig(lanes=2, threads=3)),
        "overwrite": replace(CSV, overwrite=True),
    }.get(change, CSV)
    if change == "input":
        Path(clips[0]).write_text("another film")
    if change == "result gone":
        (tmp_path / "out" / "a.csv").unlink()

    (entry,) = batch.add(clips[:1], settings)

    assert entry.was_done == (change in ("nothing", "speed"))
    begun = batch.begin()
    if entry.was_done:
        assert begun is None
    elif change in ("input", "settings"):  # an older result is there, and nobody said --overwrite
        assert begun is not None and "is there already" in begun.error and begun.exit_code == 74
    else:
        assert begun is not None and begun.state is State.WORKING


def test_half_a_result_of_its_own_may_be_written_over_but_no_one_elses(
    tmp_path: Path, clips: list[str]
) -> None:
    """A kill may fall between two results that take their names."""
    out = tmp_path / "out"
    first = Batch(out)
    first.add(clips, CSV)
    first.begin()
    first.save()
    for name in "ab":
        (out / f"{name}.csv").touch()

    batch = Batch(out)
    batch.add(clips, CSV)

    begun = [batch.begin() for _ in clips]
    assert [entry.state.value for entry in begun if entry] == ["working", "failed", "working"]


def test_another_input_of_the_same_name_gets_another_name(tmp_path: Path) -> None:
    batch = Batch(tmp_path / "out")

    batch.add(["day/walk.mp4"], CSV)
    batch.add(["night/walk.mp4", "day/walk.mp4"], CSV)

    assert [entry.name for entry in batch.entries] == ["walk", "walk-mp4"]


def test_pause_hands_nothing_out_and_resume_goes_on(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    batch.add(clips, CSV)

    batch.pause()
    assert batch.begin() is None and batch.to_do
    batch.resume()
    assert batch.begin() is not None


def test_the_buttons_of_one_input(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    a, b, c = (entry.key for entry in batch.add(clips, CSV))
    batch.begin()

    batch.cancel(a)
    batch.cancel(b)
    batch.forget(c)
    assert states(batch) == ["cancelled", "cancelled"]

    batch.progressed(a, Progress(5))  # comes late
    assert batch.failed(a, "too late", 65).state is State.CANCELLED
    batch.retry(a)
    assert states(batch) == ["waiting", "cancelled"]
    assert batch.done(b, {"frames": 1}, "x").state is State.DONE  # it was quicker than the button


def test_what_is_worked_on_cannot_be_forgotten(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    (entry,) = batch.add(clips[:1], CSV)
    batch.begin()

    batch.forget(entry.key)

    assert states(batch) == ["working"]


def test_only_what_was_asked_for_is_handed_out(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    batch.add(clips[:2], CSV)
    asked = [entry.key for entry in batch.add(clips[2:], CSV)]

    batch.work_only_on(asked)

    assert finish(batch).text == clips[2]
    assert not batch.to_do and states(batch) == ["waiting", "waiting", "done"]


@pytest.mark.parametrize(
    "settings",
    [
        replace(CSV, formats=()),
        replace(CSV, formats=("gif",)),
        Settings(image_rate_hz=-1),
        Settings(image_rate_hz=float("nan")),
        replace(CSV, formats=("csv", "csv")),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="expected --"):
        Batch(tmp_path).add(["a.mp4"], settings)


def test_the_manifest_holds_everything_but_the_moment(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    people, part = PeopleConfig(pose="other.onnx", min_score=0.5), Part(1.0, 2.5, 10.0)
    batch.add(clips, Settings(people, ("csv",), 5.0, True, part=part))
    finish(batch)
    working = batch.begin()
    assert working is not None
    batch.progressed(working.key, Progress(3))
    batch.noted(working.key, "it is damaged")
    batch.save()

    found = read_manifest(tmp_path / "out")

    expected = [
        replace(entry, progress=Progress(), state=State.WAITING)
        if entry.state is State.WORKING
        else entry
        for entry in batch.entries
    ]
    assert found == expected


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"version": 2}',
        '{"version": 1, "entries": [{}]}',
        "\x00",
        "1e9",
    ],
)
def test_a_file_that_is_no_manifest_is_one_clear_line(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)

    with pytest.raises(InputError, match="manifest of a batch") as caught:
        Batch(tmp_path)
    assert str(tmp_path / NAME) in str(caught.value) and "move it away" in str(caught.value)


def test_a_folder_for_results_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a folder for the results at .*too long"):
        read_manifest(tmp_path / ("x" * 300))


def test_a_manifest_of_a_version_with_more_settings_is_read(
    tmp_path: Path, clips: list[str]
) -> None:
    batch = Batch(tmp_path)
    batch.add(clips[:1], CSV)
    write_manifest(tmp_path, batch.entries)
    path = tmp_path / NAME
    text = path.read_text().replace('"people": {', '"people": {"later": 1,')
    path.write_text(text.replace('"part": {', '"part": {"later": 1,'))

    assert [entry.settings for entry in read_manifest(tmp_path)] == [CSV]


def test_a_manifest_with_a_part_that_cannot_be_is_named(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path)
    batch.add(clips[:1], replace(CSV, part=Part(1.0, 2.0)))
    write_manifest(tmp_path, batch.entries)
    path = tmp_path / NAME
    path.write_text(path.read_text().replace('"start_s": 1.0', '"start_s": 3.0'))

    with pytest.raises(InputError, match="expected the manifest of a batch"):
        read_manifest(tmp_path)


def test_a_refusal_does_not_make_the_batch_forget_what_is_done(
    tmp_path: Path, clips: list[str]
) -> None:
    first = Batch(tmp_path / "out")
    first.add(clips[:1], CSV)
    finish(first)
    first.save()

    other = Batch(tmp_path / "out")
    other.add(clips[:1], replace(CSV, people=PeopleConfig(flip=True)))
    refused = other.begin()
    other.save()
    other.leave_no_trace()

    assert refused is not None and refused.state is State.FAILED and refused.exit_code == 74
    (again,) = Batch(tmp_path / "out").add(clips[:1], CSV)
    assert again.was_done and again.state is State.DONE
    assert not again.error and again.figures == {"frames": 1}


def test_once_the_work_begins_older_results_count_no_more(tmp_path: Path, clips: list[str]) -> None:
    batch = Batch(tmp_path / "out")
    batch.add(clips[:1], CSV)
    finish(batch)
    batch.add(clips[:1], replace(CSV, overwrite=True))
    batch.begin()
    batch.save()

    (again,) = Batch(tmp_path / "out").add(clips[:1], CSV)

    assert again.state is State.WAITING and again.begun and not again.was_done


def test_an_address_is_refused_before_anything_of_it_is_kept(
    tmp_path: Path, clips: list[str]
) -> None:
    batch = Batch(tmp_path / "out")

    with pytest.raises(UsageError, match=r"main\.py live rtsp") as caught:
        batch.add([clips[0], "rtsp://bob:secret@10.0.0.7/door"], CSV)

    assert "secret" not in str(caught.value) and batch.entries == ()


def test_photographs_become_pictures_and_no_film(tmp_path: Path, clips: list[str]) -> None:
    asked = Settings(formats=("mp4", "csv"))
    photograph = str(tmp_path / "a.jpg")

    formats = [each.settings.formats for each in Batch(tmp_path).add([clips[0], photograph], asked)]
    film = Batch(tmp_path).add([photograph], replace(asked, image_rate_hz=25.0))

    assert formats == [("mp4", "csv"), ("pictures", "csv")]
    assert film[0].settings.formats == ("mp4", "csv")


def test_a_manifest_that_the_disc_takes_half_of_leaves_the_old_one(
    tmp_path: Path, clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    batch = Batch(out)
    batch.add(clips[:1], CSV)
    batch.save()
    before = (out / NAME).read_bytes()

    class NearlyFull(FileIO):
        """Takes a hundred bytes, then no more: what a write to a nearly full disc does."""

        def write(self, content: Any) -> int:
            if self.tell():
                raise OSError(28, "No space left on device")
            return super().write(memoryview(content)[:100])

    monkeypatch.setattr("app.sinks.part_file.FileIO", NearlyFull)
    batch.add(clips[1:], CSV)
    with pytest.raises(OutputError, match="No space left"):
        batch.save()

    assert (out / NAME).read_bytes() == before
