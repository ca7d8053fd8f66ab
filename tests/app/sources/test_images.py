"""Pictures: natural order, upright by EXIF, and the unreadable one is named."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.sources.images import Images, images_in_folder, images_matching, natural_key, read_image
from pose.errors import InputError
from pose.types import ByteArray
from tests.app.sources.clips import with_exif_orientation


def save(path: Path, image: ByteArray) -> Path:
    success, stored = cv2.imencode(path.suffix, image)
    assert success
    path.write_bytes(stored.tobytes())
    return path


def gray(value: int, width: int = 32, height: int = 16) -> ByteArray:
    return np.full((height, width, 3), value, np.uint8)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")

    with pytest.raises(InputError, match=r"expected a folder with pictures .* found none"):
        images_in_folder(tmp_path)


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100):
        save(tmp_path / f"shot{number}.png", gray(number))
    (tmp_path / "._shot1.png").write_bytes(b"left by macOS")
    (tmp_path / "film.png").mkdir()

    with Images(images_in_folder(tmp_path), "shots", rate_hz=10.0) as images:
        frames = list(images)

    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 9, 10, 100]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert (images.size_wh, images.fps, images.frame_count) == ((32, 16), 10.0, 4)
    assert not images.is_live


def test_natural_order_counts_each_number() -> None:
    names = ["a10b2", "a2b10", "A2b9", "a", "7", "b"]

    ordered = sorted((Path(name) for name in names), key=natural_key)

    assert [path.name for path in ordered] == ["7", "a", "A2b9", "a2b10", "a10b2", "b"]


def test_a_pattern_takes_pictures_only(tmp_path: Path) -> None:
    save(tmp_path / "a2.png", gray(2))
    save(tmp_path / "a10.jpg", gray(10))
    (tmp_path / "a3.txt").write_text("no picture")

    found = images_matching(str(tmp_path / "a*"))

    assert [path.name for path in found] == ["a2.png", "a10.jpg"]
    with pytest.raises(InputError, match="fits 1 files and no picture"):
        images_matching(str(tmp_path / "*.txt"))


def test_each_picture_keeps_its_size(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", gray(1)), save(tmp_path / "b.png", gray(2, 8, 80))]

    with Images(paths, "two") as images:
        assert [frame.size_wh for frame in images] == [(32, 16), (8, 80)]


@pytest.mark.parametrize("rate_hz", [0.0, 10.0])
def test_unreadable_pictures_are_named_and_cost_themselves_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rate_hz: float
) -> None:
    paths = [tmp_path / name for name in ("0.png", "1.png", "2.png", "3.png", "4.png")]
    for value in (1, 3, 4):
        save(paths[value], gray(value))
    paths[0].write_bytes(b"this is not a picture")

    with Images(paths, "five", rate_hz) as images:
        frames = list(images)

    assert [(frame.index, int(frame.image[0, 0, 0])) for frame in frames] == [
        (1, 1),
        (3, 3),
        (4, 4),
    ]
    assert [frame.file for frame in frames] == ["1.png", "3.png", "4.png"]
    assert images.size_wh == (32, 16)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and "0.png: expected a picture" in told[0] and "2.png" in told[1]
    assert all("left out" in line for line in told)


def test_where_no_picture_can_be_read_the_first_says_why(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    paths[0].write_bytes(b"this is not a picture")

    with pytest.raises(InputError, match=r"a\.png: expected a picture"):
        Images(paths, "two")


def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder, name in (("a", "1.png"), ("b", "1.png"), ("b/c", "2.png")):
        (tmp_path / folder).mkdir(exist_ok=True)
        save(tmp_path / folder / name, gray(1))

    def names(pattern: str) -> list[str]:
        with Images(images_matching(str(tmp_path / pattern)), pattern) as images:
            return [frame.file for frame in images]

    assert names("*/1.png") == ["a/1.png", "b/1.png"]
    assert names("**/*.png") == ["a/1.png", "b/1.png", "b/c/2.png"]
    assert names("b/**/*.png") == ["1.png", "2.png"]


@pytest.mark.parametrize(
    ("stored", "message"),
    [(b"", "empty file"), (b"GIF", "cannot read"), (b"\x89PNG\r\n\x1a\n", "cannot read")],
)
def test_a_bad_picture_is_refused_at_once(tmp_path: Path, stored: bytes, message: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(stored)

    with pytest.raises(InputError, match=message):
        Images([path], "one")


@pytest.mark.parametrize(
    ("orientation", "bright_corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)),
     (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)  # fmt: skip
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, bright_corner: tuple[int, int]
) -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    image[:8, :8] = 255
    jpeg = save(tmp_path / "a.jpg", image)
    jpeg.write_bytes(with_exif_orientation(jpeg.read_bytes(), orientation))

    turned = read_image(jpeg)

    assert turned.shape == ((16, 32, 3) if orientation < 5 else (32, 16, 3))
    corners = {(y, x): int(turned[y, x, 0]) for y in (0, -1) for x in (0, -1)}
    assert max(corners, key=lambda corner: corners[corner]) == bright_corner


@pytest.mark.parametrize(
    "stored",
    [
        np.full((16, 32), 50 * 257, np.uint16),
        np.full((16, 32), 50, np.uint8),
        np.dstack([np.full((16, 32, 3), 50, np.uint8), np.zeros((16, 32), np.uint8)]),
    ],
    ids=["16 bits", "gray", "transparent"],
)
def test_every_depth_becomes_bgr(tmp_path: Path, stored: ByteArray) -> None:
    image = read_image(save(tmp_path / "a.png", stored))

    assert image.dtype == np.uint8
    assert image.shape == (16, 32, 3)
    assert np.all(image == 50)


def test_any_file_name_will_do(tmp_path: Path) -> None:
    path = save(tmp_path / "Grüße %03d [1]\n.png", gray(7))

    assert read_image(path)[0, 0, 0] == 7


@pytest.mark.parametrize("rate_hz", [0.0, 12.5])
def test_pictures_are_photographs_unless_they_have_a_rate(tmp_path: Path, rate_hz: float) -> None:
    paths = [save(tmp_path / f"{number}.png", gray(number)) for number in (1, 2)]

    with Images(paths, "shots", rate_hz) as images:
        first, second = images

    assert [first.file, second.file] == ["1.png", "2.png"]
    assert first.alone is second.alone is (not rate_hz)
    assert (second.time_s, images.fps) == ((0.08, 12.5) if rate_hz else (1.0, 1.0))
