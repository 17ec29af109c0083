"""What waits while a platform's history is read for the first time, and what does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.anomaly import Anomalies
from jobs.crossing import Crossing
from jobs.first_reading import GOES_ON, REST, FirstReading
from jobs.measure import measure_job
from jobs.schedule import Did
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_packs
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

PACKS = Path(__file__).parent.parent.parent / "packs"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs(PACKS, only=["scribe", "coach"])


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        yield opened


def read(store: Store, clock: FixedClock, *pages: tuple[str, str, bool]) -> None:
    """Pages come in: source, stream, and whether that was its end."""
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    for source, stream, whole in pages:
        writer.write(Batch(source, cursor=Cursor(source, stream, "c", None, None, None, whole)))
    writer.close()


@pytest.mark.parametrize(
    ("pages", "later", "reading"),
    [
        ([], timedelta(0), set()),
        ([("scribe", "usage", False)], timedelta(0), {"scribe"}),
        ([("scribe", "usage", True), ("scribe", "samples", False)], timedelta(0), {"scribe"}),
        ([("scribe.shop", "usage", False)], timedelta(0), {"scribe"}),
        ([("scribe", "usage", False)], GOES_ON + SECOND, set()),
        ([("scribe", "usage", False), ("scribe", "usage", True)], timedelta(0), set()),
        ([("scribe", "usage", True), ("scribe", "usage", False)], timedelta(0), set()),
    ],
    ids=["nothing", "its usage", "one stream of two", "a source of its pack", "stuck", "read to its end", "behind again after it was whole"],
)  # fmt: skip
def test_whose_history_is_read_for_the_first_time(
    store: Store, clock: FixedClock, pages: list[tuple[str, str, bool]], later: timedelta, reading: set[str]
) -> None:
    read(store, clock, *pages)
    clock.advance(later)
    assert FirstReading(store).platforms(clock.now()) == reading
    assert FirstReading(store, later).platforms(clock.now()) == ({"scribe"} if later else reading)


def test_such_a_platform_is_measured_less_often_and_at_once_when_there_is_news(
    store: Store, clock: FixedClock, packs: dict[str, Pack]
) -> None:
    reading = FirstReading(store)
    run = measure_job(store, packs, every=SECOND, reading=reading).run
    limits = {slug: len(pack.limit_list()) for slug, pack in packs.items()}
    both = sum(limits.values())

    def measured() -> int | None:
        did = run(clock.now())
        assert isinstance(did, Did)
        assert ("history is being read: scribe" in did.words) is (did.rows != both)
        return did.rows

    read(store, clock, ("scribe", "usage", False))
    assert measured() == both
    clock.advance(15 * SECOND)
    assert measured() == limits["coach"]
    reading.news()
    assert measured() == both
    clock.advance(REST)
    assert measured() == both
    clock.advance(SECOND)
    assert measured() == limits["coach"]
    read(store, clock, ("scribe", "usage", True))
    assert measured() == both


def test_nobody_looks_for_a_crossing_or_for_anomalies_in_it_but_in_the_others(
    store: Store, clock: FixedClock, packs: dict[str, Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(store, clock, ("scribe", "usage", False))
    reading = FirstReading(store)
    crossed: list[set[str]] = []
    looked = threading.Event()

    def note(_store: Store, _packs: object, touched: set[str], *_more: object) -> int:
        crossed.append(touched)
        looked.set()
        return 0

    monkeypatch.setattr("jobs.crossing.crossed", note)
    watching = Crossing(store, packs, clock, lambda: ["UTC"], reading=reading)
    watching.wake({"scribe", "coach"}, NOW)
    watching.start()
    assert looked.wait(10)
    watching.stop()
    assert crossed == [{"coach"}]

    seen: list[str] = []
    monkeypatch.setattr(Anomalies, "_family", lambda *_given: [])
    monkeypatch.setattr("jobs.anomaly.usage_freshness", lambda _store, pack, _now: _Fresh(seen, pack.slug))
    Anomalies(store, packs, reading=reading).look(NOW)
    assert seen == ["coach"]


class _Fresh:
    """Usage's freshness, noting whose was asked."""

    def __init__(self, seen: list[str], slug: str) -> None:
        seen.append(slug)
        self.observed_at: datetime | None = None
