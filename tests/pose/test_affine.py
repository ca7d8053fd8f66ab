"""Maps between frame, crop and heatmap, against OpenCV's own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose import affine

sides = st.floats(2, 2000, width=32)
places = st.floats(-3000, 3000, width=32)


def test_no_boxes_give_no_maps() -> None:
    empty = np.zeros((0, 4), np.float32)

    maps = affine.box_to_crop(empty, (192, 256), np.zeros(0, np.float32))

    assert maps.shape == affine.inverse(maps).shape == affine.compose(maps, maps).shape == (0, 2, 3)
    assert affine.apply(maps, np.zeros((0, 17, 2), np.float32)).shape == (0, 17, 2)


@given(places, places, sides, sides)
def test_edges_of_a_box_become_edges_of_the_crop(x: float, y: float, w: float, h: float) -> None:
    box = np.array([[x, y, x + w, y + h]], np.float32)

    maps = affine.box_to_crop(box, (192, 256))

    corners = affine.apply(maps, box.reshape(1, 2, 2))[0]
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [191.5, 255.5]], atol=0.05)


def test_box_to_crop_is_the_map_that_opencv_finds_from_three_corners() -> None:
    x1, y1, x2, y2 = 30.0, -20.0, 130.0, 260.0
    from_corners = np.array([[x1, y1], [x2, y1], [x1, y2]], np.float32)
    to_corners = np.array([[-0.5, -0.5], [191.5, -0.5], [-0.5, 255.5]], np.float32)

    ours = affine.box_to_crop(np.array([[x1, y1, x2, y2]], np.float32), (192, 256))[0]

    np.testing.assert_allclose(ours, cv2.getAffineTransform(from_corners, to_corners), atol=1e-4)


@pytest.mark.parametrize("degrees", [0.0, 30.0, -45.0, 90.0, 180.0])
def test_rotation_turns_as_opencv_does_around_the_centre(degrees: float) -> None:
    box = np.array([[40, 60, 130, 180]], np.float32)
    turn = cv2.getRotationMatrix2D((85, 120), degrees, 1.0).astype(np.float32)
    upright = affine.box_to_crop(box, (192, 256))

    turned = affine.box_to_crop(box, (192, 256), np.array([degrees], np.float32))

    np.testing.assert_allclose(turned, affine.compose(upright, turn), atol=1e-3)


@given(places, places, sides, st.floats(-180, 180))
def test_inverse_undoes_a_map(x: float, y: float, side: float, degrees: float) -> None:
    box = np.array([[x, y, x + side, y + side]], np.float32)
    maps = affine.box_to_crop(box, (192, 256), np.array([degrees], np.float32))
    points = np.array([[[0, 0], [191, 255], [-40, 96.25]]], np.float32)

    there_and_back = affine.apply(maps, affine.apply(affine.inverse(maps), points))

    # Frame pixels of about 3000 hold 2e-4 in float32; a crop of a tiny box blows that up.
    np.testing.assert_allclose(there_and_back, points, atol=0.01 + 0.2 / side)


def test_a_box_without_size_still_has_an_inverse() -> None:
    point = np.array([[50, 50, 50, 50]], np.float32)

    assert np.isfinite(affine.inverse(affine.box_to_crop(point, (192, 256)))).all()


def test_compose_does_the_inner_map_first(rng: np.random.Generator) -> None:
    inner, outer = rng.normal(size=(2, 3, 2, 3)).astype(np.float32)
    points = rng.normal(size=(3, 5, 2)).astype(np.float32)

    both = affine.apply(affine.compose(outer, inner), points)

    np.testing.assert_allclose(both, affine.apply(outer, affine.apply(inner, points)), atol=1e-5)


def test_one_map_serves_many_people_and_unknown_points_stay_unknown() -> None:
    double = np.array([[2, 0, 1], [0, 2, 0]], np.float32)
    points = np.array([[[1, 2], [np.nan, np.nan]], [[3, 4], [0, 0]]], np.float32)

    moved = affine.apply(double, points)

    np.testing.assert_array_equal(moved, [[[3, 4], [np.nan, np.nan]], [[7, 8], [1, 0]]])
    assert moved.dtype == np.float32


@pytest.mark.parametrize(("from_wh", "to_wh"), [((64, 48), (64, 48)), ((96, 60), (37, 29))])
def test_resize_moves_pixels_as_opencv_resizes_a_ramp(
    from_wh: tuple[int, int], to_wh: tuple[int, int]
) -> None:
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in from_wh))
    ramps = np.stack([x, y], axis=2)
    small = cv2.resize(ramps, to_wh, interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[1 : to_wh[1] - 1, 1 : to_wh[0] - 1]
    points = np.stack([columns, rows], axis=2).reshape(1, -1, 2).astype(np.float32)

    where = affine.apply(affine.inverse(affine.resize(from_wh, to_wh)), points)[0]

    np.testing.assert_allclose(where, small[1:-1, 1:-1].reshape(-1, 2), atol=1e-3)


@pytest.mark.parametrize(
    ("crop_wh", "heatmap_wh", "crop_point"),
    [
        ((192, 256), (48, 64), (40, 80)),
        ((288, 384), (72, 96), (40, 80)),
        ((96, 64), (96, 64), (10, 20)),
    ],
)
def test_heatmap_pixels_lie_on_multiples_of_the_stride(
    crop_wh: tuple[int, int], heatmap_wh: tuple[int, int], crop_point: tuple[int, int]
) -> None:
    to_crop = affine.heatmap_to_crop(crop_wh, heatmap_wh)

    np.testing.assert_array_equal(
        affine.apply(to_crop, np.array([[[10, 20]]], np.float32)), [[crop_point]]
    )
