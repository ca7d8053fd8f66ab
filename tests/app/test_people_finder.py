"""Pictures in, poses out, as a program of one's own would ask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.people import PeopleConfig
from app.people_finder import PeopleFinder
from pose.errors import InputError, UsageError
from pose.skeleton import COCO_17
from tests.app import drawn


@pytest.fixture
def config(tmp_path: Path) -> PeopleConfig:
    """Drawn people, every joint looked for."""
    _, person, _, pose = drawn.write_networks(tmp_path, colours=True)
    return PeopleConfig(person=person, pose=pose)


@pytest.mark.parametrize("people", [0, 1, 2])
def test_everybody_is_where_they_were_drawn(config: PeopleConfig, people: int) -> None:
    with PeopleFinder(config) as find:
        found = find(drawn.picture(3, people))
        names = find.skeleton

    assert names == COCO_17
    order = np.argsort(found.keypoints[:, 0, 0])
    wanted = drawn.keypoints(3, people) if people else np.zeros((0, 17, 2))
    np.testing.assert_allclose(found.keypoints[order], wanted, atol=2)
    assert found.boxes.xyxy.shape == (people, 4)


def test_several_pictures_of_any_size_are_asked_together(config: PeopleConfig) -> None:
    pictures = [drawn.picture(0, 2), np.zeros((50, 60, 3), np.uint8), drawn.picture(5, 1)]

    with PeopleFinder(config) as find:
        together = find.each(pictures)
        alone = [find(picture) for picture in pictures]
        assert find.each([]) == []

    assert [len(found) for found in together][::2] == [2, 1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-4)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="expected --max-people"):
        PeopleFinder(PeopleConfig(max_people=0))


def test_networks_that_ship_find_the_people_of_the_readmes_picture() -> None:
    image = cv2.imread(str(Path(__file__).parents[2] / "docs" / "demo.png"))
    assert image is not None
    with PeopleFinder() as find:
        found = find(np.asarray(image, np.uint8))

    assert len(found) >= 2
    assert np.isfinite(found.keypoints[found.scores > 0.5]).all()


@pytest.mark.parametrize(
    "image",
    [None, "a.jpg", np.zeros((4, 4), np.uint8), np.zeros((0, 0, 3), np.uint8), np.zeros((4, 4, 3))],
)
def test_what_is_no_picture_is_told(config: PeopleConfig, image: object) -> None:
    with PeopleFinder(config) as find:
        with pytest.raises(InputError, match="expected a picture"):
            find(image)  # type: ignore[arg-type]
