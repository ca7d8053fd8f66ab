"""The house stands as it was drawn: imports go down, and the run-time side stays light."""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUN_TIME = ("pose", "engines", "model_zoo", "app")
PACKAGES = (*RUN_TIME, "network", "training", "build_engine", "evaluation")
HEAVY = ("torch", "network", "training", "PyQt5", "tensorrt", "pycuda")

# package -> the only files that may import it
AT_HOME = {
    "PyQt5": ("app/gui/*",),
    "tensorrt": ("engines/tensorrt_library.py",),
    "tensorrt_rtx": ("engines/tensorrt_library.py",),
    "pycuda": ("engines/cuda_device.py",),
    "pyvirtualcam": ("app/sinks/virtual_camera.py",),
}
STARTS_THREADS = ("Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor", "ThreadPool")
ALSO_STARTS_THREADS = ("concurrent", "multiprocessing", "_thread", "asyncio")


def repository() -> Iterator[Path]:
    """Every file that belongs to the repository: what .gitignore does not name."""
    lines = (ROOT / ".gitignore").read_text("utf-8").split()
    names = [line.rstrip("/") for line in lines]
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)

        def kept(name: str, here: Path = here) -> bool:
            path = (here / name).as_posix()
            return not any(fnmatch.fnmatch(name, n) or path == n for n in [".git", *names])

        folders[:] = filter(kept, folders)
        yield from (Path(folder) / name for name in files if kept(name))


def modules(*folders: str) -> Iterator[Path]:
    """Python files, as paths from the root."""
    for path in repository():
        name = path.relative_to(ROOT)
        if path.suffix == ".py" and (not folders or name.parts[0] in folders):
            yield name


def imports(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_import_contracts_hold() -> None:
    """As `make check` runs them; here too, so that `make test` alone notices."""
    pytest.importorskip("importlinter", reason="needs pip install -e '.[check]'")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_run_time_side_loads_nothing_heavy() -> None:
    """All of it in one process, every command included; only what is at home elsewhere is not."""
    homes = [pattern for patterns in AT_HOME.values() for pattern in patterns]
    names = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in modules(*RUN_TIME)
        if not any(fnmatch.fnmatch(path.as_posix(), home) for home in homes)
    ]
    program = f"""
import importlib, sys
import main
for name in {names!r}:
    importlib.import_module(name)
print(*sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert len(names) > 40  # the walk found the house


def test_optional_packages_are_imported_only_where_they_are_at_home() -> None:
    astray = [
        f"{path} imports {package}"
        for path in modules(*PACKAGES)
        for package in imports(path) & set(AT_HOME)
        if not any(fnmatch.fnmatch(path.as_posix(), home) for home in AT_HOME[package])
    ]

    assert astray == []


def test_only_the_pipeline_starts_threads() -> None:
    """Others may hold a lock or an event; `app/batch` starts processes, which is its purpose."""
    astray = []
    for path in modules("app"):
        if path.parts[1] in ("pipeline", "batch"):
            continue
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        found = names & set(STARTS_THREADS) | imports(path) & set(ALSO_STARTS_THREADS)
        astray += [f"{path}: {name}" for name in sorted(found)]

    assert astray == []


def test_every_module_says_first_what_it_is() -> None:
    """A first line of its own, within the line length; an empty `__init__.py` needs none."""
    silent = []
    for path in modules():
        text = (ROOT / path).read_text("utf-8")
        if path.name == "__init__.py" and not text.strip():
            continue
        first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        if not first.endswith((".", "!", "?", "`")):
            silent.append(f"{path}: {first!r}")

    assert silent == []


def test_no_package_registry_is_named() -> None:
    """Where packages come from is the user's setting, not ours."""
    hosts = [b".".join(parts) for parts in REGISTRIES]
    named = [
        f"{path.relative_to(ROOT)}: {host.decode()}"
        for path in repository()
        if path.stat().st_size < 1 << 20
        for host in hosts
        if host in path.read_bytes()
    ]

    assert named == []


# in parts, so that this file does not name them
REGISTRIES = (
    (b"pypi", b"org"),
    (b"pythonhosted", b"org"),
    (b"download", b"pytorch", b"org"),
    (b"pypi", b"nvidia", b"com"),
    (b"pypi", b"ngc", b"nvidia", b"com"),
    (b"deb", b"debian", b"org"),
    (b"mirrors", b"aliyun", b"com"),
)


def test_no_file_of_the_shared_data_is_in_the_repository(shared: Path) -> None:
    """By content, whatever it is called."""
    ours: dict[int, list[Path]] = {}
    for path in repository():
        ours.setdefault(path.stat().st_size, []).append(path)
    ours.pop(0, None)

    taken = [
        f"{mine} is {theirs}"
        for folder, _, names in os.walk(shared / "data")
        for theirs in (Path(folder, name) for name in names)
        for mine in ours.get(theirs.stat().st_size, ())
        if sha256(mine) == sha256(theirs)
    ]

    assert taken == []


def sha256(path: Path) -> str:
    """Checksum of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
