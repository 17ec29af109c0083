"""Running the files of `warehouse/rollups/`: statements separated by semicolons, each given only the parameters it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.store import Transaction

FOLDER = Path(__file__).parent / "rollups"
COMMENT = re.compile(r"--[^\n]*")
PARAMETER = re.compile(r"\$(\w+)")


@cache
def statements(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each statement of `rollups/<name>.sql` with the parameters it names."""
    text = COMMENT.sub("", (FOLDER / f"{name}.sql").read_text())
    return tuple((part.strip(), tuple(dict.fromkeys(PARAMETER.findall(part)))) for part in text.split(";") if part.strip())


def run_file(tx: Transaction, name: str, params: Mapping[str, object] | None = None) -> int:
    """Runs a file's statements in order; how many rows the last one wrote."""
    count = 0
    for sql, names in statements(name):
        result = tx.execute(sql, {key: (params or {})[key] for key in names})
        count = int(result.column(0)[0].as_py() or 0) if result.column_names == ["Count"] and result.num_rows else 0
    return count
