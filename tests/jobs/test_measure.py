"""Measuring: every limit gets a row, one failure does not spread, rows are stored on change and each minute; prices arrive once."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.meters import Meters
from jobs.measure import Paces, measure, measure_job
from jobs.price import price, price_job
from jobs.schedule import Did
from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from roomleft.limits import State
from roomleft.metrics import HEADROOM_FRACTION_LEFT, HEADROOM_STATE
from roomleft.packs import Pack, load_packs
from roomleft.packs_meters import GaugeMeter
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

PACKS = Path(__file__).parent.parent.parent / "packs"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs(PACKS, only=["scribe"])


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        yield opened


def give(store: Store, clock: FixedClock, name: str, component: str, value: float, *, ago: timedelta = MINUTE) -> None:
    """One reading, stored the way collectors store theirs."""
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    row = {
        "platform": "scribe",
        "component": component,
        "name": name,
        "labels": {},
        "observed_at": clock.now() - ago,
        "value": value,
    }
    writer.write(Batch("scribe", samples=pa.Table.from_pylist([row], schema=tables.SAMPLES)))
    writer.close()


def stored(store: Store, limit_id: str) -> list[tuple[datetime, str]]:
    rows = store.select("SELECT as_of, state FROM headroom WHERE limit_id = $id ORDER BY as_of", {"id": limit_id}).to_pylist()
    return [(row["as_of"], row["state"]) for row in rows]


def test_an_empty_store_gives_every_limit_as_unknown_with_a_reason(
    store: Store, clock: FixedClock, packs: dict[str, Pack]
) -> None:
    rows = measure(store, packs, clock.now())
    assert [row.limit_id for row in rows] == [limit.limit_id for limit in packs["scribe"].limit_list()]
    assert {row.state for row in rows} == {State.UNKNOWN}
    assert all(row.reason for row in rows)
    assert len(store.rows("headroom_now")) == len(rows)


def test_rows_are_stored_on_change_and_each_minute(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    give(store, clock, "query_time_ms", "database", 20)
    measure(store, packs, clock.now())
    clock.advance(timedelta(seconds=15))
    measure(store, packs, clock.now())
    assert len(stored(store, "scribe.database_query")) == 1
    give(store, clock, "query_time_ms", "database", 90, ago=timedelta(seconds=1))
    clock.advance(timedelta(seconds=15))
    measure(store, packs, clock.now())
    assert [state for _, state in stored(store, "scribe.database_query")] == ["ok", "exhausted"]
    # Nothing changed since, and a minute has passed.
    clock.advance(MINUTE)
    measure(store, packs, clock.now())
    assert len(stored(store, "scribe.database_query")) == 3


def test_gauges_read_together_say_what_each_says_alone(
    store: Store, clock: FixedClock, packs: dict[str, Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = packs["scribe"]
    gauges = {name: meter for name, meter in pack.meters.items() if isinstance(meter, GaugeMeter)}
    for number, meter in enumerate(list(gauges.values())[1:]):
        # Two readings in its span; of every fifth only one, longer ago.
        for ago in (2, 1) if number % 5 else (90,):
            give(store, clock, meter.series, meter.component or "database", 10.5 + number / 7 + ago / 3, ago=ago * MINUTE / 3)
    limits = {limit.meter_id: limit for limit in pack.limit_list() if limit.meter_id in gauges}
    assert len(limits) > 10
    alone = {name: Meters(store, pack, clock.now()).read(name, limit) for name, limit in limits.items()}
    assert {reading.amount is None for reading in alone.values()} == {True, False}

    asked: list[str] = []
    rows = store.rows
    monkeypatch.setattr(store, "rows", lambda name, /, **params: (asked.append(name), rows(name, **params))[1])
    meters = Meters(store, pack, clock.now())
    meters.announce(limits)
    assert {name: meters.read(name, limit) for name, limit in limits.items()} == alone
    # Once for each span, and once more for a gauge that has nothing in its own.
    missing = sum(
        reading.amount is None or reading.observed_at < clock.now() - gauges[name].over for name, reading in alone.items()
    )
    assert asked.count("meter_gauge") <= len({gauges[name].over for name in limits}) + missing
    assert len({gauges[name].over for name in limits}) + missing < len(limits)


@pytest.mark.parametrize(
    ("source", "waits"),
    [("arena", False), ("scribe.gone", False), ("scribe", True)],
    ids=["another platform that is down", "a source the pack no longer has", "the platform itself"],
)
def test_only_a_platforms_own_sources_hold_back_its_pace(
    store: Store, clock: FixedClock, packs: dict[str, Pack], source: str, waits: bool
) -> None:
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(Batch(source, cursor=Cursor(source, "samples", "", None, None, None, False)))
    writer.close()
    give(store, clock, "content_stored_bytes", "infrastructure", 5e11)
    clock.advance(MINUTE)
    rows = {row.limit_id: row for row in measure(store, packs, clock.now(), Paces())}
    assert (rows["scribe.content"].basis == "no pace: history is still being read") is waits


def test_half_a_history_has_no_pace_and_a_whole_one_is_asked_at_once(
    store: Store, clock: FixedClock, packs: dict[str, Pack]
) -> None:
    def basis(paces: Paces) -> str:
        clock.advance(MINUTE)
        give(store, clock, "content_stored_bytes", "infrastructure", 5e11)
        rows = {row.limit_id: row for row in measure(store, packs, clock.now(), paces)}
        return rows["scribe.content"].basis

    def read(caught_up: bool) -> None:
        writer = Writer(store, clock, group_ms=0)
        writer.start()
        writer.write(Batch("scribe", cursor=Cursor("scribe", "samples", "c", None, None, None, caught_up)))
        writer.close()

    paces = Paces()
    read(False)
    assert basis(paces) == "no pace: history is still being read"
    read(True)
    whole = basis(paces)
    assert "days needed" in whole
    # A stream that falls behind later does not take the pace away again.
    read(False)
    assert basis(paces) == whole


def test_on_a_fast_clock_a_reading_may_be_older(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    give(store, clock, "query_time_ms", "database", 20, ago=timedelta(minutes=20))

    def state(slack: timedelta) -> State:
        rows = {row.limit_id: row.state for row in measure(store, packs, clock.now(), Paces(), slack)}
        return rows["scribe.database_query"]

    assert state(timedelta(0)) is State.UNKNOWN
    assert state(timedelta(minutes=10)) is State.UNKNOWN
    assert state(timedelta(minutes=29)) is State.OK


def test_measuring_twice_at_one_instant_stores_once(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    measure(store, packs, clock.now())
    measure(store, packs, clock.now())
    assert len(stored(store, "scribe.memory")) == 1


@pytest.mark.parametrize("fault", [StoreError("the disk hiccuped", "warehouse"), ZeroDivisionError("odd")])
def test_one_failing_meter_is_one_unknown_limit(
    store: Store,
    clock: FixedClock,
    packs: dict[str, Pack],
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    give(store, clock, "query_time_ms", "database", 20)
    give(store, clock, "frame_rate_fps", "rendering", 70)
    read = Meters.read

    def failing(self: Meters, meter_id: str, limit: object) -> object:
        if meter_id == "frame_rate":
            raise fault
        return read(self, meter_id, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(Meters, "read", failing)
    with caplog.at_level(logging.CRITICAL):
        rows = {row.limit_id: row for row in measure(store, packs, clock.now())}
    assert rows["scribe.frame_rate"].state is State.UNKNOWN
    assert "the meter failed" in rows["scribe.frame_rate"].reason
    assert rows["scribe.database_query"].state is State.OK


def test_the_metrics_say_the_same(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    give(store, clock, "query_time_ms", "database", 20)
    measure(store, packs, clock.now())
    assert HEADROOM_FRACTION_LEFT.labels("scribe.database_query", "scribe")._value.get() == pytest.approx(0.6)
    assert math.isnan(HEADROOM_FRACTION_LEFT.labels("scribe.memory", "scribe")._value.get())
    states = {state: HEADROOM_STATE.labels("scribe.memory", "scribe", str(state))._value.get() for state in State}
    assert states == {State.UNKNOWN: 1, State.OK: 0, State.TIGHT: 0, State.EXHAUSTED: 0}


def test_the_job_says_how_many(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    did = measure_job(store, packs, every=MINUTE).run(clock.now())
    assert isinstance(did, Did)
    assert did.words == f"{len(packs['scribe'].limits)} limits measured, {len(packs['scribe'].limits)} unknown"


def test_prices_are_stored_once_and_never_edited(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    assert len(price(store, packs, clock.now()).rows) == 14
    assert price(store, packs, clock.now()).rows == ()
    dearer = _with_flash(packs["scribe"], [("2025-01-01", "0.000002"), ("2026-12-01", "0.000004")])
    assert len(price(store, {"scribe": dearer}, clock.now()).rows) == 4
    edited = _with_flash(packs["scribe"], [("2025-01-01", "0.000005")])
    found = price(store, {"scribe": edited}, clock.now())
    assert found.rows == ()
    assert len(found.contradictions) == 4
    assert "a price is never edited" in str(found.contradictions[0])
    kept = store.select("SELECT DISTINCT usd_per_unit AS usd FROM rates WHERE model = 'flash' ORDER BY usd")["usd"].to_pylist()
    assert kept == [Decimal("0.000002"), Decimal("0.000004")]


def test_the_price_job_tells_a_contradiction(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    price(store, packs, clock.now())
    edited = _with_flash(packs["scribe"], [("2025-01-01", "0.000005")])
    did = price_job(store, {"scribe": edited}).run(clock.now())
    assert isinstance(did, Did)
    assert did.words.startswith("0 new rates; 4 refused")


def _with_flash(pack: Pack, prices: list[tuple[str, str]]) -> Pack:
    data = pack.model_dump(by_alias=True, exclude_none=True)
    data["prices"][0]["models"]["flash"]["prices"] = [{"from": day, "usd_per_token": usd} for day, usd in prices]
    return Pack.model_validate(data)
