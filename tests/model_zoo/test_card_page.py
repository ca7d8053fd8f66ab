"""The page beside a network says what its card says."""

from __future__ import annotations

import pytest

from model_zoo.card_page import card_page
from model_zoo.zoo import DEFAULT_FOLDER, MODELS, card_of
from pose.card import ModelCard

SMALL = ModelCard(
    name="small", task="pose", architecture="tiny", input_size_wh=(96, 128), decoder="heatmap_cpn"
)


def test_a_card_that_says_little_says_so() -> None:
    page = card_page(SMALL)

    assert page.startswith("# small\n")
    assert "96 x 128" in page
    assert page.count("Not said.") == 7


@pytest.mark.parametrize("name", MODELS)
def test_the_pages_of_the_models_that_ship_are_those_of_their_cards(name: str) -> None:
    page = (DEFAULT_FOLDER / f"{name}.md").read_text("utf-8")

    assert page == card_page(card_of(name))
    assert "Not said." not in page
