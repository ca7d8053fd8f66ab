"""The card is read from an ONNX file's bytes as the `onnx` package wrote them, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pose.card import CARD_KEY, ModelCard
from pose.errors import ModelFileError
from pose.onnx_header import card_in_onnx

CARD = ModelCard("toy", "person", "nothing", (64, 32), "centre")
WEIGHTS = numpy_helper.from_array(np.arange(300, dtype=np.float32), "weights")


def model(
    card: ModelCard = CARD, more: dict[str, str] | None = None, *nodes: onnx.NodeProto
) -> onnx.ModelProto:
    """A graph that does nothing, with weights and a card."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    made = helper.make_model(helper.make_graph([*nodes], "g", [value], [value], [WEIGHTS]))
    helper.set_model_props(made, {**(more or {}), CARD_KEY: card.to_json()})
    return made


CONTENT = model().SerializeToString()


@given(
    name=st.text(st.characters(codec="utf-8")),
    more=st.dictionaries(st.text(max_size=9), st.text(max_size=300), max_size=4),
)
def test_any_text_comes_back_as_onnx_wrote_it(name: str, more: dict[str, str]) -> None:
    more.pop(CARD_KEY, None)
    card = replace(CARD, name=name)

    assert card_in_onnx(model(card, more).SerializeToString(), "m.onnx") == card


@pytest.mark.parametrize("end", range(0, len(CONTENT), 37))
def test_a_file_cut_short_anywhere_is_refused(end: int) -> None:
    with pytest.raises(ModelFileError, match=r"^m\.onnx: "):
        card_in_onnx(CONTENT[:end], "m.onnx")


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"^m\.onnx: "):
        card_in_onnx(content, "m.onnx")


@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_a_card_or_a_clear_refusal(place: int, byte: int) -> None:
    changed = bytearray(CONTENT)
    changed[place] = byte
    try:
        assert isinstance(card_in_onnx(bytes(changed), "m.onnx"), ModelCard)
    except ModelFileError as error:
        assert "\n" not in str(error)


def test_a_model_without_a_card_says_how_to_attach_one() -> None:
    made = model()
    del made.metadata_props[:]

    with pytest.raises(ModelFileError, match=r"no model card.*attach_card"):
        card_in_onnx(made.SerializeToString(), "m.onnx")


def outside(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """The same weights, said to lie in a file of this machine."""
    moved = onnx.TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    moved.external_data.add(key="location", value="../../etc/passwd")
    return moved


def weights_in_a_branch() -> onnx.ModelProto:
    """External weights two levels down, in an attribute of a node of a branch of an If."""
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constant = helper.make_node("Constant", [], ["y"], value=outside(WEIGHTS))
    branch = helper.make_graph([constant], "branch", [], [value])
    return model(
        CARD, None, helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    )


def weights_in_a_function() -> onnx.ModelProto:
    """External weights inside a function of the model's own."""
    made = model()
    constant = helper.make_node("Constant", [], ["y"], value=outside(WEIGHTS))
    made.functions.append(
        helper.make_function("ours", "f", [], ["y"], [constant], [helper.make_opsetid("", 17)])
    )
    return made


def weights_as_initializer() -> onnx.ModelProto:
    """External weights where exporters put them."""
    made = model()
    made.graph.initializer[0].CopyFrom(outside(WEIGHTS))
    return made


def weights_in_sparse_tensor() -> onnx.ModelProto:
    """External values of a sparse tensor."""
    made = model()
    made.graph.sparse_initializer.append(onnx.SparseTensorProto(values=outside(WEIGHTS), dims=[9]))
    return made


@pytest.mark.parametrize(
    "make",
    [weights_as_initializer, weights_in_a_branch, weights_in_a_function, weights_in_sparse_tensor],
)
def test_weights_in_other_files_are_refused_wherever_they_are_declared(
    make: Callable[[], onnx.ModelProto],
) -> None:
    with pytest.raises(ModelFileError, match=r"external data.*refused"):
        card_in_onnx(make().SerializeToString(), "m.onnx")


def test_external_data_as_onnx_saves_it_is_refused(tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)

    with pytest.raises(ModelFileError, match="external data"):
        card_in_onnx((tmp_path / "m.onnx").read_bytes(), "m.onnx")


def test_nesting_deeper_than_pythons_stack_is_no_trouble() -> None:
    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    graph = b""
    for _ in range(1500):
        graph = field(1, field(5, field(6, graph)))  # a node with an attribute with a graph

    assert card_in_onnx(CONTENT + field(7, graph), "m.onnx") == CARD
