"""Every case here runs twice: over a DuckDB file, and over a DuckLake with its catalog in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from tests.fixtures.postgres import PostgresServer
from tests.warehouse.rows import NOON
from warehouse.store import Store


@dataclass(frozen=True)
class Lake:
    """Where a DuckLake is: its catalog's database and the folder of its files."""

    catalog: str
    folder: Path

    @property
    def url(self) -> str:
        return f"ducklake+{self.catalog}?data_path={self.folder}"


@pytest.fixture
def standing_clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(scope="session")
def new_lake(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake made and migrated once, for each test to begin with a copy of its catalog."""
    lake = Lake(postgres_server.create_database(), tmp_path_factory.mktemp("lake"))
    Store.open(lake.url, now=FixedClock(NOON)).close()
    yield lake
    postgres_server.drop_database(lake.catalog)


@pytest.fixture
def lake(postgres_server: PostgresServer, new_lake: Lake) -> Iterator[Lake]:
    """An empty lake. Its folder is shared with other tests': no two files of any lake bear the same name."""
    catalog = postgres_server.create_database(template=new_lake.catalog)
    yield Lake(catalog, new_lake.folder)
    postgres_server.drop_database(catalog)


@pytest.fixture(params=["duckdb", pytest.param("ducklake", marks=pytest.mark.peers)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh warehouse's url, of each kind in turn."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path}/warehouse.duckdb"
    return str(request.getfixturevalue("lake").url)


@pytest.fixture
def store(store_url: str, standing_clock: FixedClock) -> Iterator[Store]:
    with Store.open(store_url, now=standing_clock, memory_limit="512MB") as opened:
        yield opened


@pytest.fixture
def open_again(store_url: str, store: Store, standing_clock: FixedClock) -> Iterator[Callable[[], Store]]:
    """Another node: on DuckLake a Store of its own on the same catalog; a file has one owner, so there it is the same Store."""
    with ExitStack() as opened:
        yield (
            lambda: (
                opened.enter_context(Store.open(store_url, now=standing_clock, memory_limit="512MB")) if store.is_lake else store
            )
        )
