"""Bringing a warehouse to this program's schema: numbered SQL files, each applied once, in a transaction with its record."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roomleft.errors import SchemaTooNew, StoreError

if TYPE_CHECKING:
    from warehouse.store import Transaction

FOLDER = Path(__file__).parent / "migrations"
FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
RECORD = "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: its number, its name and its SQL."""

    number: int
    name: str
    sql: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Every migration of a folder, in order. Raises StoreError when a number is missing, double or a name is off."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise StoreError(f"{path.name} is not named NNNN_words.sql", str(folder))
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"migrations are numbered {numbers}", str(folder), "number them from 0001 without a gap")
    return found


def migrate(run: Callable[[Callable[[Transaction], int]], int], now: datetime, where: str, folder: Path = FOLDER) -> int:
    """Applies what is missing; returns how many. `run` does a piece of work in one transaction, again on a conflict.

    Raises SchemaTooNew when the warehouse already holds a migration this program does not know.
    """
    known = migrations(folder)
    run(_prepare)
    applied = 0
    for migration in known:
        applied += run(lambda tx, migration=migration: _apply(tx, migration, now, known[-1].number, where))  # type: ignore[misc]
    return applied


def _prepare(tx: Transaction) -> int:
    tables = tx.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = 'warehouse' AND table_name = 'schema_migrations'"
    )
    if tables.num_rows == 0:
        tx.execute(RECORD)
    return 0


def _apply(tx: Transaction, migration: Migration, now: datetime, newest_known: int, where: str) -> int:
    # Read inside the transaction: two programs starting on one catalog must not both apply it.
    done = tx.execute("SELECT number FROM schema_migrations").column("number").to_pylist()
    if max(done, default=0) > newest_known:
        raise SchemaTooNew(
            f"it is at migration {max(done)}, this program knows {newest_known}",
            where,
            "start the newer program, or restore an older backup",
        )
    if migration.number in done:
        return 0
    tx.script(migration.sql)
    tx.execute(
        "INSERT INTO schema_migrations VALUES ($number, $name, $now)",
        {"number": migration.number, "name": migration.name, "now": now},
    )
    return 1
