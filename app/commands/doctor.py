"""Say what this machine has, and what each missing piece would need.

Exits with 69 if something is missing that every command needs.

Example:
    main.py doctor
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.machine import Finding, look
from pose.errors import UnavailableError


@dataclass(frozen=True, kw_only=True)
class Config:
    """How to say it.

    Attributes:
        json: Print one JSON object instead of a table.
    """

    json: bool = False


def run(config: Config) -> int:
    """Look, print; answers 0, or 69 if something that is required is missing."""
    findings = look()
    if config.json:
        found = {"findings": [dataclasses.asdict(each) for each in findings]}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        Console(file=sys.stdout).print(_table(findings))
    missing = [each for each in findings if each.required and not each.present]
    return UnavailableError.exit_code if missing else 0


def _table(findings: Sequence[Finding]) -> Table:
    table = Table("", "what", "here", "what it would need", box=None, pad_edge=False)
    for each in findings:
        mark = Text("yes", "green") if each.present else _missing(each)
        table.add_row(mark, each.name, Text(each.detail), Text(each.needs))
    return table


def _missing(finding: Finding) -> Text:
    return Text("MISSING", "bold red") if finding.required else Text("no", "yellow")
