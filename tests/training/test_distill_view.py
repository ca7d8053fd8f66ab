"""A kept crop seen again: picture, heatmaps and points move together."""

from __future__ import annotations

import numpy as np
import pytest

from pose import affine, heatmap
from training.distill_view import SIGMA_KEPT, SIGMA_SMALL, draw_view, plain_view

CROP_WH, MAPS_WH = (192, 256), (48, 64)
POINTS = np.array([[[20.0, 30.0], [30.25, 41.5], [24.5, 12.0]]], np.float32)


@pytest.mark.parametrize("size_wh", [(192, 256), (160, 224), (96, 160), (96, 128)])
def test_maxima_and_points_go_to_the_same_place(size_wh: tuple[int, int]) -> None:
    maps = heatmap.encode(POINTS, MAPS_WH, SIGMA_KEPT)[0]
    rng = np.random.default_rng(3)

    for view in [plain_view(CROP_WH, size_wh), *(draw_view(rng, maps, CROP_WH, size_wh),) * 3]:
        small = view.heatmaps(maps, size_wh)
        found, scores = heatmap.decode_dark(small[None])
        expected = affine.apply(view.between(MAPS_WH, size_wh)[None], POINTS)

        assert small.shape == (3, size_wh[1] // 4, size_wh[0] // 4)
        np.testing.assert_allclose(found, expected, atol=0.15)
        assert scores.min() > 0.85


def test_a_view_of_the_crop_itself_changes_nothing(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (256, 192, 3), np.uint8)
    maps = heatmap.encode(POINTS, MAPS_WH, SIGMA_KEPT)[0]
    view = plain_view(CROP_WH, CROP_WH)

    np.testing.assert_array_equal(view.image(crop, CROP_WH), crop)
    np.testing.assert_allclose(view.heatmaps(maps, CROP_WH), maps, atol=1e-6)


def test_a_narrowed_gaussian_is_as_wide_as_the_small_encoder_draws_it() -> None:
    size_wh = (96, 128)
    maps = heatmap.encode(POINTS[:, :1], MAPS_WH, SIGMA_KEPT)[0]
    view = plain_view(CROP_WH, size_wh)
    at = affine.apply(view.between(MAPS_WH, size_wh)[None], POINTS[:, :1])

    drawn = heatmap.encode(at, (24, 32), SIGMA_SMALL)[0]

    np.testing.assert_allclose(view.heatmaps(maps, size_wh), drawn, atol=0.03)


def test_without_sure_keypoints_any_view_will_do(rng: np.random.Generator) -> None:
    view = draw_view(rng, np.zeros((17, 64, 48), np.float32), CROP_WH, (96, 160))

    assert np.isfinite(view.to_input).all()
