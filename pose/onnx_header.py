"""The model card inside an ONNX file, read from its bytes without the `onnx` package.

ONNX is a Protocol Buffers message (onnx.proto). Three things are wanted of it before a runtime sees
the file: that it is a whole ONNX model, what its `metadata_props` say, and whether any tensor lives
in another file. Weights are stepped over, so a model of some megabytes takes milliseconds. Knows no
file: bytes in, answer out.
"""

from __future__ import annotations

from pose.card import CARD_KEY, ModelCard
from pose.errors import ModelFileError
from pose.protobuf import NotProtobufError, fields

# message -> field number -> message in that field; only the roads that lead to a tensor
_ROADS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_IR_VERSION, _GRAPH, _METADATA_PROPS = 1, 7, 14  # of "model"
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of "tensor"


def card_in_onnx(content: bytes, source: str) -> ModelCard:
    """Read the card of a complete ONNX model that keeps its weights to itself.

    Args:
        content: The whole file.
        source: Its name, for messages.

    Returns:
        The card.

    Raises:
        ModelFileError: Empty, cut short, not ONNX, with weights in other files, or without a card.
    """
    try:
        properties, has_graph, external = _survey(memoryview(content))
    except NotProtobufError as error:
        raise ModelFileError(
            f"{source}: expected an ONNX model, got {len(content)} bytes that are none "
            f"or were cut short ({error}); fetch the file again"
        ) from error
    if not has_graph:
        raise ModelFileError(
            f"{source}: expected an ONNX model, got {len(content)} bytes without a graph; "
            "fetch the file again"
        )
    if external:
        raise ModelFileError(
            f"{source}: keeps weights in other files (ONNX external data), which is refused "
            "because such a model can name any file of this machine; save it as one file"
        )
    if CARD_KEY not in properties:
        raise ModelFileError(
            f"{source}: has no model card (metadata {CARD_KEY!r}); "
            "attach one with build_engine.onnx_card.attach_card"
        )
    return ModelCard.from_json(properties[CARD_KEY], source)


def _survey(model: memoryview) -> tuple[dict[str, str], bool, bool]:
    """Metadata, whether this is a model with a graph, and whether a tensor lies elsewhere."""
    properties: dict[str, str] = {}
    seen: set[int] = set()
    external = False
    waiting = [("model", model)]  # a stack of ours: hostile nesting must not use up Python's
    while waiting:
        kind, message = waiting.pop()
        for number, value in fields(message):
            if kind == "model":
                seen.add(number)
                if number == _METADATA_PROPS:
                    key, text = _pair(value)
                    properties[key] = text
            elif kind == "tensor":
                external |= number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1)
            inner = _ROADS[kind].get(number)
            if inner is not None:
                if not isinstance(value, memoryview):
                    raise NotProtobufError(f"a {inner} that is no message")
                waiting.append((inner, value))
    return properties, {_IR_VERSION, _GRAPH} <= seen, external


def _pair(entry: int | memoryview) -> tuple[str, str]:
    """Key and value of one `metadata_props` entry."""
    if not isinstance(entry, memoryview):
        raise NotProtobufError("metadata that is no message")
    found = {1: "", 2: ""}
    for number, value in fields(entry):
        if number in found and isinstance(value, memoryview):
            try:
                found[number] = bytes(value).decode()
            except UnicodeDecodeError as error:
                raise NotProtobufError("metadata that is not UTF-8") from error
    return found[1], found[2]
