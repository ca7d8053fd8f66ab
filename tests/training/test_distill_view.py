"""A kept crop seen again: picture, heatmaps and points move together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose import affine, heatmap
from training.distill import CANVAS_WH, CORNER_XY, SIZE_WH
from training.distill_view import (
    PLAIN,
    SIGMA_KEPT,
    SIGMA_SMALL,
    Framing,
    View,
    draw_view,
    sure_maxima,
)

CROP_WH, MAPS_WH = SIZE_WH, (48, 64)
# A person: head above, feet below.
POINTS = np.array(
    [[[24.0, 8.0], [18.25, 20.5], [30.5, 20.0], [14.0, 34.0], [34.0, 35.0], [20.0, 56.0]]],
    np.float32,
)
MAPS = heatmap.encode(POINTS, MAPS_WH, SIGMA_KEPT)[0]


def plain_view(turned_deg: float, padding: float = 1.15) -> View:
    """The person as the photograph shows them."""
    framing = replace(PLAIN, padding=padding)
    return draw_view(np.random.default_rng(0), MAPS, turned_deg, CROP_WH, framing)


@pytest.mark.parametrize("size_wh", [(192, 256), (160, 224), (96, 160), (96, 128)])
@pytest.mark.parametrize("seed", range(6))
def test_maxima_and_points_go_to_the_same_place(size_wh: tuple[int, int], seed: int) -> None:
    framing = replace(Framing(), cut_chance=0.0)
    view = draw_view(np.random.default_rng(seed), MAPS, 0.0, size_wh, framing)

    small = view.heatmaps(MAPS, size_wh)
    found, scores = heatmap.decode_dark(small[None])
    expected = affine.apply(view.between(MAPS_WH, size_wh)[None], POINTS)

    small_wh = np.array([size_wh[0] // 4, size_wh[1] // 4])
    inside = ((expected > 2) & (expected < small_wh - 3)).all(-1)
    assert small.shape == (6, *small_wh[::-1]) and inside.sum() >= 3
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.2)
    assert scores[inside].min() > 0.8


def test_a_dot_in_the_picture_stays_under_its_keypoint() -> None:
    canvas = np.zeros((CANVAS_WH[1], CANVAS_WH[0], 3), np.uint8)
    x, y = (POINTS[0, 3] * 4).astype(int) + CORNER_XY
    canvas[y - 2 : y + 3, x - 2 : x + 3] = 255

    for seed in range(5):
        framing = replace(Framing(), cut_chance=0.0, any_turn_chance=0.5)
        view = draw_view(np.random.default_rng(seed), MAPS, 0.0, CROP_WH, framing)
        row, column = np.unravel_index(view.image(canvas, CROP_WH)[..., 0].argmax(), (256, 192))
        point = affine.apply(view.to_input[None], POINTS[:, 3:4] * 4)[0, 0]
        np.testing.assert_allclose([column, row], point, atol=4)


def test_a_plain_view_shows_the_crop_a_little_nearer_and_no_less(rng: np.random.Generator) -> None:
    view = plain_view(0.0)

    scale = float(np.sqrt(np.linalg.det(view.to_input[:, :2])))
    centre = affine.apply(view.to_input[None], np.array([[[95.5, 127.5]]], np.float32))

    assert scale == pytest.approx(1.25 / 1.15)
    np.testing.assert_allclose(centre[0, 0], [95.5, 127.5], atol=1e-3)
    assert view.end is None
    near = plain_view(0.0, padding=1.08)
    assert np.sqrt(np.linalg.det(near.to_input[:, :2])) == pytest.approx(1.25 / 1.08)


def test_who_was_turned_upright_is_shown_as_the_photograph_has_them() -> None:
    """Turned by half a circle, head and feet change places, and all joints are still in view."""
    view = plain_view(180.0)

    head, *_, foot = affine.apply(view.to_input[None], POINTS * 4)[0]

    assert head[1] > foot[1]
    assert 0 < foot[1] and head[1] < 256


@pytest.mark.parametrize(("cut", "turned"), [(1.0, 0.0), (0.0, 1.0)])
def test_a_tighter_box_shows_everybody_larger(cut: float, turned: float) -> None:
    def scale(padding: float) -> float:
        framing = replace(PLAIN, padding=padding, cut_chance=cut, any_turn_chance=turned)
        view = draw_view(np.random.default_rng(4), MAPS, 0.0, CROP_WH, framing)
        return float(np.sqrt(np.linalg.det(view.to_input[:, :2])))

    assert scale(1.0) / scale(1.25) == pytest.approx(1.25, rel=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_beyond_the_frames_end_there_is_neither_picture_nor_joint(seed: int) -> None:
    framing = replace(Framing(), cut_chance=1.0, black_chance=1.0, any_turn_chance=0.0)
    canvas = np.full((CANVAS_WH[1], CANVAS_WH[0], 3), 200, np.uint8)
    view = draw_view(np.random.default_rng(seed), MAPS, 0.0, CROP_WH, framing)

    maps, image = view.heatmaps(MAPS, CROP_WH), view.image(canvas, CROP_WH)

    assert view.end is not None
    axis, sign, at = view.end
    beyond = np.arange(CROP_WH[axis]) > at + 4 if sign > 0 else np.arange(CROP_WH[axis]) < at - 4
    assert not np.compress(beyond, image, axis=1 - axis).any()
    assert not np.compress(beyond[::4], maps, axis=2 - axis).any()
    moved = affine.apply(view.to_input[None], POINTS * 4)[0, :, axis]
    hidden = (moved - at) * sign > 12
    assert (maps[hidden].max((1, 2)) < 0.2).all()
    assert image.any()


def test_a_narrowed_gaussian_is_as_wide_as_the_small_encoder_draws_it() -> None:
    size_wh = (96, 128)
    one = MAPS[1:2]
    view = View(np.array([[0.5, 0, 0], [0, 0.5, 0]], np.float32))
    at = affine.apply(view.between(MAPS_WH, size_wh)[None], POINTS[:, 1:2])

    drawn = heatmap.encode(at, (24, 32), SIGMA_SMALL)[0]

    np.testing.assert_allclose(view.heatmaps(one, size_wh), drawn, atol=0.03)


def test_a_widened_gaussian_is_drawn_anew() -> None:
    view = View(np.array([[1.6, 0, -60], [0, 1.6, -60]], np.float32))
    at = affine.apply(view.between(MAPS_WH, CROP_WH)[None], POINTS[:, 1:2])

    drawn = heatmap.encode(at, MAPS_WH, SIGMA_KEPT)[0]

    np.testing.assert_allclose(view.heatmaps(0.7 * MAPS[1:2], CROP_WH), 0.7 * drawn, atol=0.03)


def test_without_sure_keypoints_any_view_will_do(rng: np.random.Generator) -> None:
    nothing = np.zeros((17, 64, 48), np.float32)

    assert sure_maxima(nothing).shape == (0, 2)
    for framing in (Framing(cut_chance=1.0), PLAIN):
        view = draw_view(rng, nothing, 120.0, (96, 160), framing)
        assert np.isfinite(view.to_input).all()
