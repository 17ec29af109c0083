"""Retention forgets raw rows without changing what rollups say, and later events still count exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from roomleft.errors import SettingsError
from tests.warehouse.facts import (
    plain_latency,
    plain_usage,
    plain_user_days,
    reprice,
    store_samples,
    store_usage,
    stored,
    stored_latency,
    stored_usage,
    stored_user_days,
)
from tests.warehouse.rows import NOON, usage_event
from warehouse import tables
from warehouse.retention import Keep, retain
from warehouse.revisions import PRICED, REVISING, append_revisions
from warehouse.rollup import roll_up
from warehouse.store import Store, Transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("Pacific/Chatham", "UTC")
TABLES = ("samples", "ai_usage", "cost_entries", "health_checks", "rejected", "samples_1m", "samples_1h", "samples_1d", "latency_1m", "latency_1h",
          "slo_1m", "headroom", "cursors", "usage_15m", "usage_user_1d", "dirty_buckets", "sealed")  # fmt: skip


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as opened:
        yield opened


def count(store: Store, table: str) -> int:
    return int(store.select(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def counts(store: Store) -> dict[str, int]:
    return {table: count(store, table) for table in TABLES}


def check(store: Store, events: list[dict[str, Any]]) -> None:
    assert stored_usage(store) == plain_usage(events)
    assert stored_user_days(store) == plain_user_days(events, ZONES)
    assert stored_latency(store, "latency_1h") == plain_latency(events, HOUR)


def event_at(name: str, at: datetime, **columns: Any) -> dict[str, Any]:
    return {**usage_event(name, at, user_id="u", output_tokens=3, latency_ms=20.0, **columns), "cost_usd": "0.000000001"}


def test_rollups_outlive_raw(store: Store) -> None:
    events = [event_at(f"e-{i}", NOON + i * timedelta(hours=9)) for i in range(60)]
    store_usage(store, events)
    result = retain(store, NOON + timedelta(days=405), zones=ZONES)
    gone = count(store, "ai_usage")
    assert 0 < gone < 60
    assert count(store, "cost_entries") == gone
    assert result.deleted["ai_usage"] == 60 - gone
    check(store, events)


def test_twice_is_once(store: Store) -> None:
    store_usage(store, [event_at(f"e-{i}", NOON + i * DAY) for i in range(20)])
    store_samples(store, [(1, NOON + i * HOUR, float(i)) for i in range(100)])
    later = NOON + timedelta(days=410)
    first = retain(store, later, zones=ZONES)
    after = counts(store)
    second = retain(store, later, zones=ZONES)
    assert sum(first.deleted.values()) > 0 == sum(second.deleted.values())
    assert counts(store) == after
    assert str(second) == "nothing is old enough to delete"


def test_a_late_event_adds_its_delta_once_however_often_it_is_sent(store: Store) -> None:
    events = [event_at(f"e-{i}", NOON + i * HOUR) for i in range(5)]
    store_usage(store, events)
    later = NOON + timedelta(days=500)
    retain(store, later, zones=ZONES)
    assert count(store, "ai_usage") == 0
    late = event_at("late", NOON + HOUR)
    assert store_usage(store, [late], ingested_at=later) == 1
    check(store, [*events, late])
    assert count(store, "dirty_buckets") == 0
    for _ in range(2):
        assert store_usage(store, [late], ingested_at=later) == 0
        roll_up(store, later, ZONES)
        retain(store, later + DAY, zones=ZONES)
    check(store, [*events, late])
    # Arrived lately, so it stays in raw and can be sent again; a year on it goes.
    assert count(store, "ai_usage") == 1
    retain(store, later + timedelta(days=401), zones=ZONES)
    assert count(store, "ai_usage") == 0
    check(store, [*events, late])


def test_a_local_day_on_the_seal_is_redone_whole(store: Store) -> None:
    later = NOON + timedelta(days=400)
    seal = NOON.replace(hour=0)
    # In Chatham (+13:45) the day that holds the seal began the UTC day before.
    events = [event_at(f"e-{i}", seal - timedelta(hours=20) + i * HOUR) for i in range(48)]
    store_usage(store, events)
    assert retain(store, later, zones=ZONES).usage_sealed_before == seal
    both = [event_at("before", seal - HOUR), event_at("after", seal + HOUR)]
    store_usage(store, both, ingested_at=later)
    roll_up(store, later, ZONES)
    check(store, [*events, *both])


def test_a_re_pricing_behind_the_seal_adds_its_difference(store: Store) -> None:
    later = NOON + timedelta(days=500)
    retain(store, later, zones=ZONES)
    event = event_at("back-filled", NOON)
    store_usage(store, [event], ingested_at=later)
    reprice(store, Decimal("0.5"), at=later)
    check(store, [{**event, "cost_usd": "0.500000001"}])


def test_samples_minutes_and_hours_each_last_their_time(store: Store) -> None:
    store_samples(store, [(1, NOON + i * DAY, 1.0) for i in range(500)])
    now = NOON + timedelta(days=500)
    retain(store, now, Keep())
    store.run(lambda tx: tx.execute("UPDATE samples SET ingested_at = observed_at"))
    retain(store, now, Keep())
    assert (count(store, "samples"), count(store, "samples_1m"), count(store, "samples_1h"), count(store, "samples_1d")) == (
        30,
        90,
        400,
        500,
    )
    for table, days in (("samples_1m", 90), ("samples_1h", 400), ("samples_1d", 500)):
        kept = store.select(f"SELECT count(DISTINCT bucket) AS n, sum(count)::BIGINT AS readings FROM {table}").to_pylist()
        assert kept == [{"n": days, "readings": days}]


def test_a_late_sample_joins_its_sealed_minute_hour_and_day(store: Store) -> None:
    store_samples(store, [(1, NOON, 5.0), (1, NOON + timedelta(seconds=30), 7.0)])
    later = NOON + timedelta(days=60)
    retain(store, later)
    for value in (9.0, 9.0):
        store_samples(
            store, [(1, NOON + timedelta(seconds=45), value), (1, NOON + timedelta(seconds=50), None)], ingested_at=later
        )
    roll_up(store, later)
    for table in ("samples_1m", "samples_1h", "samples_1d"):
        sql = (
            "SELECT series_id, min(min_value), max(max_value), sum(sum_value), sum(count)::BIGINT, arg_max(last_value, last_at)"
            f" FROM {table} GROUP BY series_id"
        )
        assert stored(store, sql, 1) == {(1,): (5.0, 9.0, 21.0, 3, 9.0)}
    assert count(store, "dirty_buckets") == 0


def test_headroom_is_thinned_to_the_newest_of_each_hour(store: Store) -> None:
    rows = [
        {
            "limit_id": limit, "platform": "atelier", "kind": "budget", "unit": "usd", "amount": Decimal(1), "state": "ok", "reason": "",
            "subject": subject, "basis": "declared", "lower_bound": False, "freshness": "fresh", "as_of": NOON + i * timedelta(minutes=1),
        }
        for limit, subject in (("a", ""), ("b", "u1"), ("b", "u2"))
        for i in range(180)
    ]  # fmt: skip
    store.run(lambda tx: tx.insert("headroom", pa.Table.from_pylist(rows, schema=tables.HEADROOM)))
    retain(store, NOON + timedelta(days=89))
    assert count(store, "headroom") == 540
    retain(store, NOON + timedelta(days=92))
    kept = store.select("SELECT DISTINCT minute(as_of) AS minute, count(*) OVER () AS n FROM headroom").to_pylist()
    assert kept == [{"minute": 59, "n": 9}]


def test_the_last_cursors_of_each_stream_stay(store: Store) -> None:
    rows = [
        {
            "source": "s",
            "stream": stream,
            "position": str(i),
            "caught_up": True,
            "recorded_at": NOON + i * timedelta(seconds=1),
        }
        for stream, number in (("usage", 150), ("deploys", 3))
        for i in range(number)
    ]
    store.run(lambda tx: tx.insert("cursors", pa.Table.from_pylist(rows, schema=tables.CURSORS)))
    retain(store, NOON + timedelta(days=1000))
    found = stored(store, "SELECT stream, count(*), max(position::INT) FROM cursors GROUP BY stream", 1)
    assert found == {("usage",): (100, 149), ("deploys",): (3, 2)}


def test_health_and_refusals_go_by_age(store: Store) -> None:
    at = {"now": NOON}
    store.run(lambda tx: tx.execute("INSERT INTO health_checks VALUES ('p', 'c', 'k', $now, 'pass', 1, NULL, NULL, $now)", at))
    store.run(lambda tx: tx.execute("INSERT INTO rejected VALUES ('s', 'usage', 'r', NULL, NULL, NULL, NULL, $now)", at))
    for days, expected in ((89, (1, 1)), (91, (1, 0)), (401, (0, 0))):
        retain(store, NOON + timedelta(days=days))
        assert (count(store, "health_checks"), count(store, "rejected")) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": timedelta(0)},
        {"samples": timedelta(days=91)},
        {"samples_1m": timedelta(days=401)},
        {"usage": timedelta(hours=1)},
        {"cursors": 0},
    ],
    ids=str,
)
def test_a_rollup_must_outlive_what_it_is_made_from(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Keep(**wrong)


def test_a_longer_keep_does_not_unseal(store: Store) -> None:
    now = NOON + timedelta(days=500)
    sealed = retain(store, now).usage_sealed_before
    assert retain(store, now, Keep(usage=timedelta(days=800))).usage_sealed_before == sealed


moves = st.one_of(
    st.tuples(st.just("store"), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 14 * 24)), max_size=6)),
    st.tuples(st.just("pass"), st.integers(0, 4)),
    st.tuples(st.sampled_from(["roll", "piece", "retain"]), st.none()),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(moves, max_size=10))
def test_any_order_of_batches_roll_ups_retention_and_time(steps: list[tuple[str, Any]]) -> None:
    """Ids may come again as long as their raw row is kept; two days of raw are, beside what arrived lately."""
    keep = Keep(samples=2 * DAY, usage=2 * DAY, samples_1m=5 * DAY)
    known: dict[str, dict[str, Any]] = {}
    now = NOON
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as store:
        for what, value in steps:
            if what == "store":
                # The time belongs to the id: the same id always says the same.
                events = {f"e-{number}-{hours}": event_at(f"e-{number}-{hours}", NOON - hours * HOUR) for number, hours in value}
                arrived = {name: event for name, event in events.items() if name not in known}
                raw = set(store.select("SELECT event_id FROM ai_usage")["event_id"].to_pylist())
                again = [event for name, event in events.items() if name in raw]
                store_usage(store, [*arrived.values(), *again], ingested_at=now)
                known |= arrived
            elif what == "pass":
                now += value * DAY
            elif what == "retain":
                retain(store, now, keep, zones=ZONES)
            else:
                roll_up(store, now, ZONES, budget_s=0 if what == "piece" else None)
        roll_up(store, now, ZONES)
        check(store, list(known.values()))
        assert count(store, "dirty_buckets") == 0


STATES = (
    ("a late price", "unpriced", "0", "priced", "0.5", "late price"),
    ("an estimate measured", "estimated", "0.4", "priced", "0.3", "measured"),
    ("an estimate that stays one", "estimated", "0.4", "estimated", "0.1", "reprice"),
    ("what was reported", "reported", "0.4", "priced", "0.9", "reprice"),
    ("still without a price, and dearer", "unpriced", "0.1", "unpriced", "0.2", "late price"),
)


@pytest.mark.parametrize(
    ("state", "usd", "new_state", "new_usd", "reason"), [case[1:] for case in STATES], ids=[case[0] for case in STATES]
)
def test_a_revision_behind_the_seal_counts_as_it_would_before_it(
    store: Store, state: str, usd: str, new_state: str, new_usd: str, reason: str
) -> None:
    later = NOON + timedelta(days=500)
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as unsealed:
        roll_up(unsealed, later, ZONES)
        retain(store, later, zones=ZONES)
        event = {**event_at("back-filled", NOON), "cost_usd": usd, "cost_state": state}
        for one in (store, unsealed):
            store_usage(one, [event], ingested_at=later)
            roll_up(one, later, ZONES)
            for cost in (new_usd, new_usd, usd):
                revise(one, Decimal(cost), new_state, reason, later)
            roll_up(one, later, ZONES)
        assert said(store) == said(unsealed)


def test_the_seal_does_not_move_past_a_re_pricing_that_is_under_way(store: Store) -> None:
    event = event_at("e", NOON)
    store_usage(store, [event])
    roll_up(store, NOON, ZONES)
    retaining = threading.Thread(target=retain, args=(store, NOON + timedelta(days=401)), kwargs={"zones": ZONES})
    with store.transaction(fence=REVISING) as tx:
        rows = tx.execute("SELECT event_id, source, id_hash, occurred_at FROM ai_usage").to_pylist()
        priced = [{**row, "price_id": "p", "cost_usd": Decimal("0.5"), "cost_state": "priced"} for row in rows]
        assert append_revisions(tx, pa.Table.from_pylist(priced, schema=PRICED), "late price", NOON) == 1
        retaining.start()
        retaining.join(2.0)
        assert retaining.is_alive()
    retaining.join(60.0)
    assert count(store, "dirty_buckets") == 0 == count(store, "ai_usage") - 1
    check(store, [{**event, "cost_usd": "0.5"}])


def revise(store: Store, usd: Decimal, state: str, reason: str, at: datetime) -> None:
    def append(tx: Transaction) -> int:
        rows = tx.execute("SELECT event_id, source, id_hash, occurred_at FROM ai_usage").to_pylist()
        priced = [{**row, "price_id": "p", "cost_usd": usd, "cost_state": state} for row in rows]
        return append_revisions(tx, pa.Table.from_pylist(priced, schema=PRICED), reason, at)

    store.run(append, fence=REVISING)


def said(store: Store) -> list[Any]:
    names = "requests, output_tokens, cost_usd, unpriced_requests"
    more = "unpriced_tokens, reported_usd, estimated_usd, restated_requests"
    found = []
    for table, columns in (("usage_15m", f"{names}, {more}"), ("usage_user_1d", names.replace("output_tokens", "tokens"))):
        sums = ", ".join(f"sum({name}) AS {name}" for name in columns.split(", "))
        keys = "bucket" if table == "usage_15m" else "zone, day, user_id"
        found += store.select(f"SELECT {keys}, {sums} FROM {table} GROUP BY ALL ORDER BY ALL").to_pylist()
    return found
