"""Box decoders: each format written from known boxes, then read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.steps.decoders import BOX_DECODERS, STRIDES
from pose.errors import ModelFileError
from pose.types import Boxes, FloatArray

INPUT_WH = (96, 64)
LEVELS = [(stride, INPUT_WH[0] // stride, INPUT_WH[1] // stride) for stride in STRIDES]
CELLS = sum(columns * rows for _, columns, rows in LEVELS)


def _as_centre(wanted: Boxes) -> dict[str, FloatArray]:
    return {"xyxy": wanted.xyxy[None], "scores": wanted.scores[None]}


def _as_yolox(wanted: Boxes) -> dict[str, FloatArray]:
    answer = np.zeros((1, CELLS, 85), np.float32)
    first = 0
    for stride, columns, rows in LEVELS:
        for row in range(rows):
            for column in range(columns):
                x1, y1, x2, y2 = wanted.xyxy[first]
                answer[0, first, 0] = (x1 + x2) / 2 / stride - column
                answer[0, first, 1] = (y1 + y2) / 2 / stride - row
                answer[0, first, 2:4] = np.log([(x2 - x1) / stride, (y2 - y1) / stride])
                first += 1
    answer[0, :, 4] = 0.5
    answer[0, :, 5] = wanted.scores * 2  # a person
    answer[0, :, 6] = 1  # a bicycle, which must not count
    return {"output": answer}


def _as_rtmdet(wanted: Boxes) -> dict[str, FloatArray]:
    logits, sides = {}, {}
    first = 0
    for level, (stride, columns, rows) in enumerate(LEVELS):
        last = first + columns * rows
        score = wanted.scores[first:last].reshape(rows, columns)
        xyxy = wanted.xyxy[first:last].reshape(rows, columns, 4)
        y, x = np.mgrid[:rows, :columns].astype(np.float32) * stride
        corners = np.stack([x - xyxy[..., 0], y - xyxy[..., 1], xyxy[..., 2] - x, xyxy[..., 3] - y])
        logits[f"score_{level}"] = np.log(score / (1 - score))[None, None]
        sides[f"sides_{level}"] = corners[None].astype(np.float32)
        first = last
    return {**logits, **sides}


WRITERS: dict[str, Callable[[Boxes], dict[str, FloatArray]]] = {
    "centre": _as_centre,
    "yolox": _as_yolox,
    "rtmdet": _as_rtmdet,
}


@pytest.fixture
def wanted(rng: np.random.Generator) -> Boxes:
    corner = rng.uniform(-5, 80, (CELLS, 2))
    size = rng.uniform(2, 60, (CELLS, 2))
    xyxy = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    return Boxes(xyxy, rng.uniform(0.01, 0.49, CELLS).astype(np.float32))


@pytest.mark.parametrize("name", BOX_DECODERS)
def test_a_decoder_reads_what_its_format_says(name: str, wanted: Boxes) -> None:
    found = BOX_DECODERS[name](WRITERS[name](wanted), 0, INPUT_WH)

    np.testing.assert_allclose(found.xyxy, wanted.xyxy, atol=1e-3)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)


@pytest.mark.parametrize("name", BOX_DECODERS)
def test_a_decoder_takes_the_picture_that_it_is_asked_for(name: str, wanted: Boxes) -> None:
    others = Boxes(wanted.xyxy + 3, wanted.scores)
    first, second = WRITERS[name](wanted), WRITERS[name](others)
    both = {key: np.concatenate([first[key], second[key]]) for key in first}

    found = BOX_DECODERS[name](both, 1, INPUT_WH)

    np.testing.assert_allclose(found.xyxy, others.xyxy, atol=1e-3)


@pytest.mark.parametrize("name", BOX_DECODERS)
@pytest.mark.parametrize(
    "shapes", [[(1, 17, 8, 6)], [(1, 5, 4)], [(1, 1, 3, 4), (1, 4, 3, 4)], [(1, CELLS, 5)]]
)
def test_a_decoder_refuses_another_networks_answer(
    name: str, shapes: list[tuple[int, ...]]
) -> None:
    outputs = {f"out_{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}

    with pytest.raises(ModelFileError, match="mend the detector's card"):
        BOX_DECODERS[name](outputs, 0, INPUT_WH)


def test_rtmdet_does_not_mind_the_order_of_its_outputs(wanted: Boxes) -> None:
    outputs = _as_rtmdet(wanted)
    shuffled = {key: outputs[key] for key in sorted(outputs, reverse=True)}

    found = BOX_DECODERS["rtmdet"](shuffled, 0, INPUT_WH)

    np.testing.assert_allclose(found.xyxy, wanted.xyxy, atol=1e-3)


def test_every_decoder_has_a_writer_in_this_test() -> None:
    assert set(WRITERS) == set(BOX_DECODERS)
