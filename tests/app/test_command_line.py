"""Flags and TOML: defaults < file < flags, and one line about what is wrong."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from app.command_line import parse
from pose.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A table of its own.

    Attributes:
        depth: How deep.
        wet: Whether it is wet.
    """

    depth: int = 1
    wet: bool = True


@dataclass(frozen=True, kw_only=True)
class Config:
    """A config with a field of every kind.

    Attributes:
        inputs: Files.
        threads: How many.
        rate: How fast.
        mode: Which.
        out: Where.
        draw_lines: Whether to draw.
        size: Width and height.
        formats: Which.
        inner: A table.
    """

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    threads: int = 0
    rate: float = 1.0
    mode: Literal["fast", "good"] = "good"
    out: Path = Path("out")
    draw_lines: bool = True
    size: tuple[int, int] | None = None
    formats: tuple[str, ...] = ("mp4",)
    inner: Inner = field(default_factory=Inner)


def read(tmp_path: Path, toml: str, *flags: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(toml, "utf-8")
    return parse(Config, [*flags, "--config", str(file)], "main.py try", "Try it.")


def test_without_anything_all_is_default() -> None:
    assert parse(Config, [], "main.py try", "Try it.") == Config()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Config()


def test_a_file_goes_before_defaults_and_flags_before_the_file(tmp_path: Path) -> None:
    toml = 'threads = 2\nrate = 0.5\nmode = "fast"\n'

    config = read(tmp_path, toml, "a.mp4", "--threads", "3")

    assert (config.threads, config.rate, config.mode) == (3, 0.5, "fast")
    assert config.inputs == ("a.mp4",)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("draw-lines = false", Config(draw_lines=False)),
        ("draw_lines = true", Config(draw_lines=True)),
        ("size = [640, 480]", Config(size=(640, 480))),
        ('formats = ["csv", "jsonl"]', Config(formats=("csv", "jsonl"))),
        ('out = "some where"', Config(out=Path("some where"))),
        ("rate = -1.5", Config(rate=-1.5)),
        ("[inner]\ndepth = 4\nwet = false", Config(inner=Inner(depth=4, wet=False))),
    ],
)
def test_every_kind_of_value_can_stand_in_a_file(
    tmp_path: Path, toml: str, expected: Config
) -> None:
    assert read(tmp_path, toml) == expected


@pytest.mark.parametrize("flag", ["--config=FILE", "--config FILE"])
def test_the_file_may_stand_anywhere(tmp_path: Path, flag: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text("threads = 7")
    flags = flag.replace("FILE", str(file)).split()

    for arguments in ([*flags, "a.mp4"], ["a.mp4", *flags]):
        config = parse(Config, arguments, "main.py try", "")
        assert (config.threads, config.inputs) == (7, ("a.mp4",))


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("threds = 2", r"unknown key threds; perhaps threads"),
        ("[inner]\ndeth = 2", r"unknown key inner\.deth; perhaps inner\.depth"),
        ("zzz = 2", r"unknown key zzz; known are inputs, threads"),
        ('inputs = ["a.mp4"]', r"inputs is not a flag"),
        ("[threads]\nx = 2", r"one value for threads, got a table"),
        ('threads = "two"', r"--threads.*config\.toml"),
        ("threads = 1.5", r"--threads"),
        ('mode = "quick"', r"quick"),
        ("size = [1, 2, 3]", r"config\.toml"),
        ("threads = ", r"expected TOML"),
        ("threads = 1\nthreads = 2", r"expected TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        read(tmp_path, toml)

    assert "config.toml" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--thread", "3"], "--thread.*perhaps --threads"),
        (["--threads", "x"], "--threads.*'x'"),
        (["--threads"], "--threads"),
        (["--mode", "bad"], "bad"),
        (["--config"], "expected a TOML file"),
        (["--config", "missing.toml"], "missing.toml.*No such file"),
    ],
)
@pytest.mark.parametrize("letters", ["utf-8", "ascii"])
def test_a_wrong_flag_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str, letters: str
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), letters))

    with pytest.raises(UsageError, match=complaint) as caught:
        parse(Config, arguments, "main.py try", "")

    assert "─" not in str(caught.value) and "---" not in str(caught.value)
    assert str(caught.value).count("main.py try --help") <= 1


def test_help_shows_what_it_does_and_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(Config, ["--help"], "main.py try", "Try it.\n\nExample:\n    main.py try a.mp4")

    assert not caught.value.code
    said = capsys.readouterr().out
    assert "    main.py try a.mp4" in said and "--config FILE" in said
    assert all(flag in said for flag in ("--threads", "--no-draw-lines", "--inner.depth"))


@pytest.mark.parametrize(
    ("toml", "wanted"),
    [
        ('draw_lines = "false"', "expected true or false for draw_lines, got 'false'"),
        ("draw_lines = 0", "expected true or false for draw_lines, got 0"),
        ("threads = true", "expected no truth value for threads, got True"),
        ('inner = {wet = "no"}', "expected true or false for inner.wet, got 'no'"),
    ],
)
def test_a_truth_value_is_true_or_false_and_nothing_else_is(
    tmp_path: Path, toml: str, wanted: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(wanted)):
        read(tmp_path, toml, "a.mp4")


def test_a_list_in_the_file_leaves_the_words_of_the_line_alone(tmp_path: Path) -> None:
    toml = 'formats = ["csv", "jsonl"]\nsize = [4, 3]'

    assert read(tmp_path, toml, "a.mp4", "b.mp4").inputs == ("a.mp4", "b.mp4")
    found = read(tmp_path, toml, "a.mp4", "--formats", "json")
    assert (found.inputs, found.formats, found.size) == (("a.mp4",), ("json",), (4, 3))
    assert read(tmp_path, toml, "--no-draw-lines", "a.mp4").inputs == ("a.mp4",)
