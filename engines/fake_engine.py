"""A FAKE engine, for tests and for trying a pipeline without any network. It recognises nobody.

A `.fake` file is JSON: a model card, and what to answer:

    {"card": {...}, "answer": "figures", "delay_s": 0.0, "fails_on_call": 0}

`figures` (card: person, decoder `centre`) boxes whatever stands out from the grey background 114,
with a score of 0.9, or of 0.25 from call `doubts_from_call` on;
`colours` (card: pose) finds keypoint k where the picture has colour k of `keypoint_colours`;
`fixed` answers `outputs`, the same for every picture. So a scene drawn by a test goes through the
real steps, with known truth. It is stricter than a real engine: it insists on its thread, as CUDA
does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from typing_extensions import Self

from engines.batching import Batching
from engines.engine import check_options, read_network_file
from pose.card import ModelCard
from pose.errors import EngineError, ModelFileError
from pose.types import ByteArray, FloatArray

BACKGROUND = 114
_FIGURES = 32  # candidates per picture; the rest score 0
_STRIDE = 4  # crop pixels per heatmap pixel, as in the real networks
_SURE, _DOUBTFUL = 0.9, 0.25
_DEFAULTS: Mapping[str, Any] = {
    "outputs": {}, "delay_s": 0.0, "fails_on_call": 0, "doubts_from_call": 0,
}  # fmt: skip


class FakeEngine:
    """Answers from rules instead of a network."""

    def __init__(self, path: Path, threads: int = 0, max_batch: int = 16) -> None:
        """Read the file.

        Args:
            path: `.fake` file.
            threads: Ignored; every backend takes it.
            max_batch: Most pictures in one call.

        Raises:
            ModelFileError: Not such a file.
            UsageError: Threads that make no sense, or no room for a picture.
        """
        check_options(threads, max_batch)
        settings = _settings(path)
        self.card = ModelCard.from_json(json.dumps(settings["card"]), str(path))
        self.max_batch = max_batch
        self._path = path
        try:
            self._answer = _answerer(settings, self.card, path)
            self._delay_s = float(settings["delay_s"])
            self._fails_on_call = int(settings["fails_on_call"])
            self._doubts_from_call = int(settings["doubts_from_call"])
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelFileError(f"{path}: expected numbers: {error}; mend the file") from error
        self._calls = 0
        self._thread = 0
        self._batching: Batching | None = None

    def __str__(self) -> str:
        return f"FAKE engine ({self._path.name}), not a network"

    def __enter__(self) -> Self:
        if self._batching is not None:
            raise RuntimeError(f"{self._path} was entered twice")
        self._thread = threading.get_ident()
        self._batching = Batching(self._run, self.card, self.max_batch)
        return self

    def __exit__(self, *exc: object) -> None:
        self._batching = None

    def infer(self, batch: FloatArray) -> dict[str, FloatArray]:
        """See `Engine.infer`."""
        if self._batching is None:
            raise RuntimeError(f"{self._path}: enter the engine (with engine: ...) before infer()")
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"{self._path}: entered in one thread and used in another")
        answers = self._batching(batch)
        self.max_batch = self._batching.max_batch
        return answers

    def _run(self, batch: FloatArray) -> dict[str, FloatArray]:
        self._calls += 1
        if self._calls == self._fails_on_call:
            raise EngineError(f"{self._path} fails on call {self._calls}, as it was told to")
        time.sleep(self._delay_s)
        answer = self._answer(batch)
        if 0 < self._doubts_from_call <= self._calls:
            answer["scores"] = np.minimum(answer["scores"], np.float32(_DOUBTFUL))
        return answer


def keypoint_colours(count: int) -> ByteArray:
    """Colours that `colours` looks for: (K, 3) uint8 BGR, hues all around the circle."""
    hues = np.arange(count) * 180 // count
    hsv = np.stack([hues, np.full(count, 255), np.full(count, 255)], 1).astype(np.uint8)
    colours: ByteArray = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2BGR)[0].astype(np.uint8)
    return colours


def write_fake(path: Path, card: ModelCard, answer: str, **settings: Any) -> Path:
    """Write a `.fake` file.

    Args:
        path: Where.
        card: The card that it carries.
        answer: `figures`, `colours` or `fixed`.
        settings: `outputs` (by name, one picture's answer as nested lists), `delay_s` per call,
            `fails_on_call` and `doubts_from_call` (from 1; 0 never).
    """
    path.write_text(
        json.dumps({"card": json.loads(card.to_json()), "answer": answer, **settings}), "utf-8"
    )
    return path


def _settings(path: Path) -> dict[str, Any]:
    wanted = {"card", "answer"}
    try:
        settings = json.loads(read_network_file(path))
    except ValueError as error:  # neither UTF-8 nor JSON
        raise ModelFileError(f"{path}: expected a fake network in JSON, got: {error}") from error
    keys = set(settings) if isinstance(settings, dict) else set()
    if not wanted <= keys <= wanted | set(_DEFAULTS):
        raise ModelFileError(
            f"{path}: expected a fake network, a JSON object with card and answer, "
            f"perhaps {', '.join(_DEFAULTS)}; got {sorted(keys) or type(settings).__name__}"
        )
    return {**_DEFAULTS, **settings}


def _answerer(
    settings: Mapping[str, Any], card: ModelCard, path: Path
) -> Callable[[FloatArray], dict[str, FloatArray]]:
    answer = settings["answer"]
    if answer == "figures":
        return lambda batch: _figures(_pictures(batch, card))
    if answer == "colours":
        colours = keypoint_colours(len(card.keypoints))
        return lambda batch: {"heatmaps": _colours(_pictures(batch, card), colours, card)}
    if answer == "fixed":
        outputs = {name: np.array(one, np.float32) for name, one in settings["outputs"].items()}
        return lambda batch: {
            name: np.repeat(one[None], len(batch), axis=0) for name, one in outputs.items()
        }
    raise ModelFileError(
        f"{path}: expected answer figures, colours or fixed, got {answer!r}; mend the file"
    )


def _pictures(batch: FloatArray, card: ModelCard) -> FloatArray:
    """Undo the card's normalisation: (N, H, W, 3) float32 BGR, 0 to 255."""
    std, mean = np.array(card.std, np.float32), np.array(card.mean, np.float32)
    pictures: FloatArray = batch.transpose(0, 2, 3, 1) * std + mean
    return pictures if card.channels == "bgr" else pictures[..., ::-1]


def _figures(pictures: FloatArray) -> dict[str, FloatArray]:
    """Boxes of connected regions that are not background, largest first."""
    xyxy = np.zeros((len(pictures), _FIGURES, 4), np.float32)
    scores = np.zeros((len(pictures), _FIGURES), np.float32)
    for i, picture in enumerate(pictures):
        figure = (np.abs(picture - BACKGROUND).max(axis=2) > 20).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(figure, connectivity=8)
        found = stats[1:][np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")][:_FIGURES]
        # pixel columns x .. x + w - 1 are covered from edge to edge: half a pixel further out
        xyxy[i, : len(found), :2] = found[:, :2] - 0.5
        xyxy[i, : len(found), 2:] = found[:, :2] + found[:, 2:4] - 0.5
        scores[i, : len(found)] = _SURE
    return {"xyxy": xyxy, "scores": scores}


def _colours(pictures: FloatArray, colours: ByteArray, card: ModelCard) -> FloatArray:
    """(N, K, H/4, W/4): how much each place has of each keypoint's colour, smoothed."""
    n, height, width, _ = pictures.shape
    shape = (n, len(colours), -(-height // _STRIDE), -(-width // _STRIDE))
    heatmaps = np.zeros(shape, np.float32)
    for i, picture in enumerate(pictures):
        for k, colour in enumerate(colours.astype(np.float32)):
            likeness = np.exp(-((picture - colour) ** 2).sum(axis=2) / (2 * 40.0**2))
            smooth = cv2.GaussianBlur(likeness, (0, 0), 1.5 * _STRIDE)
            if likeness.max() > 0.3:
                peak = card.heatmap_peak * float(likeness.max()) / float(smooth.max())
                heatmaps[i, k] = smooth[::_STRIDE, ::_STRIDE] * peak
    return heatmaps
