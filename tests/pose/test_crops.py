"""Cutting, letterboxing and normalising, against OpenCV and against the formula."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pose import affine, crops
from pose.card import Channels, ModelCard
from pose.types import Boxes, ByteArray

POSE = ModelCard("pose", "pose", "tiny", (192, 256), "heatmap_dark", skeleton="coco_17")
PERSON = ModelCard("person", "person", "tiny", (320, 320), "centre", any_size=True)


def _picture(rng: np.random.Generator, width: int, height: int) -> ByteArray:
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)


def _boxes(*xyxy: tuple[float, float, float, float]) -> Boxes:
    return Boxes(np.array(xyxy, np.float32), np.ones(len(xyxy), np.float32))


def test_nobody_gives_no_crops_of_the_right_size(rng: np.random.Generator) -> None:
    cut = crops.cut(_picture(rng, 64, 48), Boxes.empty(), (192, 256), 1.25)

    assert cut.images.shape == (0, 256, 192, 3)
    assert crops.to_batch(cut.images, POSE).shape == (0, 3, 256, 192)


def test_the_whole_frame_cut_to_its_own_size_is_the_frame(rng: np.random.Generator) -> None:
    frame = _picture(rng, 60, 80)

    cut = crops.cut(frame, _boxes((-0.5, -0.5, 59.5, 79.5)), (60, 80), padding=1.0)

    np.testing.assert_array_equal(cut.images[0], frame)
    np.testing.assert_allclose(cut.to_frame[0], [[1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_cut_shows_what_opencv_warps_from_the_widened_box(rng: np.random.Generator) -> None:
    frame = _picture(rng, 200, 160)
    # 60 x 60 becomes 60 x 80 to fit 3:4, then 75 x 100 with the padding; its centre is (100, 80).
    edges = np.array([[62.5, 30], [137.5, 30], [62.5, 130]], np.float32)
    corners = np.array([[-0.5, -0.5], [191.5, -0.5], [-0.5, 255.5]], np.float32)

    cut = crops.cut(frame, _boxes((70, 50, 130, 110)), (192, 256), padding=1.25)

    theirs = cv2.warpAffine(frame, cv2.getAffineTransform(edges, corners), (192, 256))
    assert np.abs(cut.images[0].astype(int) - theirs).max() <= 2


def test_a_dot_is_found_where_the_map_says() -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[70, 90] = 255

    cut = crops.cut(frame, _boxes((80, 50, 110, 90), (60, 20, 120, 100)), (192, 256), 1.25)

    for image, to_frame in zip(cut.images, cut.to_frame, strict=True):
        weight = image[..., 0].astype(float)
        rows, columns = np.indices(weight.shape)
        middle = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        found = affine.apply(to_frame, np.array([[middle]], np.float32))[0, 0]
        np.testing.assert_allclose(found, [90, 70], atol=0.02)


def test_outside_the_frame_is_black(rng: np.random.Generator) -> None:
    frame = np.full((40, 40, 3), 200, np.uint8)

    cut = crops.cut(frame, _boxes((-20, 0, 20, 40), (500, 500, 540, 540)), (40, 40), 1.0)

    assert (cut.images[0][5:35, :19] == 0).all()
    assert (cut.images[0][5:35, 21:] == 200).all()
    assert (cut.images[1] == 0).all()


def test_a_box_without_size_gives_a_crop_all_the_same(rng: np.random.Generator) -> None:
    cut = crops.cut(_picture(rng, 40, 40), _boxes((10, 10, 10, 10)), (192, 256), 1.25)

    assert cut.images.shape == (1, 256, 192, 3)
    assert np.isfinite(cut.to_frame).all()


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_to_batch_subtracts_the_mean_and_divides_by_std(
    rng: np.random.Generator, channels: Channels
) -> None:
    images = rng.integers(0, 256, (3, 8, 6, 3), dtype=np.uint8)
    before = images.copy()
    card = replace(POSE, channels=channels, mean=(1.0, 20.0, 130.0), std=(58.0, 1.0, 255.0))
    ordered = images[..., ::-1] if channels == "rgb" else images
    expected = (ordered - np.array(card.mean)) / np.array(card.std)

    batch = crops.to_batch(images, card)

    np.testing.assert_allclose(batch, expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    ("frame_wh", "any_size", "canvas_wh", "scale"),
    [
        ((1, 1), True, (32, 32), 1),
        ((1920, 1080), True, (320, 192), 6),
        ((1080, 1920), True, (192, 320), 6),
        ((321, 200), True, (320, 224), 321 / 320),
        ((320, 320), True, (320, 320), 1),
        ((100, 60), True, (128, 64), 1),  # small pictures are not enlarged
        ((100, 60), False, (320, 320), 1),
        ((640, 480), False, (320, 320), 2),
        ((4000, 2), True, (320, 32), 12.5),
    ],
)
def test_letterbox_fits_the_frame_at_the_top_left(
    frame_wh: tuple[int, int], any_size: bool, canvas_wh: tuple[int, int], scale: float
) -> None:
    frame = np.full((frame_wh[1], frame_wh[0], 3), 9, np.uint8)

    canvas, to_frame = crops.letterbox(frame, replace(PERSON, any_size=any_size))

    assert canvas.shape == (canvas_wh[1], canvas_wh[0], 3)
    filled = (canvas == 9).all(axis=2)
    width, height = filled[0].sum(), filled[:, 0].sum()
    assert filled[:height, :width].all()
    assert (canvas[~filled] == 114).all()
    assert to_frame[0, 0] == pytest.approx(scale, rel=1e-4)
    edges = np.array([[[-0.5, -0.5], [width - 0.5, height - 0.5]]], np.float32)
    expected = [[-0.5, -0.5], [frame_wh[0] - 0.5, frame_wh[1] - 0.5]]
    np.testing.assert_allclose(affine.apply(to_frame, edges)[0], expected, atol=1e-2)


@pytest.mark.parametrize("frame_wh", [(1280, 720), (1281, 719), (640, 480)])
def test_letterbox_averages_as_opencv_does_in_one_step(
    rng: np.random.Generator, frame_wh: tuple[int, int]
) -> None:
    frame = _picture(rng, *frame_wh)
    scale = 320 / frame_wh[0]
    fitted = (320, round(frame_wh[1] * scale))

    canvas, _ = crops.letterbox(frame, PERSON)

    at_once = cv2.resize(frame, fitted, interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(canvas[: fitted[1], : fitted[0]] - at_once).max() <= 2


def test_letterbox_copies_the_frame(rng: np.random.Generator) -> None:
    frame = _picture(rng, 64, 64)

    canvas, _ = crops.letterbox(frame, PERSON)

    assert not np.shares_memory(canvas, frame)
    np.testing.assert_array_equal(canvas, frame)
