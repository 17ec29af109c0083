"""How commands speak: JSON for programs on standard output, tables and progress for people, errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from roomleft.errors import RoomleftError
from roomleft.packs_yaml import PackFaults
from roomleft.wording import size_words

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def fail(error: RoomleftError) -> None:
    """An error as three lines: what, where, what to do. A pack's faults are told one after another."""
    parts = error.each() if isinstance(error, PackFaults) else [error]
    for part in parts:
        sys.stderr.write(f"error: {part.what}\n")
        if part.where:
            sys.stderr.write(f"  where: {part.where}\n")
        if part.hint:
            sys.stderr.write(f"  to do: {part.hint}\n")


def print_json(value: Any) -> None:
    """`value` as JSON; money and other decimals as strings, instants as RFC 3339."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """Rows for a person; on a pipe, tab-separated lines that keep every character."""
    if not out.is_terminal:
        sys.stdout.write("\t".join(columns) + "\n")
        for row in rows:
            sys.stdout.write("\t".join(_shown(cell) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row))
    out.print(table)


def _shown(value: Any) -> str:
    return "" if value is None else size_words(value) if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return _shown(value)
