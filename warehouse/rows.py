"""Named queries, and Arrow results as Python values."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from roomleft.errors import StoreError

QUERIES = Path(__file__).parent / "queries"


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """An Arrow result as dicts: DECIMAL as Decimal, instants as datetimes in `datetime.UTC`, maps as dicts."""
    rows: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
    instants = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    for row in rows:
        for name in instants:
            if isinstance(row[name], datetime):
                row[name] = row[name].astimezone(UTC)
    return rows


@cache
def query_text(name: str) -> str:
    """The SQL of `warehouse/queries/<name>.sql`. Raises StoreError when there is none."""
    path = QUERIES / f"{name}.sql"
    if not path.is_file():
        raise StoreError(f"there is no query {name!r}", str(QUERIES))
    return path.read_text()
