"""`main.py ingredients`: rows are trained once, judged in pairs, and printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import main
from evaluation.ingredient_study import ALL
from evaluation.ingredients_pose import FIGURES, ROWS, Answers, differences
from network import checkpoint
from network.cpn import LiteCpn
from pose import heatmap
from training.distill_job import DistillConfig


@pytest.fixture
def folders(tmp_path: Path, rng: np.random.Generator) -> list[str]:
    """Flags: a cache of eight crops of noise, four of them held in, and random weights."""
    cache, count = tmp_path / "cache", 8
    cache.mkdir()
    points = rng.uniform(10, 38, (count, 17, 2)).astype(np.float32)
    hand = np.concatenate([points * 4, np.full((count, 17, 1), 2)], 2).astype(np.float32)
    np.save(cache / "canvas.npy", rng.integers(0, 255, (count, 320, 320, 3)).astype(np.uint8))
    np.save(cache / "turned.npy", np.zeros(count, np.float32))
    np.save(cache / "targets.npy", (heatmap.encode(points, (48, 64), 2.0) * 255).astype("u1"))
    np.save(cache / "hand.npy", hand)
    np.save(cache / "done.npy", np.ones(count, bool))
    rows = [
        {"held_in": i % 2 == 0, "source": "lsp_train", "file": f"{i // 4}.jpg"}
        for i in range(count)
    ]
    (cache / "plan.json").write_text(json.dumps(rows))
    torch.manual_seed(0)
    checkpoint.save(tmp_path / "start.pt", {"network": LiteCpn().state_dict()})
    paths = {"data": tmp_path, "cache": cache, "out": tmp_path / "out", "init": "start.pt"}
    paths["init"] = tmp_path / "start.pt"
    return [text for flag, path in paths.items() for text in (f"--{flag}", str(path))]


def test_every_row_changes_something_that_there_is() -> None:
    fields = set(DistillConfig.__dataclass_fields__)

    for name, row in ROWS.items():
        assert set(row.learning) <= fields
        assert (name == ALL) == (not row.learning and row.ema and not row.one_teacher)


@pytest.mark.slow
def test_rows_are_trained_once_and_compared(
    folders: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    budget = ["--crops", "8", "--steps", "1", "--batch", "2"]
    rows = ["--rows", ALL, "hand"]

    assert main.main(["ingredients", *folders, *budget, *rows, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {ALL, "hand"}
    assert found[ALL]["OKS"]["gave"] == [0, 0, 0]
    (tmp_path / "cache" / "plan.json").unlink()  # what is finished needs no cache

    assert main.main(["ingredients", *folders, *budget, *rows]) == 0
    said = capsys.readouterr().out
    assert ROWS["hand"].about in said and "95 %" in said

    assert main.main(["ingredients", *folders, "--steps", "9"]) == 2
    assert "another --out" in capsys.readouterr().err


def test_a_gain_is_counted_by_photographs() -> None:
    """All of the gain is in one of two photographs: its interval reaches from nothing to all."""
    one = Answers({f: np.array([1, 1, 0.5, np.nan]) for f in FIGURES}, np.array([0, 0, 1, 1]))
    other = Answers({f: np.array([0.5, 0.5, 0.5, 0.5]) for f in FIGURES}, np.array([0, 0, 1, 1]))

    gain = differences(one, other)["PCK"]

    assert gain.gave == pytest.approx(1 / 3)
    assert (gain.low, gain.high) == pytest.approx((0, 0.5))


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        (["--rows", "salt"], 2, "got 'salt'"),
        (["--steps", "0"], 2, "1 or more"),
        (["--only-print"], 65, "is not finished"),
        (["--cache", "nowhere"], 65, "expected the crops that `main.py train"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folders: list[str],
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    code: int,
    complaint: str,
) -> None:
    assert main.main(["ingredients", *folders, *flags]) == code
    assert complaint in capsys.readouterr().err
