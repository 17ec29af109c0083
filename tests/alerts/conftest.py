"""Tests that ask for `db` run on SQLite and on a real PostgreSQL, as those of the state database do."""

from __future__ import annotations

from tests.warehouse.state.conftest import db, emptied_postgres_url, migrated_postgres_url, open_db, url

__all__ = ["db", "emptied_postgres_url", "migrated_postgres_url", "open_db", "url"]
