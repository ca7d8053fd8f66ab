"""The recipes of CONTRIBUTING.md, followed to the letter: file, line in the table, use."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
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
    """A recipe's blocks: the comment on the first line, and what follows it.

    The first is code, under its file's path; each other a line, under `TABLE in FILE`.
    """
    found = re.findall(r"```python\n# (.*?)\n(.*?)```", RECIPES[recipe], flags=re.DOTALL)
    return [(str(first), str(rest)) for first, rest in found]


def imports_and_line(block: str) -> tuple[str, str]:
    """What a block puts at the top of the table's file, often nothing, and into the table."""
    imports, _, line = block.rpartition("\n\n")
    return imports, line


def named_tests(recipe: str) -> list[str]:
    """The tests that a recipe names."""
    return re.findall(r"`(tests/[\w/]+\.py)`", RECIPES[recipe])


def followed(recipe: str, root: Path = ROOT) -> dict[str, str]:
    """The files that a recipe makes or changes, by their paths, as they are afterwards."""
    (path, code), *lines = blocks(recipe)
    if (root / path).exists():  # one thing more, above the table
        table, _, _ = lines[0][0].partition(" in ")
        above, below = (root / path).read_text("utf-8").split(f"\n{table}", 1)
        code = f"{above}\n{code}\n\n{table}{below}"
    files = {path: code}
    for place, block in lines:
        table, _, home = place.partition(" in ")
        imports, line = imports_and_line(block)
        text = files.get(home) or (root / home).read_text("utf-8")
        first, opening, rest = re.split(rf"(?m)^({table}\b.*= {{)", text, maxsplit=1)
        docstring, future, others = first.partition("\nfrom __future__ import annotations\n")
        files[home] = f"{docstring}{future}{imports}{others}{opening}\n{line}{rest}"
    return files


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our code in which every recipe was followed."""
    copy = tmp_path_factory.mktemp("newcomer")
    heavy = shutil.ignore_patterns("__pycache__", "*.onnx", "*.mp4", "*.png", "*.jpg")
    for folder in ROOT.iterdir():
        if (folder / "__init__.py").exists() or folder.name == "tests":
            shutil.copytree(folder, copy / folder.name, ignore=heavy)
    for name in ("main.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for recipe in RECIPES:
        for path, text in followed(recipe, copy).items():
            (copy / path).write_text(text, "utf-8")
    return copy


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """Does what a recipe says, until the test ends: the file exists, its line is in the table."""

    def do(recipe: str) -> ModuleType:
        (path, _), (place, block), *_ = blocks(recipe)
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(followed(recipe)[path], "utf-8")
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
        imports, line = imports_and_line(block)
        names = dict(vars(home_module)) | dict(vars(module))
        exec(imports, names)
        entry: dict[str, Any] = eval(f"{{{line}}}", names)
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


def test_a_recipe(tree: Path) -> None:
    pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    from build_engine.weights import read_weights
    from network.described import describe

    done = subprocess.run(  # one thread: two wait for each other where others work too
        [sys.executable, "main.py", "train", "--recipe", "plain", "--threads", "1"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=110,
    )

    assert done.returncode == 0, done.stderr
    weights = tree / done.stdout.splitlines()[-1]
    assert weights == tree / "runs" / "plain" / "final.pt"
    network, card = read_weights(weights)
    assert describe(network)["family"] == "hourglass"
    assert (card.name, card.keypoints) == ("plain", COCO_17)


def test_a_command(follow: Follow, capsys: pytest.CaptureFixture[str]) -> None:
    follow("A command")

    code = main(["joints", "--skeleton", "lsp_14"])

    assert code == 0
    assert capsys.readouterr().out.startswith("right_ankle\n")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_followed_by_a_test(recipe: str) -> None:
    assert f"test_{recipe.lower().replace(' ', '_')}" in globals()
    assert len(blocks(recipe)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [name for name in RECIPES if named_tests(name)])
def test_an_example_passes_the_tests_that_its_recipe_names(recipe: str, tree: Path) -> None:
    if recipe == "A backbone":
        pytest.importorskip("torch", reason="needs pip install -e '.[train]'")
    (_, block), *_ = blocks(recipe)[1:]
    key = imports_and_line(block)[1].split('"')[1]
    only = f"{key} or every or suffix"  # the newcomer's, and those that are about the whole table

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-k", only, *named_tests(recipe)],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=110,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"\[(.*-)?{re.escape(key)}(-.*)?\] PASSED", done.stdout), done.stdout


def test_a_new_writer_is_shown_by_the_help(tree: Path) -> None:
    for command in ("video", "live"):
        done = subprocess.run(
            [sys.executable, "main.py", command, "--help"],
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "count" in re.findall(r"\w+", done.stdout), done.stdout + done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_to_the_style(recipe: str) -> None:
    pytest.importorskip("ruff", reason="needs pip install -e '.[check]'")
    path, _ = blocks(recipe)[0]

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", "--stdin-filename", path, "-"],
        cwd=ROOT,
        input=followed(recipe)[path],
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
