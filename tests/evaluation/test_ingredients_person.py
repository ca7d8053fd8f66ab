"""The detector's ingredients: boxes are kept photograph by photograph, and rows judged in pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.ingredient_study import ALL, Config
from evaluation.ingredients_person import FIGURES, ROWS, STUDY, as_annotations, keep
from pose.types import Boxes
from training.person_dataset import Photograph
from training.person_job import PersonTraining

PERSON = np.array([[10, 10, 60, 110]], np.float32)
NOBODY = np.zeros((0, 4), np.float32)


def photograph(people: int, crowds: int = 0) -> Photograph:
    xyxy = np.concatenate([NOBODY, *(PERSON + 70 * i for i in range(people))])
    crowd = np.repeat(PERSON + 300, crowds, axis=0)
    weights = np.ones(people, np.float32)
    return Photograph(Path("a.jpg"), "made up", (640, 480), xyxy, weights, crowd, complete=True)


def test_every_row_changes_something_that_there_is() -> None:
    for name, row in ROWS.items():
        assert (name == ALL) == (row.ema and not row.training)
        assert replace(PersonTraining(), **row.training) != PersonTraining() or not row.training


@pytest.mark.parametrize(("people", "crowds"), [(0, 0), (1, 0), (0, 2), (3, 1)])
def test_crowds_are_not_people_to_find(people: int, crowds: int) -> None:
    annotations = as_annotations([photograph(people, crowds)])

    assert annotations.people_with_boxes == people
    assert len(annotations.photographs[0].people) == people + crowds


def test_what_a_row_lost_is_what_the_ingredient_gave(tmp_path: Path) -> None:
    """Everybody is found by the whole recipe; the row without pasting misses the groups of four."""
    photographs = [photograph(n) for n in (0, 1, 2, 4, 5)]
    config = Config(of="person", out=tmp_path)
    everybody = [Boxes(p.xyxy, np.full(len(p.xyxy), 0.9, np.float32)) for p in photographs]
    no_groups = [found if len(found) < 4 else Boxes.empty() for found in everybody]
    for row, found in ((ALL, everybody), ("pasting", no_groups)):
        config.answers(row).parent.mkdir()
        keep(config.answers(row), photographs, found)

    gains = STUDY.gains(config, [ALL, "pasting"])

    assert [gains[ALL][figure].value for figure in FIGURES] == pytest.approx([1, 1, 1])
    assert [gains[ALL][figure].gave for figure in FIGURES] == [0, 0, 0]
    lost = gains["pasting"]
    assert lost["AP50"].value == pytest.approx(3 / 12, abs=0.02)
    assert lost["AP50"].low < lost["AP50"].gave < lost["AP50"].high
    assert (lost["AP50 in groups"].value, lost["AP50 in groups"].gave) == (0, 1)
