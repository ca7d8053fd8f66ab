"""The program from outside: exit codes, one line for the user, help and examples for everything."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import main
from pose.errors import EngineError, InputError, OutputError, PoseAppError, UsageError
from tests.app import drawn

ROOT = Path(main.__file__).parent


# ---- every command -----------------------------------------------------------------------------


@pytest.fixture(params=sorted(main.COMMANDS))
def command(request: pytest.FixtureRequest) -> tuple[str, ModuleType]:
    """Each command's name and module; skips those whose extra is not installed."""
    name = str(request.param)
    try:
        return name, importlib.import_module(main.COMMANDS[name])
    except ModuleNotFoundError as error:
        if (error.name or "") not in main.EXTRAS:
            raise
        pytest.skip(f"needs {error.name}: pip install -e '.[{main.EXTRAS[error.name or '']}]'")


def test_every_command_has_an_example_and_a_summary(command: tuple[str, ModuleType]) -> None:
    name, module = command
    text = module.__doc__ or ""

    assert re.search(rf"^Example:\n    main\.py {name}\b", text, re.MULTILINE), text
    assert main.summary(name) == text.partition("\n")[0]
    assert main.summary(name).endswith(".")


def test_every_command_has_a_frozen_config_and_a_run(command: tuple[str, ModuleType]) -> None:
    _, module = command

    assert dataclasses.is_dataclass(module.Config)
    assert getattr(module.Config, "__dataclass_params__").frozen  # noqa: B009
    assert callable(module.run)


def flags_of(config: Any) -> int:
    """How many flags a config has, those of configs inside it included."""
    return sum(
        flags_of(each.default_factory)
        if dataclasses.is_dataclass(each.default_factory)
        else "Positional" not in str(each)
        for each in dataclasses.fields(config)
    )


def test_every_flag_has_help_and_shows_its_default(
    command: tuple[str, ModuleType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, module = command
    monkeypatch.setenv("COLUMNS", "400")  # no help is wrapped

    assert main.main([name, "--help"]) == 0

    said = re.sub("[╭╮╰╯│─]", " ", capsys.readouterr().out)
    _, _, flags = said.partition("show this help message and exit")
    # each: `--flag, --no-flag KIND   help (default)`
    entries = re.split(r"\n +(?=--\w)", flags)[1:]
    assert len(entries) == flags_of(module.Config)
    for entry in entries:
        flag, words = re.split(r"\s{2,}", entry.strip(), maxsplit=1)
        help_text, _, default = words.rpartition(" (")
        assert len(help_text) > 5, f"main.py {name} {flag} has no help"
        assert re.match(r"default|required", default), f"main.py {name} {flag}: {words}"


def test_the_table_of_commands_is_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +\S", said, re.MULTILINE) for name in main.COMMANDS)


def test_without_a_command_the_window_opens(
    fake: Callable[[BaseException | int | None], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(0)
    monkeypatch.setattr(main, "WITHOUT_ARGUMENTS", "fake")

    assert main.main([]) == 0


def test_commands_are_imported_only_when_they_run() -> None:
    """`--help` must not wait for torch."""
    tree = ast.parse((ROOT / "main.py").read_text("utf-8"))
    imported = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }

    assert not imported & set(main.COMMANDS.values())


# ---- what goes wrong -----------------------------------------------------------------------------


class _Command:
    """Stands in for a command's module."""

    __doc__ = "A command.\n\nExample:\n    main.py fake"

    def __init__(self, run: Callable[[object], int | None]) -> None:
        self.run = run

    @dataclasses.dataclass(frozen=True)
    class Config:
        """Nothing."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | int | None], int]:
    """Runs `main.py fake`, whose run raises or answers what it is given."""

    def go(outcome: BaseException | int | None) -> int:
        def run(config: object) -> int | None:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setitem(main.COMMANDS, "fake", "fake_command")
        monkeypatch.setitem(sys.modules, "fake_command", _Command(run))
        return main.main(["fake"])

    return go


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, 0),
        (0, 0),
        (65, 65),
        (UsageError("u"), 2),
        (InputError("i"), 65),
        (EngineError("e"), 69),
        (OutputError("o"), 74),
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
        (SystemExit(), 0),
        (RuntimeError("r"), 70),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 69),
        (ModuleNotFoundError("No module named 'torch.cuda'", name="torch.cuda"), 69),
        (ModuleNotFoundError("No module named 'app.nothing'", name="app.nothing"), 70),
    ],
    ids=repr,
)
def test_every_end_has_its_exit_code(
    fake: Callable[[BaseException | int | None], int],
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException | int | None,
    code: int,
) -> None:
    assert fake(outcome) == code

    said = capsys.readouterr().err
    if isinstance(outcome, PoseAppError):
        assert said == f"error: {outcome}\n"
    assert ("Traceback" in said) == (code == 70)


def test_a_password_is_hidden_even_in_the_traceback_of_a_bug(
    fake: Callable[[BaseException | int | None], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fake(RuntimeError("cannot open rtsp://admin:hunter2@10.0.0.7/door")) == 70

    said = capsys.readouterr().err
    assert "hunter2" not in said and "rtsp://***@10.0.0.7/door" in said


def test_a_missing_package_names_its_extra(
    fake: Callable[[BaseException | int | None], int], capsys: pytest.CaptureFixture[str]
) -> None:
    fake(ModuleNotFoundError("No module named 'torch'", name="torch"))

    assert capsys.readouterr().err.strip().endswith("pip install -e '.[train]'")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["vidoe"], 2, "perhaps video"),
        (["zzz"], 2, "expected a command of gui, demo"),
        (["video", "x.mp4", "--outt", "o"], 2, "--outt"),
        (["video", "missing.mp4"], 65, "missing.mp4"),
        (["video", "text.mp4"], 65, "text.mp4"),
        (["video", "empty.mp4"], 65, "empty"),
        (["video", "sound.mp4"], 65, "sound only"),
        (["video", "folder"], 65, "folder"),
        (["video", "*.avi"], 65, "*.avi"),
        (["video", "clip.mp4", "--out", "file"], 74, "file"),
        (["video", "clip.mp4", "--person", "text.mp4"], 2, "text.mp4"),
        (["video", "clip.mp4", "--pose", "text.onnx"], 65, "text.onnx"),
        (["video", "clip.mp4", "--pose", "missing.onnx"], 65, "missing.onnx"),
        (["video", "clip.mp4", "--config", "bad.toml"], 2, "detect_evry"),
        (["live", "missing.mp4", "--realtime"], 65, "missing.mp4"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_its_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    arguments: list[str],
    code: int,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    networks = drawn.write_networks(tmp_path)
    drawn.write_clip(tmp_path / "clip.mp4", 3)
    for name in ("text.mp4", "text.onnx", "file"):
        Path(name).write_text("this is text")
    Path("empty.mp4").touch()
    Path("folder").mkdir()
    Path("bad.toml").write_text("detect_evry = 2")
    with wave.open("sound.mp4", "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    given = networks if arguments[0] in ("video", "live") else []

    # Flags of the table come last, so that they win.
    assert main.main([arguments[0], *arguments[1:2], *given, *arguments[2:]]) == code

    said = capsys.readouterr().err + "".join(f"{each.message}\n" for each in caplog.records)
    assert complaint in said and said.count("\n") == 1, said
    assert "Traceback" not in said


def test_a_truncated_video_gives_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An mp4 that lost its end is an input like any other if its index is there, else an error."""
    clip = drawn.write_clip(tmp_path / "walk.mp4", 60)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])

    flags = ["--out", str(tmp_path / "out"), *drawn.write_networks(tmp_path)]
    code = main.main(["video", str(cut), *flags])

    assert code in (0, 65)


# ---- as a process --------------------------------------------------------------------------------


def start(*arguments: str) -> subprocess.Popen[str]:
    """As from a terminal: tests that a shell runs in the background inherit an ignored SIGINT."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "main.py", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_an_error_reaches_the_shell() -> None:
    process = start("video", "missing.mp4", "--pose", "missing.onnx")
    out, err = process.communicate(timeout=100)

    assert (process.returncode, out) == (65, "")
    assert "missing.onnx" in err and "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_a_recording_cleanly(tmp_path: Path, number: int, code: int) -> None:
    clip, out = drawn.write_clip(tmp_path / "walk.mp4", 600), tmp_path / "seen.jsonl"
    flags = ["--realtime", "--out", str(out), *drawn.write_networks(tmp_path)]
    process = start("live", str(clip), *flags)
    part = tmp_path / "seen.part.jsonl"
    try:
        while process.poll() is None and not (part.is_file() and part.stat().st_size):
            pass_the_time(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == code, err
    assert out.is_file() and not part.exists()
    assert "Traceback" not in err


def test_a_ctrl_c_while_packages_are_read_ends_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich/__init__.py").write_text("raise KeyboardInterrupt\n")

    done = subprocess.run(
        [sys.executable, "main.py", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def pass_the_time(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        pass


@pytest.mark.parametrize(
    ("redirected", "code"), [("> /dev/full", OutputError.exit_code), (">&-", 0), ("2>&-", 0)]
)
def test_an_output_that_takes_nothing_is_no_bug(redirected: str, code: int) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")

    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} main.py --help {redirected}"],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_names_that_the_output_cannot_spell_are_printed_all_the_same(tmp_path: Path) -> None:
    clip = drawn.write_clip(tmp_path / "walk.mp4", 2).rename(tmp_path / "\udcff.mp4")
    arguments = ["video", str(clip), "--out", str(tmp_path / "out"), "--formats", "jsonl"]

    done = subprocess.run(
        [sys.executable, "main.py", *arguments, *drawn.write_networks(tmp_path)],
        cwd=ROOT, capture_output=True, timeout=100, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert b"\\udcff.mp4: 2 frames" in done.stdout
