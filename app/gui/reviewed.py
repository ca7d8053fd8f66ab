"""What the review page shows: a result, its measures and its film; none of it knows a widget."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.gui.bridge import Picture, fit
from app.review.film import Film, FilmPlace, film_beside
from app.review.measures import Measures, measure
from app.review.read_results import read_results
from app.review.tracked import Tracked
from app.steps.draw import DrawStyle, draw
from pose.errors import InputError, PoseAppError
from pose.types import Frame, Scene

MIN_SCORE = 0.2
_BLANK_WH = (1280, 720)
_SLACK_S = 0.5  # a film states its length roughly


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A result that is open.

    Attributes:
        path: The result file.
        tracked: What it says.
        measures: One per person.
        film: Its pictures; None if there are none.
        place: Where these are.
        trouble: Why there are none; empty if nothing is wrong.
    """

    path: Path
    tracked: Tracked
    measures: dict[int, Measures]
    film: Film | None
    place: FilmPlace | None
    trouble: str = ""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of the pictures, as far as it is known without them."""
        if self.tracked.size_wh is not None:
            return self.tracked.size_wh
        reach = [np.nanmax(track.keypoints, axis=(0, 1)) for track in self.tracked.tracks]
        if not reach or not np.isfinite(reach).all():
            return _BLANK_WH
        width, height = np.max(reach, axis=0).tolist()
        return max(16, int(width) + 16), max(16, int(height) + 16)


def open_reviewed(path: Path) -> Reviewed:
    """Read a result, measure its people, find its film.

    Raises:
        InputError: The result cannot be read, or has no frames.
    """
    tracked = read_results(path)
    if not len(tracked):
        raise InputError(f"{path}: nobody was seen in it, and it says nothing of the frames")
    place = film_beside(path, float(tracked.times_s[0]))
    reviewed = Reviewed(path, tracked, _measured(tracked), None, place)
    return reviewed if place is None else with_film(reviewed, place)


def _measured(tracked: Tracked) -> dict[int, Measures]:
    return {track.id: measure(tracked, track, MIN_SCORE) for track in tracked.tracks}


def with_film(reviewed: Reviewed, place: FilmPlace) -> Reviewed:
    """The same result over a film; trouble with the film is told and leaves the result."""
    try:
        film = Film(place.text)
    except PoseAppError as error:
        return replace(reviewed, film=None, place=None, trouble=str(error))
    if not reviewed.tracked.timed and film.fps:  # a rate was assumed; the film knows it
        tracked = read_results(reviewed.path, film.fps)
        reviewed = replace(reviewed, tracked=tracked, measures=_measured(tracked))
    return replace(reviewed, film=film, place=place, trouble="")


def over_film(reviewed: Reviewed, text: str) -> Reviewed:
    """The same result over a film that the user chose; otherwise as `with_film`.

    A source begins at 0; the video of a recording begins with the recording's first frame, which
    shows where it is too short to reach the last one.
    """
    found = with_film(reviewed, FilmPlace(text, annotated=False))
    length_s = None if found.film is None else found.film.length_s
    first_s, last_s = found.tracked.times_s[[0, -1]].tolist()
    if length_s is None or length_s >= last_s - _SLACK_S or found.place is None:
        return found
    return replace(found, place=replace(found.place, begins_s=first_s))


def picture_of(
    reviewed: Reviewed, at: int, ids: Collection[int], style: DrawStyle, room_wh: tuple[int, int]
) -> Picture:
    """One frame with the skeletons of some people, fitted into a room.

    Args:
        reviewed: The result.
        at: Position in `tracked.indices`.
        ids: Whose skeletons.
        style: How they look.
        room_wh: Pixels that there are.

    Raises:
        PoseAppError: The film cannot be read there.
    """
    tracked = reviewed.tracked
    index, time_s = int(tracked.indices[at]), float(tracked.times_s[at])
    if reviewed.film is None or reviewed.place is None:
        width, height = reviewed.size_wh
        image = np.full((height, width, 3), (24, 20, 18), np.uint8)
    else:
        begins_s = reviewed.place.begins_s
        image = reviewed.film.picture(index, time_s - begins_s, tracked.file_of(at))
    people = tracked.at(at, ids)
    frame = Frame(index, time_s, image)
    return fit(Scene(frame, people, draw(frame, people, tracked.skeleton, style)), room_wh)
