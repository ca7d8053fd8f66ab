"""`main.py pareto`: the front, the picture, and the table of ours and of peers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import main
from evaluation.pareto_plot import Point, draw, front, write
from evaluation.peers import PEERS, with_cards
from pose.errors import OutputError
from tests.evaluation.test_robustness import set_of_people  # noqa: F401  (a fixture)

FAST, GOOD, BEATEN = Point("a", 1, 0.3, True), Point("b", 5, 0.6, False), Point("c", 6, 0.5, True)


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([], []),
        ([GOOD], [GOOD]),
        ([BEATEN, GOOD, FAST], [FAST, GOOD]),
        ([FAST, Point("d", 1, 0.4, False)], [Point("d", 1, 0.4, False)]),
        ([GOOD, Point("e", 9, 0.6, False)], [GOOD]),  # as good and slower
    ],
)
def test_the_front_is_who_nobody_beats(points: list[Point], best: list[Point]) -> None:
    assert front(points) == best


@pytest.mark.parametrize("points", [[GOOD], [FAST, GOOD, BEATEN]])
def test_every_point_is_in_the_picture(points: list[Point], tmp_path: Path) -> None:
    image = draw(points, "title", "AP")

    blue = (image[..., 0] > 150) & (image[..., 2] < 60)
    red = (image[..., 2] > 190) & (image[..., 0] < 60)
    assert blue.any() == any(point.ours for point in points)
    assert red.any() == any(not point.ours for point in points)
    write(tmp_path / "new" / "p.png", [[image, image], [image, image]])
    read = cv2.imread(str(tmp_path / "new" / "p.png"))
    assert read is not None
    np.testing.assert_array_equal(read[: image.shape[0], : image.shape[1]], image)


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match=r"cannot write .*p\.png"):
        write(tmp_path / "file" / "p.png", [[draw([GOOD], "", "AP")]])


def test_ours_are_measured_and_drawn(
    set_of_people: list[str],  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, models = set_of_people[:4], set_of_people[5::2]
    flags = ["--rounds", "1", "--runs", "1", "--out", str(tmp_path / "p.png")]

    for form in ([], ["--json"]):
        code = main.main(["pareto", *data, "--models", *models, *flags, *form])
        assert code == 0
        said = capsys.readouterr().out
        if form:
            rows = {row["task"]: row for row in json.loads(said)["models"]}
            assert rows["pose"]["AP"] > 0.9
            assert set(rows["person"]["ms"]) == {"1", "2"}
            assert rows["pose"]["ms_together"]["1"] > 0 and not rows["person"]["ms_together"]
        else:
            assert "keypoints" in said and "figures" in said and "2 threads" in said
    picture = cv2.imread(str(tmp_path / "p.png"))
    assert picture is not None and picture.shape[:2] == (2 * 760, 2 * 1200)


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        (["--threads", "0"], 2, "1 or more"),
        (["--people", "0"], 2, "1 or more"),
        (["--models", "person@big"], 2, "a side in pixels behind @"),
        (["--models", "person@100"], 2, "a multiple of 32"),
        (["--models", "pose@416"], 2, "only; leave the size"),
        (["--out", "p.jpg"], 2, "ends in .png"),
        (["--limit", "-1"], 2, "a number of photographs"),
        (["--peers", "nowhere"], 65, "expected a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    set_of_people: list[str],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    code: int,
    complaint: str,
) -> None:
    data, models = set_of_people[:4], set_of_people[5::2]

    assert main.main(["pareto", *data, "--models", *models, *flags]) == code
    assert complaint in capsys.readouterr().err


def test_peers_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs pip install -e '.[train]'")
    assert with_cards(tmp_path, tmp_path) == []


@pytest.mark.slow
def test_every_peer_runs_through_our_steps(shared: Path, tmp_path: Path) -> None:
    """Each with its card finds the person of one photograph: what they are good at."""
    pytest.importorskip("onnx", reason="needs pip install -e '.[train]'")
    from app.steps.detect import PersonDetector
    from app.steps.estimate import CropEstimator
    from engines.engine import open_engine
    from pose.types import Boxes, Frame

    folder = shared / "data" / "people"
    labels = json.loads((folder / "annotations" / "person_keypoints_val_lsp.json").read_text())
    image, row = labels["images"][0], labels["annotations"][0]
    picture = cv2.imread(str(folder / image["file_name"]))
    assert picture is not None
    frame = Frame(0, 0.0, picture.astype(np.uint8))
    x, y, width, height = row["bbox"]
    truth = Boxes(np.array([[x, y, x + width, y + height]], np.float32), np.ones(1, np.float32))
    joints = np.array(row["keypoints"]).reshape(-1, 3)

    paths = with_cards(shared / "data" / "teachers", tmp_path)
    assert len(paths) == sum(map(len, PEERS.values()))
    for path in paths:
        engine = open_engine(path)
        if engine.card.task == "person":
            with PersonDetector(engine) as detect:
                (found,) = detect([frame])
            assert len(found) and found.scores.max() > 0.5, path.name
            continue
        with CropEstimator(engine) as estimate:
            (poses,) = estimate([frame], [truth])
        labelled = joints[:, 2] > 0
        missed = np.linalg.norm(poses.keypoints[0] - joints[:, :2], axis=1)[labelled]
        assert np.median(missed) < 0.1 * height, path.name
