"""docs/commands.md and the command line name the same commands."""

from __future__ import annotations

import re

import typer

from roomleft.cli import cli
from roomleft.settings import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def names() -> set[str]:
    group = typer.main.get_command(cli)
    found = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner} if inner else {name}
    return found


def test_every_command_is_documented_and_nothing_else() -> None:
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    told = {
        re.match(r"((?:token|connect|report|user|silence|recipient|expect|alerts) [a-z-]+|[a-z-]+)", code)[1]
        for cell in cells
        for code in re.findall(r"`([^`]+)`", cell)
    }  # type: ignore[index]
    assert told == names()
