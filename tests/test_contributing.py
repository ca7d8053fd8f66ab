"""The recipes of CONTRIBUTING.md, followed to the letter: file, line in the table, use."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from app.sinks.sink import open_sink
from app.steps.detect import PersonDetector
from app.steps.estimate import CropEstimator
from engines.engine import open_engine
from engines.fake_engine import FakeEngine, write_fake
from main import main
from pose.card import ModelCard
from pose.skeleton import COCO_17
from pose.types import Frame
from tests.app.sinks.scenes import scene
from tests.engines.tiny_networks import write_mean_network

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = {part.split("\n", 1)[0]: part for part in TEXT.split("\n### ")[1:]}
CARD = ModelCard(
    name="toy",
    task="person",
    architecture="none",
    input_size_wh=(64, 32),
    decoder="centre",
)

Follow = Callable[[str], ModuleType]


def blocks(recipe: str) -> list[tuple[str, str]]:
    """A recipe's blocks of code: the comment on the first line, and what follows it."""
    found = re.findall(r"```python\n# (.*?)\n(.*?)```", RECIPES[recipe], flags=re.DOTALL)
    return [(str(first), str(rest)) for first, rest in found]


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """Does what a recipe says, until the test ends: the file exists, its line is in the table."""

    def do(recipe: str) -> ModuleType:
        (path, code), (place, line) = blocks(recipe)
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(code, "utf-8")
        name = ".".join(Path(path).with_suffix("").parts)
        name = f"{name}_newcomer" if (ROOT / path).exists() else name
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)

        table, _, home = place.partition(" in ")
        module_name = ".".join(Path(home).with_suffix("").parts).removesuffix(".__init__")
        home_module = importlib.import_module(module_name)
        entry: dict[str, Any] = eval(f"{{{line}}}", {**vars(home_module), **vars(module)})
        for key, value in entry.items():
            assert key not in getattr(home_module, table)
            monkeypatch.setitem(getattr(home_module, table), key, value)
        return module

    return do


def test_a_model_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="needs pip install -e '.[train]'")
    (code,) = re.findall(r"```python\n(from pathlib.*?)```", TEXT, flags=re.DOTALL)[:1]
    write_mean_network(tmp_path / "theirs.onnx", None)
    monkeypatch.chdir(tmp_path)

    exec(code, {})

    estimator = CropEstimator(open_engine(tmp_path / "mine.onnx"))
    assert estimator.card.name == "simple-baseline"


def test_a_detector_format(follow: Follow, tmp_path: Path) -> None:
    follow("A detector format")
    outputs = {"boxes": [[4, 4, 24, 28, 0.9], [40, 4, 60, 28, 0.1]]}
    file = write_fake(tmp_path / "p.fake", replace(CARD, decoder="plain"), "fixed", outputs=outputs)

    with PersonDetector(FakeEngine(file)) as detect:
        (found,) = detect([Frame(0, 0.0, np.zeros((32, 64, 3), np.uint8))])

    np.testing.assert_allclose(found.xyxy, [[4, 4, 24, 28]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.9], atol=1e-6)


def test_a_backend(follow: Follow, tmp_path: Path) -> None:
    follow("A backend")
    (tmp_path / "toy.mean").write_text(CARD.to_json(), "utf-8")

    with open_engine(tmp_path / "toy.mean", max_batch=2) as engine:
        answers = {count: engine.infer(np.ones((count, 3, 32, 64), np.float32)) for count in (0, 5)}

    assert {count: answer["means"].shape for count, answer in answers.items()} == {
        0: (0, 3),
        5: (5, 3),
    }


def test_a_writer(follow: Follow, tmp_path: Path) -> None:
    follow("A writer")

    with open_sink(tmp_path / "walk.count", COCO_17) as write:
        for index, count in enumerate((0, 3)):
            write(scene(index, count=count))

    assert (tmp_path / "walk.count").read_text() == "0\n3\n"


def test_a_backbone(follow: Follow) -> None:
    torch = pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    from network.cpn import Cpn, CpnConfig
    from network.described import build, describe

    module = follow("A backbone")
    network = Cpn(CpnConfig(backbone=module.PlainConfig(width=4))).eval()

    with torch.no_grad():
        heatmaps = network(torch.zeros(1, 3, 64, 64))

    assert tuple(heatmaps.shape) == (1, 17, 16, 16)
    assert describe(build(describe(network))) == describe(network)


def test_a_recipe(follow: Follow, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    follow("A recipe")

    code = main(["train", "--recipe", "plain", "--run-dir", str(tmp_path / "run")])

    weights = Path(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert weights.is_file() and weights.is_relative_to(tmp_path)


def test_a_command(follow: Follow, capsys: pytest.CaptureFixture[str]) -> None:
    follow("A command")

    code = main(["joints", "--skeleton", "lsp_14"])

    assert code == 0
    assert capsys.readouterr().out.startswith("right_ankle\n")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_followed_by_a_test(recipe: str) -> None:
    assert f"test_{recipe.lower().replace(' ', '_')}" in globals()
    assert len(blocks(recipe)) == 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_to_the_style(recipe: str) -> None:
    pytest.importorskip("ruff", reason="needs pip install -e '.[check]'")
    path, code = blocks(recipe)[0]

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", "--stdin-filename", path, "-"],
        cwd=ROOT,
        input=code,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout


def test_files_that_are_named_exist() -> None:
    newcomers = {path for recipe in RECIPES for path, _ in blocks(recipe)}
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]+\.\w+)`", TEXT)) - newcomers

    assert len(named) > 8
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
