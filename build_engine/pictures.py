"""Real pictures as a network sees them, to compare engines on and to calibrate INT8 with.

Noise will not do: on it every heatmap is flat, and its maximum anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from engines.onnxruntime_engine import OnnxRuntimeEngine
from model_zoo.zoo import model_path
from pose import affine, crops
from pose.card import ModelCard
from pose.errors import InputError
from pose.types import Boxes, ByteArray, FloatArray

CLIP = Path(__file__).resolve().parents[1] / "app" / "assets" / "demo.mp4"  # ships with the program
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
_MIN_SCORE = 0.3  # without anybody as sure as this, the whole picture is the crop
_EVERY = 5  # frames of a video from one picture to the next, where it does not tell its length
_MOST_APART = 15  # frames; those between are decoded too, which costs more than it teaches


def pictures(card: ModelCard, count: int, source: Path | None = None) -> FloatArray:
    """Network inputs from real pictures.

    Args:
        card: A pose network gets the crop of each picture's surest person, a detector the whole
            picture on its full canvas.
        count: How many at most, spread evenly over the source.
        source: Folder of pictures, or a video; the clip that ships if not given.

    Returns:
        (n, 3, H, W) float32 as the card normalises, 1 <= n <= count.

    Raises:
        InputError: The source holds no picture that can be read.
    """
    source = source or CLIP
    images = list(_images(source, count))
    if not images:
        raise InputError(
            f"{source}: expected a folder of pictures ({', '.join(_SUFFIXES)}) or a video, "
            "found none that can be read"
        )
    if card.task == "pose":
        cut = [_crop(image, box, card) for image, box in zip(images, _surest(images), strict=True)]
    else:
        cut = [_canvas(image, card) for image in images]
    return crops.to_batch(np.stack(cut), card)


def _images(source: Path, count: int) -> Iterator[ByteArray]:
    """BGR pictures of a folder or a video."""
    if not source.is_dir():
        yield from _frames(source, count)
        return
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
    places = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).astype(int))
    for place in places if files else ():
        try:
            image = cv2.imdecode(np.fromfile(files[place], np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:  # empty, or larger than OpenCV takes
            continue
        if image is not None:
            yield np.asarray(image, np.uint8)


def _frames(source: Path, count: int) -> Iterator[ByteArray]:
    try:
        with av.open(str(source)) as container:
            stream = container.streams.video[0]
            every = max(1, min(_MOST_APART, stream.frames // count)) if stream.frames else _EVERY
            for number, frame in enumerate(container.decode(stream)):
                if number >= every * count:
                    return
                if number % every == 0:
                    yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except (OSError, av.FFmpegError, IndexError) as error:
        raise InputError(f"{source}: expected pictures or a video: {error}") from error


def _surest(images: list[ByteArray]) -> list[FloatArray]:
    """Each picture's surest person, (4,) xyxy in its pixels, as our own detector sees them."""
    found = []
    with OnnxRuntimeEngine(model_path("person")) as engine:
        for image in images:
            canvas, to_image = crops.letterbox(image, engine.card)
            answer = engine.infer(crops.to_batch(canvas[None], engine.card))
            best = int(answer["scores"][0].argmax())
            corners = answer["xyxy"][0, best].reshape(2, 2)
            box = affine.apply(to_image[None], corners[None])[0].reshape(4)
            if answer["scores"][0, best] < _MIN_SCORE:
                box = np.array([0, 0, image.shape[1] - 1, image.shape[0] - 1], np.float32)
            found.append(box.astype(np.float32))
    return found


def _crop(image: ByteArray, box: FloatArray, card: ModelCard) -> ByteArray:
    people = Boxes(box[None], np.ones(1, np.float32))
    crop: ByteArray = crops.cut(image, people, card.input_size_wh, card.crop_padding).images[0]
    return crop


def _canvas(image: ByteArray, card: ModelCard) -> ByteArray:
    """The picture letterboxed on the card's full size, so that all have one shape."""
    canvas, _ = crops.letterbox(image, card)
    width, height = card.input_size_wh
    return np.asarray(
        cv2.copyMakeBorder(
            canvas, 0, height - canvas.shape[0], 0, width - canvas.shape[1],
            cv2.BORDER_CONSTANT, value=(114, 114, 114),
        ),
        np.uint8,
    )  # fmt: skip
