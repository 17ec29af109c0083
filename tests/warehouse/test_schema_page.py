"""docs/schema.md names every table and column with its type, in words, and no other; the same tables that SHOW TABLES explains."""

from __future__ import annotations

import re

import pytest

from roomleft.clock import FixedClock
from roomleft.settings import ROOT
from tests.warehouse.rows import NOON
from warehouse.catalogue import TABLES
from warehouse.store import Store

PAGE = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
SECTIONS: dict[str, str] = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*?) \| ([^|]*?) ?\| ([^|]*) \|$", re.MULTILINE)
AMOUNTS = re.compile(r"BIGINT|DOUBLE|DECIMAL")
WITHOUT_UNIT = {
    "series_id", "id_hash", "content_hash", "latency_bucket", "line", "revision", "number", "version", "turns", "cost_hint",
    "response_hash", "minute_from", "minute_to",
}  # fmt: skip
"""Numbers that are no amounts."""


@pytest.fixture(scope="module")
def columns() -> dict[str, list[tuple[str, str]]]:
    """Each table's columns and types, as the migrations leave them."""
    sql = (
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_catalog = 'warehouse'"
        " ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as store:
        for row in store.select(sql).to_pylist():
            kind = row["data_type"].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
            words = f"{kind} null" if row["is_nullable"] == "YES" else kind
            found.setdefault(row["table_name"], []).append((row["column_name"], words))
    return found


def test_the_page_and_the_catalogue_have_every_table_and_no_other(columns: dict[str, list[tuple[str, str]]]) -> None:
    assert sorted(SECTIONS) == sorted(TABLES) == sorted(columns)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_s_columns_are_those_of_the_migrations_each_with_its_meaning(
    columns: dict[str, list[tuple[str, str]]], table: str
) -> None:
    told = ROW.findall(SECTIONS[table])
    assert [(name, kind) for name, kind, _, _ in told] == columns[table]
    assert [name for name, _, _, meaning in told if not meaning.strip()] == []
    assert [name for name, kind, unit, _ in told if AMOUNTS.match(kind) and not unit and name not in WITHOUT_UNIT] == []
    assert SECTIONS[table].splitlines()[0].lower() == f"{TABLES[table]}.".lower()
