"""`main.py worst`: the right people, in order, in a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import main
from evaluation.worst import drawing, everybody, tile
from tests.evaluation import labelled
from tests.evaluation.test_robustness import set_of_people  # noqa: F401  (a fixture)

BOXES = [(10, 10, 110, 210), (200, 10, 300, 210)]


def test_of_nobody_nobody_is_worst() -> None:
    nobody = labelled.labels_of([labelled.people([])])

    assert everybody(nobody, [np.zeros((0, 17, 2), np.float32)]) == []


def test_each_person_is_judged_by_their_own_pose() -> None:
    labels = labelled.labels_of([labelled.people(BOXES)])
    found = labels.photographs[0].people.keypoints.copy()
    found[1, 9] += 100
    found[1, 3] = np.nan

    right, wrong = everybody(labels, [found])

    assert right.oks == pytest.approx(1) and right.wrong == ()
    assert wrong.oks == pytest.approx(15 / 17, abs=1e-4)
    assert wrong.wrong == ("left_ear", "left_wrist")


@pytest.mark.parametrize("flags", [[], ["--sketch"]])
def test_the_worst_are_printed_and_drawn(
    set_of_people: list[str],  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
) -> None:
    data, models = set_of_people[:4], ["--pose", set_of_people[7]]
    out = tmp_path / "new" / "worst.png"

    code = main.main(["worst", *data, *models, "--count", "3", "--json", "--out", str(out), *flags])

    assert code == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 3 and rows == sorted(rows, key=lambda row: row["oks"])
    picture = cv2.imread(str(out))
    assert picture is not None and picture.shape == (320, 3 * 240, 3)
    assert main.main(["worst", *data, *models, "--count", "2"]) == 0
    assert "OKS" in capsys.readouterr().out


def test_a_drawing_is_white_where_nothing_is() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)
    flat[18:22] = 10

    drawn = drawing(flat)

    assert drawn.shape == flat.shape
    assert (drawn[0] > 240).all() and (drawn[20] < 128).all()


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [(["--count", "0"], 2, "1 or more"), (["--out", "w.jpg"], 2, "ends in .png")],
)
def test_what_cannot_be_meant_is_refused(
    set_of_people: list[str],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    code: int,
    complaint: str,
) -> None:
    assert main.main(["worst", *set_of_people[:4], *flags]) == code
    assert complaint in capsys.readouterr().err


def test_a_turned_photograph_is_drawn_as_it_was_judged(tmp_path: Path) -> None:
    """Labels lie on the stored pixels, whatever the camera says is up."""
    image = np.full((320, 240, 3), 255, np.uint8)
    image[60:260, 20:220] = 0
    stored = cv2.imencode(".jpg", image)[1].tobytes()
    turned = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01"
    turned += b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    (tmp_path / "a.jpg").write_bytes(stored[:2] + turned + stored[2:])
    upright = cv2.imread(str(tmp_path / "a.jpg"))
    assert upright is not None and upright.shape == (240, 320, 3), "OpenCV turns it"
    labels = labelled.labels_of([labelled.people([(20, 60, 220, 260)])])
    photograph = replace(labels.photographs[0], path=tmp_path / "a.jpg", size_wh=(240, 320))
    (case,) = everybody(replace(labels, photographs=(photograph,)), [photograph.people.keypoints])

    picture = tile(case, 1, sketch=False)

    assert picture[310, 120].max() > 200 and picture.shape == (320, 240, 3)
    dark = (picture.max(axis=2) < 40)[80:240]  # the square in the middle of its own surroundings
    assert dark.mean() > 0.5


def test_a_photograph_is_never_replaced_by_the_picture(
    set_of_people: list[str],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    photograph = Path(set_of_people[3]) / "frame0.png"
    before = photograph.read_bytes()

    code = main.main(
        ["worst", *set_of_people[:4], "--pose", set_of_people[7], "--out", str(photograph)]
    )

    assert code == 74 and "is an input" in capsys.readouterr().err
    assert photograph.read_bytes() == before


def test_names_are_printed_as_they_are(
    set_of_people: list[str],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels, folder = Path(set_of_people[1]), Path(set_of_people[3])
    (folder / "frame0.png").rename(folder / "a[red] :smile:.png")
    labels.write_text(labels.read_text().replace("frame0.png", "a[red] :smile:.png"))

    assert main.main(["worst", *set_of_people[:4], "--pose", set_of_people[7]]) == 0

    assert "a[red] :smile:.png" in capsys.readouterr().out
