"""Pictures come out upright, unsquashed and in one size."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from app.sources.upright import display_size, fitted, oriented
from pose.types import ByteArray

# What a display matrix makes of [[1, 2], [3, 4]]: x' = a x + c y, y' = b x + d y.
ORIENTATIONS = {
    (1, 0, 0, 1): [[1, 2], [3, 4]],
    (-1, 0, 0, 1): [[2, 1], [4, 3]],
    (1, 0, 0, -1): [[3, 4], [1, 2]],
    (-1, 0, 0, -1): [[4, 3], [2, 1]],
    (0, 1, 1, 0): [[1, 3], [2, 4]],
    (0, 1, -1, 0): [[3, 1], [4, 2]],
    (0, -1, 1, 0): [[2, 4], [1, 3]],
    (0, -1, -1, 0): [[4, 2], [3, 1]],
    (0, 0, 0, 0): [[1, 2], [3, 4]],  # damage
}


@pytest.mark.parametrize(("matrix", "expected"), ORIENTATIONS.items())
def test_all_eight_orientations(
    matrix: tuple[int, int, int, int], expected: list[list[int]]
) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    stored = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()
    image = np.array([[1, 2], [3, 4]], np.uint8)[..., None].repeat(3, axis=2)

    turned = oriented(image, stored)

    assert turned[..., 0].tolist() == expected
    assert turned.flags.c_contiguous


@pytest.mark.parametrize(
    ("pixel_aspect", "expected"),
    [
        (None, (720, 480)),
        (Fraction(1), (720, 480)),
        (Fraction(2), (1440, 480)),
        (Fraction(8, 9), (720, 540)),
        (Fraction(0), (720, 480)),
        (Fraction(-1, 2), (720, 480)),
        (Fraction(10_000), (720, 480)),  # damage must not fill the memory
    ],
)
def test_display_size(pixel_aspect: Fraction | None, expected: tuple[int, int]) -> None:
    assert display_size((720, 480), pixel_aspect) == expected


def picture(width: int, height: int) -> ByteArray:
    return np.full((height, width, 3), 200, np.uint8)


@pytest.mark.parametrize(
    ("size_wh", "canvas_wh", "inside"),
    [
        ((40, 30), (40, 30), (0, 0, 40, 30)),
        ((20, 15), (40, 30), (0, 0, 40, 30)),
        ((80, 60), (40, 30), (0, 0, 40, 30)),
        ((30, 40), (40, 40), (5, 0, 35, 40)),
        ((40, 10), (40, 30), (0, 10, 40, 20)),
        ((1000, 1), (40, 30), (0, 14, 40, 15)),
    ],
)
def test_fitted_keeps_the_proportions(
    size_wh: tuple[int, int], canvas_wh: tuple[int, int], inside: tuple[int, int, int, int]
) -> None:
    canvas = fitted(picture(*size_wh), canvas_wh)

    left, top, right, bottom = inside
    expected = np.zeros((canvas_wh[1], canvas_wh[0]), np.uint8)
    expected[top:bottom, left:right] = 200
    assert canvas[..., 1].tolist() == expected.tolist()


def test_a_picture_that_fits_is_not_copied() -> None:
    image = picture(40, 30)

    assert fitted(image, (40, 30)) is image
