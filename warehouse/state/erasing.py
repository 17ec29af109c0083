"""Erasing a person from the state database: rows that name them, and the bytes that erased rows leave in the file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from roomleft.errors import StoreLocked
from warehouse.state.database import StateDb
from warehouse.state.models import AuditRow, Base, JobRunRow, TermRow, TokenRow, UserRow
from warehouse.state.models_alerting import (
    AcknowledgementRow,
    AlertEventRow,
    AlertRow,
    DeliveryRow,
    NoticeGroupRow,
    OutboxRow,
    SilenceRow,
)

TEXTS: tuple[tuple[type[Base], tuple[InstrumentedAttribute[Any], ...]], ...] = (
    (AuditRow, (AuditRow.detail,)),
    (TermRow, (TermRow.subject, TermRow.content, TermRow.note)),
    (JobRunRow, (JobRunRow.words,)),
    (AlertRow, (AlertRow.labels, AlertRow.reason, AlertRow.unknown_words, AlertRow.facts, AlertRow.annotations)),
    (AlertEventRow, (AlertEventRow.words, AlertEventRow.labels)),
    (AcknowledgementRow, (AcknowledgementRow.note,)),
    (SilenceRow, (SilenceRow.matchers, SilenceRow.note)),
    (NoticeGroupRow, (NoticeGroupRow.labels, NoticeGroupRow.told)),
    (OutboxRow, (OutboxRow.content, OutboxRow.words)),
    (DeliveryRow, (DeliveryRow.answer, DeliveryRow.reason)),
)
"""What may name a person whose usage is watched. Who did a deed, and who may sign in, are people of another kind: accounts stay."""
PATIENCE_S = 15.0


def erase_texts(db: StateDb, name: re.Pattern[str], instead: str) -> int:
    """Puts `instead` in the place of a name wherever decisions, the audit, job runs and alerts hold it; how many rows that were."""
    changed = 0
    with db.write() as connection:
        for model, columns in TEXTS:
            keys = tuple(model.__table__.primary_key)
            for row in connection.execute(select(*keys, *columns)).all():
                said = zip(columns, row[len(keys) :], strict=True)
                new = {column.key: name.sub(instead, words) for column, words in said if name.search(words)}
                if new:
                    this = and_(*(key == value for key, value in zip(keys, row[: len(keys)], strict=True)))
                    connection.execute(update(model).where(this).values(new))
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
        tables = ", ".join(model.__tablename__ for model, _ in TEXTS)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM pseudonyms, {tables}"))
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
