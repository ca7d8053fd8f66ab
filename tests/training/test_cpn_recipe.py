"""The CPN recipes as a user starts them: COCO's files, options, one and two processes."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from app.command_line import parse
from main import main
from network import checkpoint
from network.cpn import Cpn
from network.described import build, describe
from pose.card import ModelCard
from pose.errors import InputError, UsageError
from tests.training.test_cpn_job import SMALL
from tests.training.test_distributed import torchrun
from training import cpn_recipe
from training.coco_files import coco_files
from training.cpn_options import CpnOptions
from training.recipes import RECIPES, Config

CPNS = [name for name, place in RECIPES.items() if place == "training.cpn_recipe:train"]


def coco(folder: Path, people: int = 6) -> Path:
    """A small COCO: photographs of noise, people with outlines, both parts."""
    rng = np.random.default_rng(0)
    (folder / "annotations").mkdir(parents=True)
    for part, count in (("train2017", people), ("val2017", 2)):
        (folder / part).mkdir()
        images, labels = [], []
        for number in range(1, count + 1):
            file = f"{number:012d}.jpg"
            cv2.imwrite(
                str(folder / part / file), rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
            )
            images.append({"id": number, "file_name": file, "width": 64, "height": 48})
            points = rng.uniform(5, 40, (17, 2))
            labels.append(
                {
                    "id": number, "image_id": number, "category_id": 1, "iscrowd": 0,
                    "num_keypoints": 17, "bbox": [4, 4, 40, 40], "area": 1600,
                    "keypoints": [v for x, y in points for v in (float(x), float(y), 2)],
                    "segmentation": [[4, 4, 44, 4, 44, 44, 4, 44]],
                }
            )  # fmt: skip
        content = {"images": images, "annotations": labels, "categories": []}
        file = f"person_keypoints_{part}.json"
        (folder / "annotations" / file).write_text(json.dumps(content))
    return folder


def test_missing_files_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        coco_files(tmp_path)
    said = str(caught.value)
    assert "\n" not in said
    assert all(name in said for name in ("train2017.json", "val2017.json", "--data", " val2017;"))

    coco(tmp_path / "coco")
    (tmp_path / "coco/val2017/000000000001.jpg").unlink()
    (tmp_path / "coco/val2017/000000000002.jpg").unlink()
    with pytest.raises(InputError, match="missing val2017;"):
        coco_files(tmp_path)


def test_cocos_people_learn_on_train_and_are_looked_at_on_val(tmp_path: Path) -> None:
    learn, look = cpn_recipe.people_of(Config(recipe="cpn50-256x192", data=coco(tmp_path)))

    assert {p.image.parent.name for p in learn} == {"train2017"} and len(learn) == 6
    assert {p.image.parent.name for p in look} == {"val2017"} and len(look) == 2
    assert all(p.mask is not None for p in learn)


@pytest.mark.parametrize("name", CPNS)
def test_every_recipe_builds_its_network_and_its_card(name: str) -> None:
    recipe = cpn_recipe.RECIPES[name]
    with torch.device("meta"):
        network = recipe.network(CpnOptions())

    card = cpn_recipe.card_of(name, recipe, CpnOptions())

    assert ModelCard.from_json(card.to_json(), name) == card
    assert f"{card.input_size_wh[1]}x{card.input_size_wh[0]}" == name.rpartition("-")[2]
    assert describe(network)["family"] in ("cpn", "fpn_baseline", "hourglass")
    assert set(cpn_recipe.RECIPES) == set(CPNS)


def test_the_default_is_the_papers_schedule() -> None:
    """656,250 steps of 32 crops; halved after every 112,500; no warm-up for the plain batch."""
    recipe = cpn_recipe.RECIPES["cpn50-256x192"]

    loop, schedule = cpn_recipe.plan(
        Config(recipe="cpn50-256x192"), recipe, 32, torch.device("cpu")
    )

    assert (loop.steps, loop.rate, loop.weight_decay) == (656_250, 5e-4, 1e-5)
    assert (loop.optimiser, loop.ema_decay, loop.clip_norm) == ("adam", 0.0, 0.0)
    assert [schedule(step) for step in (0, 112_499, 112_500, 225_000)] == [1, 1, 0.5, 0.25]


def test_a_large_batch_is_faster_after_a_warm_up() -> None:
    """Eight GPUs with 32 crops: eight times the rate, an eighth of the steps."""
    recipe = cpn_recipe.RECIPES["cpn50-256x192"]

    loop, schedule = cpn_recipe.plan(
        Config(recipe="cpn50-256x192"), recipe, 256, torch.device("cpu")
    )

    assert loop.steps == 82_031 and loop.rate == pytest.approx(4e-3)
    assert loop.rate * schedule(0) == pytest.approx(5e-4, rel=0.01)
    assert schedule(300_000 // 256) == 1
    left, flat = cpn_recipe.plan(
        Config(recipe="cpn50-256x192", cpn=CpnOptions(scale_rate="no")), recipe, 256,
        torch.device("cpu"),
    )  # fmt: skip
    assert left.rate == 5e-4 and flat(0) == 1


@pytest.mark.parametrize(
    ("like", "stride_on", "merge", "shortcut"),
    [
        ("paper", "1x1", "batchnorm", "projection"),
        ("tf-cpn", "3x3", "bias", "identity"),
        ("pytorch-cpn", "3x3", "batchnorm", "projection"),
    ],
)
def test_networks_can_be_those_of_either_code(
    like: Any, stride_on: str, merge: str, shortcut: str
) -> None:
    with torch.device("meta"):
        network = cpn_recipe.RECIPES["cpn101-256x192"].network(CpnOptions(like=like))

    assert isinstance(network, Cpn)
    config = network.config
    assert (config.backbone.depth, config.backbone.stride_on) == (101, stride_on)
    assert (config.global_net.merge, config.refine_net.shortcut) == (merge, shortcut)
    assert network.mask_head is None
    assert cpn_recipe.cpn_config(config.backbone, CpnOptions(mask_weight=1.0)).mask_head is not None


def test_flags_of_the_cpn_recipes_are_for_them_alone() -> None:
    words = ["--recipe", "cpn50-256x192", "--cpn.hardest", "10", "--cpn.no-augment"]

    config = parse(Config, words, "main.py train", "")

    assert (config.cpn.hardest, config.cpn.augment) == (10, False)
    with pytest.raises(UsageError, match="pose-base"):
        Config(recipe="pose-base", cpn=replace(CpnOptions(), hardest=10))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--cpn.accumulate 0", "expected --cpn.accumulate of 1 or more, got 0"),
        ("--cpn.scale 2 1", "expected --cpn.scale with the smaller number first, got 2 1"),
        ("--cpn.scale 0 1", "expected --cpn.scale of 0.1 to 10, got 0 1"),
        ("--cpn.hardest 0", "expected --cpn.hardest of 1 or more, got 0"),
        ("--cpn.samples 0", "expected --cpn.samples of 1 or more, got 0"),
        ("--cpn.mask-weight -1", "expected --cpn.mask-weight of 0 or more, got -1"),
        ("--cpn.ema nan", "expected --cpn.ema of 0 to 1, got nan"),
        ("--cpn.clip-norm inf", "expected --cpn.clip-norm of 0 or more, got inf"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anything_is_read(
    words: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["train", "--recipe", "cpn50-256x192", "--data", str(tmp_path / "none")]

    assert main([*run, *words.split()]) == 2

    assert message in capsys.readouterr().err


def test_a_file_where_the_run_should_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").touch()

    code = main(["train", "--recipe", "cpn50-256x192", "--run-dir", str(tmp_path / "run" / "x")])

    assert code == 74
    assert "give another --run-dir" in capsys.readouterr().err


@pytest.mark.slow
def test_a_cpn_learns_from_coco_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of the whole recipe, on a network small enough for a test."""
    monkeypatch.setitem(cpn_recipe.RECIPES, "cpn50-256x192", tiny())
    words = ["train", "--recipe", "cpn50-256x192", "--data", str(coco(tmp_path / "coco"))]
    words += ["--run-dir", str(tmp_path / "run"), "--steps", "2", "--batch", "4", "--workers", "0"]

    code = main([*words, "--cpn.mask-weight", "30", "--cpn.accumulate", "2"])

    assert code == 0
    state = checkpoint.load(Path(capsys.readouterr().out.splitlines()[-1]))
    build(state["describe"]["network"]).load_state_dict(state["network"])
    assert state["step"] == 2 and state["figures"]["masks"] == 2
    assert json.loads(state["describe"]["card"])["channels"] == "bgr"


def tiny() -> cpn_recipe.Recipe:
    """A recipe whose network a test can train."""

    def network(options: CpnOptions) -> Cpn:
        mask = cpn_recipe.cpn_config(SMALL.backbone, options).mask_head
        return Cpn(replace(SMALL, mask_head=mask))

    return cpn_recipe.Recipe("small", network, (96, 128))


@pytest.mark.slow
@pytest.mark.timeout(300)  # three processes import torch, on a machine that may be busy
def test_torchrun_trains_in_two_processes_and_writes_once(tmp_path: Path) -> None:
    data = coco(tmp_path / "coco")
    done: subprocess.CompletedProcess[str] = torchrun(
        "tests/training/small_recipe.py", "--recipe", "cpn50-256x192", "--data", str(data),
        "--run-dir", str(tmp_path / "run"), "--steps", "2", "--batch", "4", "--workers", "0",
        "--cpn.mask-weight", "30",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [str(tmp_path / "run/final.pt")]
    assert len(list((tmp_path / "run").glob("events.*"))) == 1
    said = (tmp_path / "run/train.log").read_text()
    assert said.count("8 crops a step, highest rate 1.25e-04, 2 steps") == 1
    state = checkpoint.load(tmp_path / "run/final.pt")
    build(state["describe"]["network"]).load_state_dict(state["network"])


def test_every_choice_and_recipe_is_documented() -> None:
    """Flags and recipes stand in docs/training.md, and what stands there exists."""
    text = (Path(__file__).resolve().parents[2] / "docs/training.md").read_text("utf-8")
    choices = {field.name.replace("_", "-") for field in dataclasses.fields(CpnOptions)}

    flags = {name.removeprefix("no-") for name in re.findall(r"--cpn\.([a-z-]+)", text)}
    assert flags <= choices <= flags | set(re.findall(r"`([a-z][a-z-]*)", text))
    assert {name for name in CPNS if f"`{name}`" not in text} == set()
    for line in text.splitlines():
        if line.startswith("main.py train") and not line.endswith("\\"):
            words = shlex.split(line, comments=True)[2:]
            assert isinstance(parse(Config, words, "main.py train", ""), Config)
