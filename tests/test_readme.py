"""The README tells the truth: its commands run, its links lead somewhere, its tree is the tree."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.command_line import parse
from main import COMMANDS
from model_zoo.zoo import card_of

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("app/**/*.md")])
PYTHON = ".venv/bin/python main.py"


def command_lines() -> list[list[str]]:
    """Every line of the README's shell blocks, split into words, comments left out."""
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL))
    lines = (shlex.split(line, comments=True) for line in shell.splitlines())
    return [line for line in lines if line]


OURS = [line[2:] for line in command_lines() if line[:2] == PYTHON.split()]


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_commands_have_the_flags_that_the_readme_uses(words: list[str]) -> None:
    module = importlib.import_module(COMMANDS[words[0]])

    config = parse(module.Config, words[1:], "main.py", "")

    assert isinstance(config, module.Config)


def test_flags_that_the_text_names_exist() -> None:
    asked = set(re.findall(r"`(--[\w-]+)", TEXT)) - {"--help", "--config"}
    known = {
        flag.replace("_", "-")
        for command in ("video", "demo", "live", "benchmark", "evaluate")
        for flag in importlib.import_module(COMMANDS[command]).Config.__dataclass_fields__
    }

    assert {flag.removeprefix("--") for flag in asked} <= known


def test_the_lines_of_python_find_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    monkeypatch.chdir(ROOT)

    exec(code, {})

    said = capsys.readouterr().out.splitlines()
    people, keypoints = re.findall(r"\((\d+), (\d+)", said[0])[0]
    assert int(people) >= 2 and int(keypoints) == 17
    assert len(said) == 11 and said[-1].endswith("[1] (1, 17, 2)")


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(
        re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    )
    named = {
        target
        for document in (TEXT, (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
        for target in re.findall(r"^make (\w+)", document, flags=re.MULTILINE)
    }

    assert {"demo", "test", "check"} <= named <= targets
    assert {"setup", "check", "test", "gpu", "demo", "model"} <= targets


def test_the_pip_equivalents_are_what_make_does() -> None:
    script = (ROOT / "scripts" / "setup.sh").read_text("utf-8")
    installs = [
        line[line.index("install") :] for line in command_lines() if "pip" in Path(line[0]).name
    ]

    assert len(installs) == 2
    for words in installs:
        assert words in [
            shlex.split(line)[1:] for line in script.splitlines() if "pip install -e" in line
        ]


def test_ci_runs_what_the_readme_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

    assert lines[-2:] == ["make check", "make test"]


def test_every_command_has_a_row() -> None:
    table = TEXT.partition("| command | what it does |")[2].partition("\n\n")[0]
    rows = " ".join(line.split("|")[1] for line in table.strip().splitlines()[1:])

    assert set(re.findall(r"`(\w+)`", rows)) == set(COMMANDS)


def test_the_tree_is_the_tree() -> None:
    """Each line's path exists and says its purpose; each folder of code has a line."""
    tree = TEXT.partition("## Code layout")[2].split("```")[1].strip().splitlines()
    paths = [line.split()[0] for line in tree]
    packages = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("*/__init__.py")}

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert all(len(line.split()) > 2 for line in tree)
    assert packages <= {path.partition("/")[0] for path in paths}
    assert {f"app/{each.name}/" for each in (ROOT / "app").iterdir() if has_code(each)} <= set(
        paths
    )


def has_code(folder: Path) -> bool:
    """Whether a folder holds Python files of ours."""
    return folder.is_dir() and any(folder.glob("*.py"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Within the repository; addresses in the net are only looked at."""
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document

        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(document: Path) -> set[str]:
    """What a document's headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# model, how the figure is called on its card, how the README begins its row
FIGURES = (
    ("pose", "AP, true boxes, person_keypoints_val_coco", "joints, people's true boxes"),
    ("pose", "AP50, true boxes, person_keypoints_val_coco", "joints, people's true boxes"),
    ("pose", "PCK, true boxes, person_keypoints_val_coco", "joints, people's true boxes"),
    ("person", "AP, end to end, person_keypoints_val_coco", "joints, boxes by our detector"),
    ("person", "AP50, end to end, person_keypoints_val_coco", "joints, boxes by our detector"),
    ("person", "PCK, end to end, person_keypoints_val_coco", "joints, boxes by our detector"),
    ("pose", "PCK, true boxes, person_keypoints_val_lsp", "joints, true boxes"),
    ("person", "detector_AP50, end to end, person_keypoints_val_coco", "people | the same"),
    ("person", "detector_AP50, person_boxes_val_coco", "people | 150"),
)


@pytest.mark.parametrize(("model", "called", "row"), FIGURES)
def test_figures_are_those_of_the_models_that_ship(model: str, called: str, row: str) -> None:
    measured = card_of(model).measured
    (value,) = (value for name, value in measured.items() if name.startswith(f"{called} ("))
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {row}"))

    figure = called.split(",")[0].removeprefix("detector_")

    found = re.search(rf"\b{figure} (\d\.\d+)", line)
    assert found is not None
    assert float(found[1]) == pytest.approx(value, abs=5.1e-4)


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["video", "--help"]])
def test_quick_commands_run(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_demo_finds_the_people_of_its_clip(tmp_path: Path) -> None:
    """With the models that ship, as a user starts it: the same as `make demo`."""
    done = subprocess.run(
        [sys.executable, "main.py", "demo", "--out", str(tmp_path), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=480,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["frames"] == 330
    assert seen["people"] >= 6
    assert {Path(path).suffix for path in seen["files"]} == {".mp4", ".jsonl", ".csv", ".json"}
    assert all((ROOT / path).stat().st_size > 0 for path in seen["files"])
