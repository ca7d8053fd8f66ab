"""The kernels' arithmetic, compiled for the host, against OpenCV and pose/heatmap.py.

Launched as the GPU would launch them, through the fake libcuda.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.steps import kernel_records
from app.steps.estimate import decode
from app.steps.kernel_records import CROP, DECODERS, NETWORK, network_record
from engines.cuda_device import CudaDevice, find_gpu
from engines.cuda_kernels import HEADER
from engines.driver_device import DriverDevice
from pose import affine, crops, heatmap
from pose.card import ModelCard
from pose.types import Boxes, ByteArray, FloatArray, Heatmaps
from tests.engines.colour_network import COLOUR_CARD
from tests.engines.fake_gpu import FakeGpu, install

MAP_WH = (48, 64)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGpu:
    return install(monkeypatch, tmp_path)


@pytest.fixture
def device(gpu: FakeGpu) -> Iterator[CudaDevice]:
    with DriverDevice(find_gpu(0)) as entered:
        yield entered


def placed(device: CudaDevice, array: np.ndarray) -> np.uint64:
    """Address of a copy on the device."""
    address = device.allocate(array.nbytes)
    device.upload(address, np.ascontiguousarray(array))
    return np.uint64(address)


def cut(
    device: CudaDevice, card: ModelCard, image: ByteArray, to_frame: FloatArray, mirrored: int = 0
) -> FloatArray:
    """(N, 3, H, W) from the kernel."""
    width, height = card.input_size_wh
    people = np.zeros(len(to_frame), CROP)
    people["size_wh"], people["to_frame"] = image.shape[1::-1], to_frame
    batch = np.empty((len(people), 3, height, width), np.float32)
    address = placed(device, batch)
    device.launch(
        device.load(b"", "cut_crops"),
        (-(-width // 32), -(-height // 8), len(people)),
        (32, 8, 1),
        placed(device, network_record(card, MAP_WH)),
        placed(device, people),
        placed(device, image),
        address,
        np.int32(mirrored),
    )
    device.download(batch, int(address))
    device.synchronize()
    return batch


def read(
    device: CudaDevice, card: ModelCard, maps: FloatArray, mirrored: FloatArray | None = None
) -> FloatArray:
    """(N, K, 3) from the kernel, on frames that are as large as the maps."""
    n, k, height, width = maps.shape
    people = np.zeros(n, CROP)
    people["heatmap_to_frame"] = np.eye(2, 3)
    found = np.empty((n, k, 3), np.float32)
    address = placed(device, found)
    device.launch(
        device.load(b"", "decode_heatmaps"),
        (k, n, 1),
        (kernel_records.THREADS, 1, 1),
        placed(device, network_record(card, (width, height))),
        placed(device, people),
        placed(device, np.asarray(card.keypoints.flip, np.int32)),
        placed(device, maps),
        np.uint64(0) if mirrored is None else placed(device, mirrored),
        np.uint64(device.allocate(n * k * height * (width + 20) * 4)),
        address,
    )
    device.download(found, int(address))
    device.synchronize()
    return found


# ---- crops -------------------------------------------------------------------------------------


def smooth_picture(rng: np.random.Generator, size_wh: tuple[int, int] = (320, 240)) -> ByteArray:
    """Noise without sharp edges: OpenCV 4 rounds places to 1/32 pixel, OpenCV 5 does not."""
    noise = rng.integers(0, 256, (size_wh[1] // 8, size_wh[0] // 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


PLACES = {
    "inside": [60, 50, 150, 170],
    "beyond two edges": [-40, -60, 80, 100],
    "larger than the frame": [-500, -400, 900, 800],
    "enlarged": [100, 100, 112, 116],
    "outside": [2000, 2000, 2100, 2200],
}


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("name", PLACES)
def test_crops_are_opencvs(
    device: CudaDevice, rng: np.random.Generator, name: str, channels: str
) -> None:
    card = replace(COLOUR_CARD, channels=channels)  # type: ignore[arg-type]
    image = smooth_picture(rng)
    people = Boxes(np.array([PLACES[name]], np.float32), np.ones(1, np.float32))
    expected = crops.cut(image, people, card.input_size_wh, card.crop_padding)

    batch = cut(device, card, image, expected.to_frame)

    one_level = 1.01 / np.array(card.std, np.float32).reshape(3, 1, 1)
    difference = np.abs(batch - crops.to_batch(expected.images, card))[0]
    assert (difference <= one_level).all()
    # A value that lies between two levels may be rounded either way; most do not.
    assert (difference > 0.5 * one_level).mean() < 0.02


def test_a_turned_crop_is_opencvs(device: CudaDevice, rng: np.random.Generator) -> None:
    image, (width, height) = smooth_picture(rng), COLOUR_CARD.input_size_wh
    box = np.array([[60, 50, 150, 170]], np.float32)
    turned = affine.box_to_crop(box, (width, height), np.array([30], np.float32))
    to_frame = affine.inverse(turned)
    expected = cv2.warpAffine(
        image, to_frame[0], (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )

    batch = cut(device, COLOUR_CARD, image, to_frame)

    wanted = crops.to_batch(np.asarray(expected, np.uint8)[None], COLOUR_CARD)
    assert np.abs(batch - wanted).max() <= 1.01 / min(COLOUR_CARD.std)


def test_a_crop_is_the_bilinear_mean_by_its_definition(
    device: CudaDevice, rng: np.random.Generator
) -> None:
    """In float64, black outside, rounded half to even: an oracle without OpenCV."""
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    card = replace(COLOUR_CARD, mean=(0, 0, 0), std=(1, 1, 1), channels="bgr")
    to_frame = np.array([[[0.31, 0.02, -3.3], [-0.01, 0.19, -2.7]]], np.float32)
    width, height = card.input_size_wh
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    at = np.stack([x, y, np.ones_like(x)], axis=-1) @ to_frame[0].astype(np.float64).T
    low = np.floor(at).astype(int)
    share = at - low
    padded = np.pad(image.astype(np.float64), ((60, 60), (60, 60), (0, 0)))
    exact = sum(
        padded[low[..., 1] + j + 60, low[..., 0] + i + 60]
        * (share[..., :1] if i else 1 - share[..., :1])
        * (share[..., 1:] if j else 1 - share[..., 1:])
        for i in (0, 1)
        for j in (0, 1)
    )

    batch = cut(device, card, image, to_frame)[0].transpose(1, 2, 0)

    assert np.abs(batch - exact).max() < 0.502
    np.testing.assert_array_equal(batch, np.rint(batch))


def test_a_mirrored_crop_shows_the_columns_that_the_cpu_takes(
    device: CudaDevice, rng: np.random.Generator
) -> None:
    image = smooth_picture(rng)
    to_frame = np.array([[[0.9, 0, 20], [0, 0.9, 5]]], np.float32)
    plain = cut(device, COLOUR_CARD, image, to_frame)

    mirrored = cut(device, COLOUR_CARD, image, to_frame, mirrored=1)

    columns = np.clip(188 - np.arange(192), 0, 191)  # first heatmap pixel on 0, last on 188
    np.testing.assert_array_equal(mirrored, plain[..., columns])


# ---- heatmaps ----------------------------------------------------------------------------------


def trained_like(rng: np.random.Generator, count: int) -> FloatArray:
    """(N, 17, 64, 48): Gaussians anywhere, edges and corners too, under noise, some doubled."""
    points = rng.uniform(-2, 66, (count, 17, 2)).astype(np.float32)
    others = points + rng.normal(0, 9, points.shape).astype(np.float32)
    maps = heatmap.encode(points, MAP_WH, 2.0) + 0.6 * heatmap.encode(others, MAP_WH, 2.5)
    return (maps + rng.normal(0, 0.02, maps.shape)).astype(np.float32)


def odd_maps(rng: np.random.Generator) -> FloatArray:
    """(1, 17, 64, 48): what a network should not answer, and may."""
    maps = rng.normal(0, 1, (1, 17, 64, 48)).astype(np.float32)
    maps[0, 0], maps[0, 1], maps[0, 2], maps[0, 3] = 0, -1, np.nan, np.inf
    maps[0, 4, 20, 20], maps[0, 5, 3, 3], maps[0, 6, 3, 3] = np.nan, np.inf, -np.inf
    maps[0, 7] = 0.3  # flat: the first of equals
    maps[0, 8], maps[0, 9] = 0, 0
    maps[0, 8, 0, 0], maps[0, 9, 63, 47] = 1, 1  # corners
    maps[0, 10], maps[0, 10, 30, 30], maps[0, 10, 30, 31] = 0, 0.7, 0.7
    maps[0, 11], maps[0, 11, 9, 9] = 0, 1e-4  # next to nothing
    maps[0, 12], maps[0, 12, 33, 21] = -5, 0.8  # second highest of the blurred map is below 0
    maps[0, 13], maps[0, 13, 63, 20] = 0, 3  # more than the peak
    return maps


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", ["trained", "odd"])
def test_keypoints_are_those_of_the_cpus_decoder(
    device: CudaDevice, rng: np.random.Generator, decoder: str, kind: str
) -> None:
    card = replace(COLOUR_CARD, decoder=decoder)
    maps = odd_maps(rng) if kind == "odd" else trained_like(rng, 5)
    if decoder == "heatmap_cpn":  # one -inf: the CPU's matrix product loses the whole map to NaN,
        maps = np.maximum(maps, -1e30)  # the kernel's sums only what the blur reaches

    found = read(device, card, maps)

    identity = np.tile(np.eye(2, 3, dtype=np.float32), (len(maps), 1, 1))
    boxes = Boxes(np.zeros((len(maps), 4), np.float32), np.ones(len(maps), np.float32))
    expected = decode(Heatmaps(maps, identity, boxes), card)
    np.testing.assert_allclose(found[..., :2], expected.keypoints, atol=2e-3, equal_nan=True)
    np.testing.assert_allclose(found[..., 2], expected.scores, atol=1e-5)
    assert np.isfinite(expected.keypoints).any()
    assert np.isnan(expected.keypoints).any() or kind == "trained"


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_mirrors_maps_are_averaged_with_their_sides_changed(
    device: CudaDevice, rng: np.random.Generator, decoder: str
) -> None:
    card = replace(COLOUR_CARD, decoder=decoder)
    plain, mirrored = trained_like(rng, 2), trained_like(rng, 2)
    mean = (plain + mirrored[:, card.keypoints.flip, :, ::-1]) * np.float32(0.5)

    np.testing.assert_allclose(
        read(device, card, plain, mirrored), read(device, card, mean), atol=1e-4
    )


@pytest.mark.parametrize("size_wh", [(48, 64), (72, 96), (40, 64), (7, 5), (130, 3)])
@pytest.mark.parametrize("decoder", DECODERS)
def test_maps_may_have_any_size(
    device: CudaDevice, rng: np.random.Generator, decoder: str, size_wh: tuple[int, int]
) -> None:
    maps = rng.random((1, 17, size_wh[1], size_wh[0]), np.float32)
    maps = np.asarray([[cv2.GaussianBlur(one, (5, 5), 0) for one in maps[0]]], np.float32)
    card = replace(COLOUR_CARD, decoder=decoder)

    found = read(device, card, maps)

    points, scores = heatmap.HEATMAP_DECODERS[decoder](maps, 1.0)
    sure = (scores > 0.01) & (points > -0.5).all(-1) & (points < np.array(size_wh) - 0.5).all(-1)
    np.testing.assert_allclose(found[..., :2][sure], points[sure], atol=2e-3)


# ---- the two sides of the interface --------------------------------------------------------------


def test_records_are_as_large_as_the_kernels_structs(gpu: FakeGpu) -> None:
    assert gpu.cuda.fake_size_of_network() == NETWORK.itemsize
    assert gpu.cuda.fake_size_of_crop() == CROP.itemsize == 64


def test_constants_are_the_same_on_both_sides() -> None:
    header = HEADER.read_text("utf-8")

    defined = dict(re.findall(r"#define (\w+) (\d+)", header))
    names = {"THREADS", "CPN_KERNEL", "DARK_KERNEL"}
    assert {name: int(defined[name]) for name in names} == {
        name: getattr(kernel_records, name) for name in names
    }
    known = re.search(r"enum Decoder \{(.*)\}", header)
    assert known and [
        f"heatmap_{name.lower()}" for name, _ in re.findall(r"(\w+) = (\d)", known[1])
    ] == list(DECODERS)
