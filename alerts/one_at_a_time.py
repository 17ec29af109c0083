"""Transactions that read, decide and write must not run side by side: SQLite lets one write at a time anyway, PostgreSQL is asked to."""

from __future__ import annotations

from sqlalchemy import Connection, text

TELLING = 0x726F6F6D706167
SILENCING = 0x726F6F6D73696C
STEPPING = 0x726F6F6D737465
"""Numbers of advisory locks: "room", and what for, in ASCII."""


def one_at_a_time(connection: Connection, lock: int) -> None:
    """Wait for others that hold the lock, and hold it to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
