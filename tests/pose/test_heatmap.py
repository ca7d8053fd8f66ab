"""Heatmaps: written and read back, and each rule against a plain telling of its source."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose.heatmap import (
    HEATMAP_DECODERS,
    HeatmapDecoder,
    decode_cpn,
    decode_dark,
    decode_quarter,
    encode,
    encode_cpn,
)
from pose.types import FloatArray

SIZE_WH = (48, 64)
every_decoder = pytest.mark.parametrize("decode", HEATMAP_DECODERS.values(), ids=HEATMAP_DECODERS)


def _noisy(rng: np.random.Generator, n: int = 4) -> FloatArray:
    """Gaussians with noise, some of them close to or beyond an edge."""
    points = rng.uniform(-2, [50, 66], (n, 17, 2)).astype(np.float32)
    noise = rng.normal(0, 0.03, (n, 17, 64, 48)).astype(np.float32)
    return encode(points, SIZE_WH, 2.0) + noise


@pytest.mark.parametrize("shape", [(0, 17, 2), (2, 0, 2)])
def test_nobody_has_no_heatmaps(shape: tuple[int, int, int]) -> None:
    points = np.zeros(shape, np.float32)

    assert encode(points, SIZE_WH, 2.0).shape == (*shape[:2], 64, 48)
    assert encode_cpn(points, SIZE_WH, 9).shape == (*shape[:2], 64, 48)


@every_decoder
@pytest.mark.parametrize("shape", [(0, 17, 64, 48), (2, 0, 64, 48)])
def test_no_heatmaps_have_no_points(
    decode: HeatmapDecoder, shape: tuple[int, int, int, int]
) -> None:
    points, scores = decode(np.zeros(shape, np.float32), 1.0)

    assert points.shape == (*shape[:2], 2)
    assert scores.shape == shape[:2]
    assert points.dtype == scores.dtype == np.float32


@every_decoder
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_map_that_says_nothing_is_not_found(decode: HeatmapDecoder, value: float) -> None:
    points, scores = decode(np.full((1, 2, 64, 48), value, np.float32), 1.0)

    assert np.isnan(points).all()
    assert (scores == 0).all()


def test_unknown_points_give_empty_maps() -> None:
    points = np.array([[[np.nan, np.nan], [np.nan, 5.0], [10.0, 20.0]]], np.float32)

    for maps in (encode(points, SIZE_WH, 2.0), encode_cpn(points, SIZE_WH, 9)):
        assert (maps[0, :2] == 0).all()
        assert maps[0, 2].argmax() == 20 * 48 + 10
        assert maps[0, 2].max() == 1
        assert maps.dtype == np.float32


def test_encode_draws_the_gaussian_of_opencv_on_whole_pixels() -> None:
    kernel = cv2.getGaussianKernel(25, 2.5)
    gaussian = kernel @ kernel.T / kernel.max() ** 2

    maps = encode(np.array([[[20, 30]]], np.float32), SIZE_WH, 2.5)

    np.testing.assert_allclose(maps[0, 0, 18:43, 8:33], gaussian, atol=1e-6)


@pytest.mark.parametrize("kernel", [7, 9, 11, 15, 23])
def test_encode_cpn_blurs_a_dot_as_tf_cpn_does(rng: np.random.Generator, kernel: int) -> None:
    points = rng.uniform(0, SIZE_WH, (3, 17, 2)).astype(np.float32)
    points[0, :4] = np.array([[0, 0], [47.9, 63.9], [1.5, 30], [20, 0.2]])

    maps = encode_cpn(points, SIZE_WH, kernel)

    for (x, y), ours in zip(points.reshape(-1, 2), maps.reshape(-1, 64, 48), strict=True):
        dot = np.zeros((64, 48), np.float32)
        dot[int(y), int(x)] = 1
        blurred = cv2.GaussianBlur(dot, (kernel, kernel), 0)
        np.testing.assert_allclose(ours, blurred / blurred.max(), atol=1e-6)


@pytest.mark.parametrize("outside", [(-0.5, 10.0), (10.0, -3.0), (48.0, 10.0), (10.0, 1e6)])
def test_encode_cpn_leaves_points_outside_away(outside: tuple[float, float]) -> None:
    assert (encode_cpn(np.array([[outside]], np.float32), SIZE_WH, 9) == 0).all()


@pytest.mark.parametrize(
    ("decode", "within"), [(decode_quarter, 0.26), (decode_dark, 0.02)], ids=["quarter", "dark"]
)
def test_decode_undoes_encode(
    rng: np.random.Generator, decode: HeatmapDecoder, within: float
) -> None:
    points = rng.uniform(8, 40, (3, 17, 2)).astype(np.float32)

    found, scores = decode(encode(points, SIZE_WH, 2.0), 1.0)

    np.testing.assert_allclose(found, points, atol=within)
    assert (scores > 0.9).all()


def test_decode_cpn_undoes_encode_cpn(rng: np.random.Generator) -> None:
    """Rounding down loses half a pixel on average; the decoder gives it back."""
    points = rng.uniform(8, 40, (20, 17, 2)).astype(np.float32)

    found, scores = decode_cpn(encode_cpn(points, SIZE_WH, 9), 1.0)

    np.testing.assert_allclose(found, points, atol=0.76)
    assert abs((found - points)[..., 0].mean()) < 0.05
    np.testing.assert_array_equal(scores, 1)


def test_decode_quarter_goes_towards_the_higher_neighbour_but_not_over_an_edge() -> None:
    maps = np.zeros((1, 2, 5, 5), np.float32)
    maps[0, 0, 1:4, 1:4] = [[0, 0.2, 0], [0.3, 1, 0.4], [0, 0.1, 0]]
    maps[0, 1, 0, 3:] = [0.5, 0.8]

    points, scores = decode_quarter(maps)

    np.testing.assert_array_equal(points[0], [[2.25, 1.75], [4, 0]])
    np.testing.assert_array_equal(scores[0], np.array([1, 0.8], np.float32))


def test_decode_cpn_follows_the_steps_of_tf_cpn(rng: np.random.Generator) -> None:
    maps = _noisy(rng)
    expected = np.array([_tf_cpn(one) for one in maps.reshape(-1, 64, 48)])

    points, scores = decode_cpn(maps)

    # The last half pixel is tf-cpn's "* 4 + 2" instead of "* 4".
    np.testing.assert_allclose(points.reshape(-1, 2) - 0.5, expected[:, :2], atol=1e-5)
    np.testing.assert_allclose(scores.ravel(), expected[:, 2].clip(0, 1), atol=1e-6)


def _tf_cpn(values: FloatArray) -> tuple[float, float, float]:
    height, width = values.shape
    padded = np.zeros((height + 20, width + 20), np.float32)
    padded[10:-10, 10:-10] = values / values.max()
    blurred = np.asarray(cv2.GaussianBlur(padded, (21, 21), 0), np.float32)
    y, x = (int(i) for i in np.unravel_index(blurred.argmax(), blurred.shape))
    blurred[y, x] = 0
    second_y, second_x = (int(i) for i in np.unravel_index(blurred.argmax(), blurred.shape))
    dx, dy = second_x - x, second_y - y
    length = float(np.hypot(dx, dy))
    step = 0.25 / length if length > 1e-3 else 0.0
    found_x = min(max(x - 10 + step * dx, 0), width - 1)
    found_y = min(max(y - 10 + step * dy, 0), height - 1)
    return found_x, found_y, float(values[round(found_y), round(found_x)])


def test_decode_dark_is_a_newton_step_on_the_blurred_whole_map(rng: np.random.Generator) -> None:
    maps = _noisy(rng, n=8)
    expected = np.array([_newton(one) for one in maps.reshape(-1, 64, 48)])

    points, _ = decode_dark(maps)

    np.testing.assert_allclose(points.reshape(-1, 2), expected, atol=1e-3)


def _newton(values: FloatArray) -> tuple[float, float]:
    y, x = (int(i) for i in np.unravel_index(values.argmax(), values.shape))
    if not (2 <= x < values.shape[1] - 2 and 2 <= y < values.shape[0] - 2):
        return x, y
    padded = cv2.copyMakeBorder(values.astype(np.float64), 5, 5, 5, 5, cv2.BORDER_CONSTANT, value=0)
    log = np.log(np.maximum(cv2.GaussianBlur(padded, (11, 11), 0)[5:-5, 5:-5], 1e-10))
    # Two central differences in a row are the second difference of DARK.
    down, across = np.gradient(log)
    down_down, down_across = np.gradient(down)
    _, across_across = np.gradient(across)
    hessian = np.array(
        [[across_across[y, x], down_across[y, x]], [down_across[y, x], down_down[y, x]]]
    )
    if (np.linalg.eigvalsh(hessian) >= 0).any():
        return x, y
    step = -np.linalg.solve(hessian, [across[y, x], down[y, x]])
    return x + float(step[0].clip(-1, 1)), y + float(step[1].clip(-1, 1))


def test_decode_dark_is_closer_than_the_quarter_rule_on_noisy_maps(
    rng: np.random.Generator,
) -> None:
    points = rng.uniform(8, 40, (10, 17, 2)).astype(np.float32)
    noise = rng.normal(0, 0.02, (10, 17, 64, 48)).astype(np.float32)
    maps = encode(points, SIZE_WH, 2.0) + noise

    dark, quarter = (np.abs(decode(maps)[0] - points) for decode in (decode_dark, decode_quarter))

    assert dark.mean() < quarter.mean() / 2


@every_decoder
def test_scores_are_in_parts_of_the_peak(rng: np.random.Generator, decode: HeatmapDecoder) -> None:
    maps = _noisy(rng, n=2)

    points, scores = decode(maps, 1.0)
    points_255, scores_255 = decode(maps * 255, 255.0)

    np.testing.assert_allclose(points_255, points, atol=1e-3)
    np.testing.assert_allclose(scores_255, scores, atol=1e-5)


@every_decoder
@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 1000))
def test_points_stay_on_the_map_whatever_it_shows(
    decode: HeatmapDecoder, width: int, height: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.choice([-3.0, 0.0, 1e-30, 0.5, 7.0], (2, 3, height, width)).astype(np.float32)
    before = maps.copy()

    points, scores = decode(maps, 1.0)

    found = maps.max(axis=(2, 3)) > 0
    np.testing.assert_array_equal(np.isfinite(points).all(axis=2), found)
    assert (scores[~found] == 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (points[found] >= 0).all()
    assert (points[found] <= [width, height]).all()
    np.testing.assert_array_equal(maps, before)


@every_decoder
@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_one_overflowed_map_does_not_disturb_the_others(
    rng: np.random.Generator, decode: HeatmapDecoder, value: float
) -> None:
    maps = _noisy(rng, n=2)
    expected, _ = decode(maps, 1.0)
    maps[0, 3, 10, 10:12] = value

    points, scores = decode(maps, 1.0)

    others = np.ones((2, 17), bool)
    others[0, 3] = False
    np.testing.assert_array_equal(points[others], expected[others])
    assert (np.isfinite(points[0, 3]) == (scores[0, 3] > 0)).all()
