"""Flags and TOML files -> a command's config. Defaults < file < flags; a misspelt key is an error.

The config is a frozen dataclass; tyro makes its flags. A file's values become flags that stand
before the user's own, so both go through the same checks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import tyro

from pose.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Config = TypeVar("Config")

CONFIG_FLAG = "--config"
_FRAME = "╭╮╰╯│─ "  # where the terminal knows no such letters, tyro draws with -


def parse(config_type: type[Config], arguments: Sequence[str], command: str, text: str) -> Config:
    """Make a command's config from its part of the command line.

    Args:
        config_type: A frozen dataclass.
        arguments: What follows the command; may hold `--config FILE`.
        command: How the user calls it, for messages: `main.py video`.
        text: What `--help` says above the flags.

    Raises:
        UsageError: An unknown flag or key, or a value of the wrong kind.
        SystemExit: After `--help`, with code 0.
    """
    rest, file = _without_config_flag(list(arguments), command)
    preset = _flags_from(file, config_type) if file is not None else []
    about = f"{text}\n\nDefaults may also come from a TOML file: {CONFIG_FLAG} FILE"
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            # Behind what stands before the first flag: a list in the file would swallow it.
            words = next((n for n, each in enumerate(rest) if each.startswith("-")), len(rest))
            args = [*rest[:words], *preset, *rest[words:]]
            return tyro.cli(config_type, prog=command, description=about, args=args)
    except SystemExit as end:
        if not end.code:
            raise
        source = f" (or a value in {file})" if file is not None else ""
        raise UsageError(f"{_in_one_line(said.getvalue())}{source}; see {command} --help") from None


def _without_config_flag(arguments: list[str], command: str) -> tuple[list[str], Path | None]:
    for place, argument in enumerate(arguments):
        if argument == CONFIG_FLAG:
            if place + 1 == len(arguments):
                raise UsageError(f"expected a TOML file after {CONFIG_FLAG}; see {command} --help")
            return arguments[:place] + arguments[place + 2 :], Path(arguments[place + 1])
        if argument.startswith(CONFIG_FLAG + "="):
            return arguments[:place] + arguments[place + 1 :], Path(argument.partition("=")[2])
    return arguments, None


def _in_one_line(box: str) -> str:
    """The message of tyro's box: what is wrong, and what was perhaps meant."""
    parts: list[list[str]] = [[]]
    for line in box.splitlines()[1:]:  # the first is its title
        words = line.strip(_FRAME)
        if words.strip("-"):
            parts[-1].append(words)
        else:  # a rule across the box
            parts.append([])
    first, *rest = [part for part in parts if part]
    hints = [part[1] for part in rest if part[0].startswith("Perhaps") and len(part) > 1]
    return "; perhaps ".join([" ".join(first).rstrip("."), *hints[:1]])


# ---- the file --------------------------------------------------------------------------------


def _flags_from(file: Path, config_type: type[Any]) -> list[str]:
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{CONFIG_FLAG} {file}: expected a TOML file: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{CONFIG_FLAG} {file}: expected TOML: {error}") from error
    return list(_flags(values, config_type, str(file), ""))


def _flags(
    values: Mapping[str, Any], config_type: type[Any], file: str, prefix: str
) -> Iterator[str]:
    hints = get_type_hints(config_type, include_extras=True)
    names = [field.name for field in dataclasses.fields(config_type)]
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; perhaps {prefix}{near[0]}" if near else f"; known are {', '.join(names)}"
            raise UsageError(f"{file}: unknown key {prefix}{key}{hint}")
        kind, flag = hints[name], f"--{prefix}{name}".replace("_", "-")
        if get_origin(kind) is Annotated and tyro.conf.Positional in get_args(kind):
            raise UsageError(f"{file}: {prefix}{key} is not a flag; give it on the command line")
        if isinstance(value, dict):
            if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
                raise UsageError(f"{file}: expected one value for {prefix}{key}, got a table")
            yield from _flags(value, kind, file, f"{prefix}{name}.")
        elif isinstance(value, bool) is not (kind is bool):
            wanted = "true or false" if kind is bool else "no truth value"
            raise UsageError(f"{file}: expected {wanted} for {prefix}{key}, got {value!r}")
        elif isinstance(value, bool):
            yield flag if value else f"--{prefix}no-{name}".replace("_", "-")
        elif isinstance(value, list):
            yield from (flag, *map(str, value))
        else:
            yield from (flag, str(value))
