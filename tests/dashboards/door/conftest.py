"""The house behind the door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from tests.dashboards.door.house import House
from tests.fixtures.state import state_url
from warehouse.state import StateDb


@pytest.fixture
def db(tmp_path: Path, clock: FixedClock) -> Iterator[StateDb]:
    """An open, empty state database."""
    db = StateDb.open(state_url(tmp_path), clock)
    yield db
    db.close()


@pytest.fixture
def make(db: StateDb) -> Callable[..., House]:
    """Builds a house with the door's options."""
    return lambda **options: House(db, **options)


@pytest.fixture
def house(make: Callable[..., House]) -> House:
    """A house with the door as it is by default."""
    return make()
