"""Put a model card into an ONNX file, or change the one that is there.

Used after a measurement (`measured` is known only then) and for detectors in a known format that
somebody else exported. Reading needs none of this: `pose.onnx_header` reads without `onnx`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from pose.card import CARD_KEY, ModelCard
from pose.errors import ModelFileError, OutputError
from pose.onnx_header import card_in_onnx


def attach_card(source: Path, card: ModelCard, target: Path) -> Path:
    """Write a copy of an ONNX file that carries a card; may be the same file.

    Args:
        source: ONNX file, with or without a card.
        card: The card; replaces an older one. Other metadata stays.
        target: Where; appears complete or not at all.

    Raises:
        ModelFileError: The source is not ONNX, or keeps weights in other files.
        OutputError: The target cannot be written.
    """
    try:
        model = with_card(onnx.load(source, load_external_data=False), card)
    except (OSError, DecodeError) as error:
        raise ModelFileError(f"{source}: expected an ONNX model: {error}") from error
    card_in_onnx(model.SerializeToString(), str(source))  # what no engine would open is not written
    return write_onnx(model, target)


def with_card(model: onnx.ModelProto, card: ModelCard) -> onnx.ModelProto:
    """A copy of the model that carries this card and all its other metadata."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    others = {prop.key: prop.value for prop in model.metadata_props if prop.key != CARD_KEY}
    del copy.metadata_props[:]
    onnx.helper.set_model_props(copy, {**others, CARD_KEY: card.to_json()})
    return copy


def write_onnx(model: onnx.ModelProto, target: Path) -> Path:
    """Write a model in one file, complete or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    return write_bytes(model.SerializeToString(), target)


def write_bytes(content: bytes, target: Path) -> Path:
    """Write a file, complete or not at all; makes the folders above it.

    Raises:
        OutputError: It cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the content does
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target
