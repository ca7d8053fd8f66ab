"""The oldest Python that we promise, 3.10 (JetPack 6): its syntax and its standard library.

Tests run on whatever Python is here; these look at the text. Where a Python 3.10 is found beside,
it compiles every file and is asked for every name of the standard library that we use.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_floors import ROOT, modules

OLDEST = (3, 10)

# What came with 3.11 to 3.13 and is easily taken for granted; a Python 3.10 knows the whole truth.
NEWER = {
    "asyncio": {"Barrier", "Runner", "TaskGroup", "timeout", "timeout_at"},
    "calendar": {"JANUARY", "Month", "Day"},
    "contextlib": {"chdir"},
    "copy": {"replace"},
    "datetime": {"UTC"},
    "enum": {"EnumCheck", "FlagBoundary", "ReprEnum", "StrEnum", "member", "nonmember", "verify"},
    "functools": {"Placeholder"},
    "hashlib": {"file_digest"},
    "inspect": {"getmembers_static", "markcoroutinefunction"},
    "itertools": {"batched"},
    "logging": {"getHandlerByName", "getHandlerNames", "getLevelNamesMapping"},
    "math": {"cbrt", "exp2", "fma", "sumprod"},
    "operator": {"call"},
    "os": {"process_cpu_count"},
    "pathlib": {"UnsupportedOperation"},
    "queue": {"ShutDown"},
    "re": {"NOFLAG"},
    "sys": {"activate_stack_trampoline", "exception", "monitoring"},
    "threading": {"setprofile_all_threads", "settrace_all_threads"},
    "typing": {
        "LiteralString", "Never", "NotRequired", "Required", "Self", "TypeAliasType",
        "TypeVarTuple", "Unpack", "assert_never", "assert_type", "clear_overloads",
        "dataclass_transform", "get_overloads", "override", "reveal_type", "ReadOnly", "TypeIs",
    },
    "types": {"get_original_bases", "CapsuleType"},
}  # fmt: skip
NEWER_MODULES = {"tomllib", "wsgiref.types", "dbm.sqlite3"}
NEWER_BUILTINS = {"BaseExceptionGroup", "ExceptionGroup", "PythonFinalizationError"}
NEWER_METHODS = {"add_note"}


@functools.cache
def files() -> list[Path]:
    return sorted(modules())


@functools.cache
def parsed(path: Path) -> ast.Module:
    """A file as Python 3.10 reads it, without what stands under a question for the version."""
    text = (ROOT / path).read_text("utf-8")
    tree = ast.parse(text, path.as_posix(), feature_version=OLDEST)
    return _WithoutVersions().visit(tree)  # type: ignore[no-any-return]


class _WithoutVersions(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST:
        asked = any(
            isinstance(each, ast.Attribute) and each.attr == "version_info"
            for each in ast.walk(node.test)
        )
        return ast.Pass() if asked else self.generic_visit(node)


def standard_names(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each use of the standard library; the name is empty for a mere import."""
    called: dict[str, str] = {}  # our name of a module -> the module
    tree = parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in sys.stdlib_module_names:
                    yield alias.name, ""
                    called[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.partition(".")[0] in sys.stdlib_module_names:
                yield from ((node.module, alias.name) for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            module = called.get(ast.unparse(node.value))
            if module is not None:
                yield module, node.attr


def test_every_file_has_the_syntax_of_the_oldest_python() -> None:
    found = files()
    for path in found:
        parsed(path)  # SyntaxError names file and line

    assert len(found) > 150


def test_newer_syntax_would_be_seen() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("try: pass\nexcept* ValueError: pass", feature_version=OLDEST)


def test_nothing_of_a_newer_standard_library_is_used() -> None:
    astray = []
    for path in files():
        for module, name in standard_names(path):
            if module in NEWER_MODULES or name in NEWER.get(module, ()):
                astray.append(f"{path}: {module} {name}")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Name) and node.id in NEWER_BUILTINS:
                astray.append(f"{path}: {node.id}")
            if isinstance(node, ast.Attribute) and node.attr in NEWER_METHODS:
                astray.append(f"{path}: .{node.attr}")

    assert astray == []


def test_a_python_3_10_agrees() -> None:
    """Compiles every file, and has every name; some are other systems' and some are optional."""
    python = oldest_python()
    if python is None:
        pytest.skip("needs a Python 3.10 on the path or in ~/.pyenv/versions")
    names = sorted({pair for path in files() for pair in standard_names(path)})
    question = {"files": [str(ROOT / path) for path in files()], "names": names}

    done = subprocess.run(
        [python, "-c", _QUESTION],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == []
    assert len(names) > 200


_QUESTION = """
import importlib, json, sys
question = json.load(sys.stdin)
assert sys.version_info[:2] == (3, 10), sys.version
for path in question["files"]:
    compile(open(path, encoding="utf-8").read(), path, "exec", dont_inherit=True)
for module, name in question["names"]:
    try:
        owner = importlib.import_module(module)
    except ImportError as error:
        print(module, error)
        continue
    if name and not hasattr(owner, name):
        try:
            importlib.import_module(module + "." + name)
        except ImportError:
            print(module, name)
"""


def oldest_python() -> str | None:
    """A Python 3.10 that starts; version managers leave stubs on the path that do not."""
    homes = sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.10.*")
    )
    on_path = shutil.which("python3.10")
    for candidate in [
        *([on_path] if on_path else []),
        *(str(home / "bin/python") for home in homes),
    ]:
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None
