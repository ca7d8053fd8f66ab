"""Shell scripts and Dockerfiles: they parse, the checker is content, and a Jetson is recognised."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), ROOT / ".ci" / "run"])
DOCKERFILES = sorted(ROOT.glob("docker/Dockerfile.*"))

NAMES = [path.relative_to(ROOT).as_posix() for path in SCRIPTS]


def shell_of(path: Path) -> str:
    """`sh` or `bash`, as the first line says."""
    return path.read_text("utf-8").splitlines()[0].split("/")[-1].removeprefix("env ").strip()


@pytest.mark.parametrize("path", SCRIPTS, ids=NAMES)
def test_scripts_parse_and_may_be_run(path: Path) -> None:
    done = subprocess.run([shell_of(path), "-n", str(path)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(path, os.X_OK)


def checked(*arguments: str, script: str = "") -> str:
    """What shellcheck has to say."""
    own = Path(sys.executable).with_name("shellcheck")
    program = str(own) if own.exists() else shutil.which("shellcheck")
    if program is None:
        pytest.skip("needs shellcheck: pip install -e '.[test]', or apt install shellcheck")
    done = subprocess.run([program, *arguments], input=script, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=NAMES)
def test_shellcheck_finds_nothing(path: Path) -> None:
    assert checked(str(path)) == ""


def test_shellcheck_would_find_something() -> None:
    assert "SC2086" in checked("-s", "bash", "-", script="rm $1\n")


# ---- docker ------------------------------------------------------------------------------------


def instructions(path: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    pairs = [line.split(" ", 1) for line in joined if line.strip()]
    return [(name, rest) for name, rest in pairs]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfiles_say_what_docker_knows(path: Path) -> None:
    known = "ARG FROM SHELL RUN WORKDIR COPY USER ENV ENTRYPOINT CMD".split()
    found = instructions(path)

    assert {name for name, _ in found} <= set(known)
    assert next(name for name, _ in found if name != "ARG") == "FROM"
    assert [name for name, _ in found][-2:] == ["ENTRYPOINT", "CMD"]
    assert len(DOCKERFILES) == 2


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_dockerfiles_run_satisfies_shellcheck(path: Path) -> None:
    for name, text in instructions(path):
        if name == "RUN":
            assert checked("-s", "bash", "-", script=f"set -euo pipefail\n{text}\n") == ""


# ---- the Jetson --------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the script in an empty project, beside which nothing is ever installed."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "jetson-setup.sh", tmp_path / "scripts")
    return tmp_path


def set_up(house: Path, release: str | None) -> subprocess.CompletedProcess[str]:
    """The script with nothing but words: what it would do."""
    file = house / "nv_tegra_release"
    if release is not None:
        file.write_text(release)
    return subprocess.run(
        ["bash", "scripts/jetson-setup.sh"],
        cwd=house,
        env={
            **os.environ,
            "DRY_RUN": "1",
            "L4T_RELEASE_FILE": str(file),
            "PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("release", "complaint"),
    [
        (None, "expected a Jetson, found no"),
        ("", "expected a Jetson Linux release"),
        ("hello", "expected a Jetson Linux release"),
        ("# R35 (release), REVISION: 5.0, GCID: 1", "expected JetPack 6.1"),
        ("# R36 (release), REVISION: 3.0, GCID: 1", "expected JetPack 6.1"),
    ],
)
def test_what_is_no_jetson_or_too_old_is_one_line(
    house: Path, release: str | None, complaint: str
) -> None:
    done = set_up(house, release)

    assert done.returncode == 69
    assert done.stdout == ""
    assert complaint in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "release",
    [
        "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64",
        "# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64",
    ],
    ids=["JetPack 6.1", "JetPack 7"],
)
def test_the_steps_come_in_their_order(house: Path, release: str) -> None:
    done = set_up(house, release)

    assert done.returncode == 0, done.stderr
    steps = [
        "apt-get update",
        "python3-libnvinfer",
        "-m venv --system-site-packages .venv",
        "pip --no-input --disable-pip-version-check uninstall -y opencv-python",
        "install numpy>=1.26",
        "--no-binary pycuda",
        "main.py doctor",
    ]
    places = [done.stdout.index(step) for step in steps]
    assert places == sorted(places)
    assert "torch" not in done.stdout
    assert not (house / ".venv").exists()


def test_an_environment_that_hides_the_system_is_refused(house: Path) -> None:
    (house / ".venv").mkdir()
    (house / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = false\n")

    done = set_up(house, "# R36 (release), REVISION: 4.3, GCID: 1")

    assert done.returncode == 69
    assert "does not see the system's packages" in done.stderr
