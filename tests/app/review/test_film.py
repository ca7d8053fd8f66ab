"""Scrubbing: the picture of a time is the one that reading from the start gives."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from app.batch.batch import Batch
from app.batch.entry import Settings
from app.review.film import Film, FilmPlace, film_beside
from app.sources.video_file import VideoFile
from pose.errors import InputError
from tests.app import drawn


def test_any_order_gives_the_same_pictures_as_reading_from_the_start(tmp_path: Path) -> None:
    """Over several key frames; forward, backward, near, far, twice."""
    clip = drawn.write_clip(tmp_path / "walk.mp4", 150)
    with VideoFile(clip) as source:
        frames = [(frame.index, frame.time_s, frame.image) for frame in source]
    order = [0, 0, 1, 2, 149, 148, 3, 70, 60, 61, 149, 0]
    order += random.Random(5).sample(range(150), 12)

    with Film(str(clip)) as film:
        for wanted in order:
            index, time_s, image = frames[wanted]
            np.testing.assert_array_equal(film.picture(index, time_s), image)


def test_beyond_the_end_is_the_last_picture(tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 5)

    with Film(str(clip)) as film:
        last = film.picture(4, 4 / 30)
        np.testing.assert_array_equal(film.picture(9, 9 / 30), last)


@pytest.mark.parametrize("kind", ["folder", "pattern", "picture"])
def test_pictures_are_found_by_their_position(tmp_path: Path, kind: str) -> None:
    folder = drawn.write_pictures(tmp_path / "shots", 3)
    text = {
        "folder": str(folder),
        "pattern": str(folder / "*.png"),
        "picture": str(folder / "frame0.png"),
    }[kind]

    with Film(text) as film:
        for index in [0] if kind == "picture" else [2, 0, 1]:
            np.testing.assert_array_equal(film.picture(index, 0.0), drawn.picture(index))
        with pytest.raises(InputError, match="expected a frame below"):
            film.picture(3, 0.0)


def test_the_film_of_a_result_is_what_the_batch_made_it_from(tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "in" / "walk.mp4", 1)
    out = tmp_path / "out"
    batch = Batch(out)
    batch.add([str(clip)], Settings(formats=("jsonl",)))
    batch.save()

    assert film_beside(out / "walk.jsonl", 3.0) == FilmPlace(str(clip), annotated=False)
    clip.unlink()
    assert film_beside(out / "walk.jsonl", 3.0) is None


def test_without_a_manifest_it_is_the_video_beside_it_the_clean_one_first(tmp_path: Path) -> None:
    result = tmp_path / "walk.part.csv"
    assert film_beside(result, 3.0) is None

    (tmp_path / "walk.part.mp4").touch()
    assert film_beside(result, 3.0) == FilmPlace(str(tmp_path / "walk.part.mp4"), True, 3.0)
    (tmp_path / "walk_clean.mp4").touch()
    assert film_beside(result, 3.0) == FilmPlace(str(tmp_path / "walk_clean.mp4"), False, 3.0)


def test_photographs_are_found_by_their_name_where_it_is_known(tmp_path: Path) -> None:
    """One was removed since: the others are still themselves."""
    folder = drawn.write_pictures(tmp_path / "shots", 3)
    (folder / "frame0.png").unlink()

    with Film(str(folder)) as film:
        image = film.picture(1, 1.0, "frame1.png")
        np.testing.assert_array_equal(image, drawn.picture(1))
        with pytest.raises(InputError, match=r"called frame0\.png"):
            film.picture(0, 0.0, "frame0.png")


def test_the_photographs_of_any_pattern_are_found_again(tmp_path: Path) -> None:
    folder = drawn.write_pictures(tmp_path / "shots", 3)
    pattern = str(folder / "frame[0-2].png")
    batch = Batch(tmp_path / "out")
    (entry,) = batch.add([pattern], Settings(formats=("jsonl",)))
    batch.save()

    found = film_beside(tmp_path / "out" / f"{entry.name}.jsonl", 0.0)

    assert found == FilmPlace(pattern, annotated=False)


def test_photographs_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    for number in range(3):
        folder = drawn.write_pictures(tmp_path / "shots" / str(number), number + 1)
        for earlier in range(number):
            (folder / f"frame{earlier}.png").unlink()
        (folder / f"frame{number}.png").rename(folder / "1.png")

    with Film(str(tmp_path / "shots" / "*" / "1.png")) as film:
        for index in (2, 0, 1):
            found = film.picture(index, float(index), "1.png")
            np.testing.assert_array_equal(found, drawn.picture(index))
        found = film.picture(7, 7.0, "1/1.png")  # by its folder too, where the result knows it
        np.testing.assert_array_equal(found, drawn.picture(1))
