"""Networks of others that ours are measured against: what feeds and reads each, by its file's name.

Their files are no part of this project. A card makes them run through the same steps as ours; what
is not ONNX has a file of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pose.card import ModelCard

MOVENET = "movenet_lightning_int8.tflite"

_TINYPOSE = ModelCard(
    name="PP-TinyPose",
    task="pose",
    architecture="Lite-HRNet 256x192, PaddleDetection",
    input_size_wh=(192, 256),
    decoder="heatmap_dark",
    skeleton="coco_17",
    crop_padding=1.15,
)
_RTMDET = ModelCard(
    name="RTMDet-nano",
    task="person",
    architecture="RTMDet-nano, mmdetection",
    input_size_wh=(320, 320),
    decoder="rtmdet",
    any_size=True,
    channels="bgr",
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
)
_YOLOX = ModelCard(
    name="YOLOX-nano",
    task="person",
    architecture="YOLOX-nano, COCO-80",
    input_size_wh=(416, 416),
    decoder="yolox",
    channels="bgr",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)

# file -> cards, one for each size that it is measured at
PEERS: Mapping[str, tuple[ModelCard, ...]] = {
    "tinypose_256x192_A.onnx": (replace(_TINYPOSE, name="PP-TinyPose A"),),
    "tinypose_256x192_B.onnx": (replace(_TINYPOSE, name="PP-TinyPose B"),),
    "rtmdet_nano_person.onnx": (
        replace(_RTMDET, name="RTMDet-nano 320"),
        replace(_RTMDET, name="RTMDet-nano 416", input_size_wh=(416, 416)),
    ),
    "yolox_nano.onnx": (_YOLOX,),
}


def with_cards(folder: Path, into: Path) -> list[Path]:
    """Copies of the peers of a folder that carry their cards.

    Args:
        folder: Where the peers' files are; those that are not there are left out.
        into: Where the copies go.

    Raises:
        ModelFileError: A file is not ONNX.
        OutputError: A copy cannot be written.
    """
    from build_engine.onnx_card import attach_card  # needs onnx, which measuring ours does not

    return [
        attach_card(folder / file, card, into / f"{card.name.replace(' ', '_')}.onnx")
        for file, cards in PEERS.items()
        if (folder / file).is_file()
        for card in cards
    ]
