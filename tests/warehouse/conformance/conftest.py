"""Every case here runs twice: over a DuckDB file, and over a DuckLake with its catalog in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from tests.warehouse.rows import NOON
from warehouse.store import Store


@pytest.fixture
def standing_clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(params=["duckdb", "ducklake"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh warehouse's url, of each kind in turn."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path}/warehouse.duckdb"
    return f"ducklake+{request.getfixturevalue('postgres_url')}?data_path={tmp_path}/lake"


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
