"""A loop over a film's people, as a program of one's own would write it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from app.people import PeopleConfig
from app.scenes import scenes
from pose.errors import EngineError, InputError
from tests.app import drawn

FRAMES = 12


def config(folder: Path, fails_on_call: int = 0) -> PeopleConfig:
    _, person, _, pose = drawn.write_networks(folder, fails_on_call=fails_on_call)
    return PeopleConfig(person=person, pose=pose)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> object:
    """Whatever happens, the pipeline's threads end."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_every_frame_comes_in_order_with_lasting_ids(tmp_path: Path) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", FRAMES))

    found = list(scenes(clip, config(tmp_path)))

    assert [scene.frame.index for scene in found] == list(range(FRAMES))
    assert {tuple(scene.tracks.ids) for scene in found} == {(1,)}
    assert found[0].drawing is None
    assert np.isfinite(found[-1].tracks.poses.keypoints).all()


def test_pictures_with_skeletons_are_made_where_wanted(tmp_path: Path) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", 2))

    for scene in scenes(clip, config(tmp_path), drawn=True):
        assert scene.drawing is not None
        assert scene.drawing.shape == scene.frame.image.shape
        assert (scene.drawing != scene.frame.image).any()


def test_a_loop_may_be_left(tmp_path: Path) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", FRAMES))
    film = scenes(clip, config(tmp_path))

    first = next(film)
    film.close()  # type: ignore[attr-defined]

    assert first.frame.index == 0


def test_what_goes_wrong_ends_the_loop_after_what_went_well(tmp_path: Path) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", FRAMES))
    people = config(tmp_path, fails_on_call=FRAMES // 2)

    with pytest.raises(EngineError):
        for _ in scenes(clip, people):
            pass
    with pytest.raises(InputError, match="nothing"):
        next(scenes(str(tmp_path / "nothing.mp4"), people))


def test_an_error_in_the_loop_is_the_loops(tmp_path: Path) -> None:
    clip = str(drawn.write_clip(tmp_path / "walk.mp4", FRAMES))

    with pytest.raises(ZeroDivisionError):
        for scene in scenes(clip, config(tmp_path)):
            print(1 / scene.frame.index)  # noqa: T201
