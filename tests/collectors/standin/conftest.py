"""A stand-in of the scribe platform with a short history and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from collectors.standin.standin import StandIn
from roomleft.clock import FixedClock
from roomleft.packs import load_pack
from roomleft.packs_standin import StandinShape

ORIGIN = datetime(2026, 11, 20, 12, 0, 7, tzinfo=UTC)
PACK = Path(__file__).parents[3] / "packs" / "scribe.yaml"
Make = Callable[..., StandIn]


@pytest.fixture(scope="session")
def shape() -> StandinShape:
    """The shape of the scribe pack."""
    found = load_pack(PACK).standin
    assert found is not None
    return found


@pytest.fixture
def make(shape: StandinShape) -> Make:
    """Makes a platform whose clock stands at ORIGIN; a test moves it through `.clock.at`."""

    def made(days: int = 3, seed: int = 7, at: datetime = ORIGIN) -> StandIn:
        return StandIn(shape, seed, ORIGIN, days, FixedClock(at))

    return made


def read_bytes(platform: StandIn, stream: str, limit: int = 10_000, after: str | None = None) -> list[bytes]:
    """All records from a cursor to now, as they were sent."""
    records: list[bytes] = []
    while True:
        page = platform.page(stream, after, limit)
        records += page.records
        if not page.more:
            return records
        after = page.next


def read(platform: StandIn, stream: str) -> list[dict]:
    """All records from the beginning to now."""
    return [orjson.loads(record) for record in read_bytes(platform, stream)]


def instant(text: str) -> datetime:
    """A time from the wire."""
    return datetime.fromisoformat(text)
