"""The model card: to JSON and back, and every way it can be wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pose.card import ModelCard
from pose.errors import ModelFileError
from pose.skeleton import COCO_17

CARD = ModelCard(
    name="pose",
    task="pose",
    architecture="cpn lite_hrnet 256x192",
    input_size_wh=(192, 256),
    decoder="heatmap_dark",
    skeleton="coco_17",
    built_for={"gpu": "none"},
    measured={"AP val_coco": 0.6},
)
LEAST = {
    "name": "person",
    "task": "person",
    "architecture": "",
    "input_size_wh": [320, 320],
    "decoder": "centre",
}


def test_a_card_survives_its_journey_in_a_file() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_what_a_card_leaves_out_has_a_default() -> None:
    card = ModelCard.from_json(json.dumps(LEAST))

    assert card.input_size_wh == (320, 320)
    assert card.crop_padding == 1.25
    assert not card.any_size


def test_a_card_knows_its_keypoints_and_its_aspect() -> None:
    assert CARD.keypoints is COCO_17
    assert CARD.aspect == 0.75
    with pytest.raises(ModelFileError, match="got ''"):
        _ = ModelCard.from_json(json.dumps(LEAST)).keypoints


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a model card in JSON, got ''"),
        ("\x00\x01", "expected a model card in JSON"),
        (b"\xff\xfe\xff", r"expected a model card in JSON, got b'\\xff"),
        ("[]", "expected a JSON object as model card, got list"),
        ("{}", "the card is incomplete.*name"),
    ],
)
def test_a_text_that_is_no_card_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=rf"^x\.onnx: {message}"):
        ModelCard.from_json(text, source="x.onnx")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("colour", "red", r"unknown fields \['colour'\]"),
        ("task", "dance", "expected task pose or person"),
        ("channels", "grb", "channels rgb or bgr"),
        ("name", 3, "name must be str, got 3"),
        ("decoder", None, "decoder must be str, got None"),
        ("any_size", "yes", "any_size must be bool"),
        ("heatmap_peak", "255", "heatmap_peak must be float, got '255'"),
        ("heatmap_peak", True, "heatmap_peak must be float"),
        ("heatmap_peak", 0, "heatmap peak must be positive"),
        ("heatmap_peak", float("nan"), "heatmap peak must be positive"),
        ("measured", [1], "measured must be Mapping"),
        ("input_size_wh", [192], "input_size_wh must be 2 numbers"),
        ("input_size_wh", [0, 256], "input size.*must be positive"),
        ("input_size_wh", "192x256", "input_size_wh must be 2 numbers"),
        ("mean", [1, 2, float("inf")], "mean must be 3 numbers"),
        ("std", [1, 2, 0], "std.*must be positive"),
        ("std", [1, 2, "3"], "std must be 3 numbers"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        ModelCard.from_json(json.dumps({**LEAST, field: value}))
