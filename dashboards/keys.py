"""The keyboard: one table that the browser obeys, the help sheet shows and the documentation repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One thing the keyboard does. `keys` are pressed one after the other; `does` says what happens; `href` is where it leads, empty for a deed."""

    keys: tuple[str, ...]
    does: str
    href: str = ""


DEEDS: Sequence[Key] = (
    Key(("/",), "Search"),
    Key(("t",), "Choose the time"),
    Key(("r",), "Refresh now"),
    Key(("Space",), "Pause or resume refreshing"),
    Key(("c",), "Copy a link to this view"),
    Key(("?",), "This help"),
)
"""What a single key does on every page."""
ROWS: Sequence[Key] = (
    Key(("j",), "Next row or card"),
    Key(("k",), "Row or card before"),
    Key(("Enter",), "Open the row; on a heading, sort by it"),
    Key(("Esc",), "Close what is open, leave the rows"),
)
PAGES: Sequence[Key] = (
    Key(("g", "o"), "Overview", "/"),
    Key(("g", "p"), "Platforms", "/platforms"),
    Key(("g", "a"), "On call", "/on-call"),
    Key(("g", "s"), "SLOs", "/slos"),
    Key(("g", "c"), "Cost", "/cost"),
    Key(("g", "b"), "Budgets", "/budgets"),
    Key(("g", "y"), "Capacity", "/capacity"),
    Key(("g", "r"), "Reports", "/reports"),
)
"""`g`, then a letter: the pages in the navigation's order."""
TABLE: Sequence[tuple[str, Sequence[Key]]] = (("Anywhere", DEEDS), ("Rows", ROWS), ("Go to", PAGES))
OFF = "Keys rest while you type, in an open menu, and together with Ctrl, Alt or Cmd."


def going() -> dict[str, str]:
    """Where each letter after `g` leads."""
    return {key.keys[-1]: key.href for key in PAGES}


def as_markdown() -> str:
    """The table for the documentation."""
    lines = ["| Keys | What they do |", "|---|---|"]
    for _, keys in TABLE:
        lines += [f"| {' '.join(f'`{each}`' for each in key.keys)} | {key.does} |" for key in keys]
    return "\n".join(lines)
