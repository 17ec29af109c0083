"""Erasing a person from the state database: rows that name them, and the bytes that erased rows leave in the file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from sqlalchemy import select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from roomleft.errors import StoreLocked
from warehouse.state.database import StateDb
from warehouse.state.models import AuditRow, JobRunRow, TermRow, TokenRow, UserRow

TEXTS: tuple[tuple[type, InstrumentedAttribute[int], tuple[InstrumentedAttribute[str], ...]], ...] = (
    (AuditRow, AuditRow.id, (AuditRow.detail,)),
    (TermRow, TermRow.id, (TermRow.subject, TermRow.content, TermRow.note)),
    (JobRunRow, JobRunRow.id, (JobRunRow.words,)),
)
"""What may name a person whose usage is watched. Who did a deed, and who may sign in, are people of another kind: accounts stay."""
PATIENCE_S = 15.0


def erase_texts(db: StateDb, name: re.Pattern[str], instead: str) -> int:
    """Puts `instead` in the place of a name wherever decisions, the audit and job runs hold it; how many rows that were."""
    changed = 0
    with db.write() as connection:
        for model, key, columns in TEXTS:
            for row in connection.execute(select(key, *columns)).all():
                new = {
                    column.key: name.sub(instead, said)
                    for column, said in zip(columns, row[1:], strict=True)
                    if name.search(said)
                }
                if new:
                    connection.execute(update(model).where(key == row[0]).values(new))
                    changed += 1
    return changed


def accounts_named(db: StateDb, name: re.Pattern[str]) -> list[str]:
    """Accounts and tokens of that name: they are not erased, since somebody signs in with them."""
    with db.read() as connection:
        users = [user for (user,) in connection.execute(select(UserRow.name)) if name.search(user)]
        tokens = [token for (token,) in connection.execute(select(TokenRow.name)) if name.search(token)]
    return ["an account that signs in"] * bool(users) + ["a token's name"] * bool(tokens)


def rewrite(db: StateDb, sleep: Callable[[float], object] = time.sleep) -> None:
    """Makes erased rows unreadable: SQLite's file is written anew and its log emptied, PostgreSQL frees the rows' room for others.

    Raises StoreLocked while somebody keeps reading an old state of a SQLite file.
    """
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM pseudonyms, audit, terms, job_runs"))
        return
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None, "an open connection has a driver's"
        for statement in ("PRAGMA secure_delete=ON", "PRAGMA temp_store=MEMORY", "VACUUM"):
            raw.execute(statement)
        ends_at = time.monotonic() + PATIENCE_S
        while raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() >= ends_at:
                raise StoreLocked("somebody keeps reading an old state of the database", db.where, "try again")
            sleep(0.05)
