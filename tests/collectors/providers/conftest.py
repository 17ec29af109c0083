"""A provider to read, and a warehouse to read it into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from tests.collectors.providers.doubles import Double, provider_double
from tests.collectors.providers.reading import Reading
from warehouse.store import Store
from warehouse.writer import Writer


@pytest.fixture
def provider() -> Iterator[Double]:
    with provider_double() as double:
        yield double


@pytest.fixture
def reading(provider: Double, tmp_path: Path, clock: FixedClock) -> Iterator[Reading]:
    """Reads the provider's reports as the server does."""
    store = Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=clock)
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    yield Reading(provider, store, writer, clock)
    writer.close()
    store.close()
