"""The shipped fake: drawn figures and colours are found where they were drawn."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.fake_engine import FakeEngine, keypoint_colours, write_fake
from pose.card import Channels
from pose.crops import to_batch
from pose.errors import EngineError, ModelFileError
from pose.heatmap import HEATMAP_DECODERS
from tests.engines.tiny_networks import CARD, POSE_CARD

GREY = (114, 114, 114)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_figures_are_boxed_to_the_pixel(tmp_path: Path, count: int) -> None:
    picture = np.full((1, 32, 64, 3), GREY, np.uint8)
    drawn = [(4, 5, 12, 27), (20, 8, 26, 24), (40, 2, 44, 9)][:count]  # largest first
    for x1, y1, x2, y2 in drawn:
        picture[0, y1:y2, x1:x2] = (10, 20, 250)

    with FakeEngine(write_fake(tmp_path / "p.fake", CARD, "figures")) as engine:
        found = engine.infer(to_batch(picture, CARD))

    assert (found["scores"][0] > 0.5).sum() == count
    expected = np.array(drawn, np.float32).reshape(-1, 4) - 0.5
    np.testing.assert_array_equal(found["xyxy"][0, :count], expected)


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("decoder", ["heatmap_quarter", "heatmap_dark"])
def test_colours_come_back_as_keypoints(tmp_path: Path, channels: Channels, decoder: str) -> None:
    card = replace(POSE_CARD, channels=channels, input_size_wh=(192, 256), heatmap_peak=0.5)
    picture = np.full((1, 256, 192, 3), GREY, np.uint8)
    places = [(24 + 36 * (k % 5), 24 + 52 * (k // 5)) for k in range(17)]
    for (x, y), colour in zip(places[:-1], keypoint_colours(17).tolist(), strict=False):
        cv2.circle(picture[0], (x, y), 6, colour, -1)  # the last keypoint is hidden

    with FakeEngine(write_fake(tmp_path / "k.fake", card, "colours")) as engine:
        values = engine.infer(to_batch(picture, card))["heatmaps"]
    points, scores = HEATMAP_DECODERS[decoder](values, card.heatmap_peak)

    assert values.shape == (1, 17, 64, 48)
    np.testing.assert_allclose(points[0, :-1] * 4, places[:-1], atol=1.5)
    np.testing.assert_allclose(scores[0, :-1], 1, atol=0.05)
    assert scores[0, -1] == 0


def test_fixed_answers_are_the_same_for_every_picture(tmp_path: Path) -> None:
    path = write_fake(tmp_path / "f.fake", CARD, "fixed", outputs={"scores": [0.25, 0.5]})

    with FakeEngine(path, max_batch=2) as engine:
        found = engine.infer(np.zeros((3, 3, 32, 64), np.float32))

    np.testing.assert_array_equal(found["scores"], [[0.25, 0.5]] * 3)


def test_it_fails_on_the_call_it_was_told_to(tmp_path: Path) -> None:
    path = write_fake(tmp_path / "f.fake", CARD, "figures", fails_on_call=2)
    picture = np.zeros((1, 3, 32, 64), np.float32)

    with FakeEngine(path) as engine:
        engine.infer(picture)
        with pytest.raises(EngineError, match="as it was told to"):
            engine.infer(picture)
        engine.infer(picture)


def test_it_insists_on_the_thread_that_entered_it(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def use() -> None:
        try:
            engine.infer(np.zeros((1, 3, 32, 64), np.float32))
        except RuntimeError as error:
            caught.append(error)

    with FakeEngine(write_fake(tmp_path / "f.fake", CARD, "figures")) as engine:
        other = threading.Thread(target=use)
        other.start()
        other.join()

    assert "another" in str(caught[0])


def test_it_says_that_it_is_fake(tmp_path: Path) -> None:
    assert "FAKE" in str(FakeEngine(write_fake(tmp_path / "f.fake", CARD, "figures")))


@pytest.mark.parametrize(
    "settings",
    [
        {"answer": "guess"},
        {"answer": "figures", "delay_s": "long"},
        {"answer": "fixed", "outputs": {"scores": [[1], [1, 2]]}},
        {"answer": "fixed", "outputs": [1]},
        {"answer": "figures", "colour": 1},
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ModelFileError, match="expected"):
        FakeEngine(write_fake(tmp_path / "f.fake", CARD, **settings))  # type: ignore[arg-type]
