"""Every test here that asks for `db` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from roomleft.clock import Clock, FixedClock
from tests.fixtures.postgres import PostgresServer
from warehouse.state import StateDb
from warehouse.state.models import Base


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """One PostgreSQL database for many tests: making one for each took longer than all they do in it."""
    url = postgres_server.create_database()
    StateDb.open(url, Clock()).close()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def emptied_postgres_url(migrated_postgres_url: str) -> str:
    """The URL of a migrated state database without a row."""
    tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    with psycopg.connect(migrated_postgres_url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
    return migrated_postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state database may be made, or already is."""
    return f"sqlite:///{tmp_path / 'state.db'}" if request.param == "sqlite" else request.getfixturevalue("emptied_postgres_url")


@pytest.fixture
def open_db(url: str, clock: FixedClock) -> Iterator[Callable[[], StateDb]]:
    """Opens the same database again, as another process would; closes all of them in the end."""
    opened: list[StateDb] = []

    def open_one() -> StateDb:
        opened.append(StateDb.open(url, clock))
        return opened[-1]

    yield open_one
    for db in opened:
        db.close()


@pytest.fixture
def db(open_db: Callable[[], StateDb]) -> StateDb:
    """An open, empty state database."""
    return open_db()
