"""Every word that people read goes through Qt's translation, and Qt's own tool finds it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GUI = Path(__file__).resolve().parents[3] / "app" / "gui"
FILES = sorted(GUI.glob("*.py"))

# Calls whose first text is read by people.
SHOWN = {
    "setText", "setToolTip", "setAccessibleName", "setAccessibleDescription", "setWindowTitle",
    "setPlaceholderText", "setLabelText", "addAction", "addTab", "addItem", "QLabel", "QPushButton",
    "QCheckBox", "QRadioButton", "QGroupBox", "QAction", "setSpecialValueText", "setStatusTip",
}  # fmt: skip


def bare_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts with letters that are shown as they stand: (line, text)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in SHOWN:
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                if any(letter.isalpha() for letter in argument.value):
                    yield node.lineno, argument.value


def test_no_text_is_shown_without_translation() -> None:
    bare = [
        f"{path.name}:{line} {text!r}"
        for path in FILES
        for line, text in bare_texts(ast.parse(path.read_text("utf-8")))
    ]

    assert bare == []
    assert list(bare_texts(ast.parse("label.setText('words')"))) == [(1, "words")]


def test_what_is_translated_is_a_plain_text() -> None:
    """`tr(f"…")` and `tr(name)` translate nothing: the tool cannot read them."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "tr":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"


def test_qts_own_tool_finds_the_words(tmp_path: Path) -> None:
    tool = Path(sys.executable).with_name("pylupdate5")
    if not tool.exists() and shutil.which("pylupdate5") is None:
        pytest.skip("needs pylupdate5, which comes with PyQt5's wheel")
    words = tmp_path / "window_de.ts"

    subprocess.run(
        [str(tool) if tool.exists() else "pylupdate5", *map(str, FILES), "-ts", str(words)],
        check=True,
        capture_output=True,
        timeout=100,
    )

    found = words.read_text("utf-8")
    assert found.count("<message>") > 150
    for text in (
        "Skeletons on black",
        "Keyboard shortcuts",
        "Reconnecting…",
        "Machine",
        "Balanced",
    ):
        assert f"<source>{text}</source>" in found, text
