"""Rollups equal a plain recomputation from raw, whatever happened on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from tests.warehouse.facts import (
    down,
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
from warehouse.retention import retain
from warehouse.rollup import FILLING_WAIT, SloCount, recount_slo, roll_up
from warehouse.store import Store, Transaction

MINUTE, QUARTER, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
ZONES = ("Asia/Kathmandu", "UTC")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as opened:
        yield opened


def check_usage(store: Store, events: list[dict[str, Any]], zones: tuple[str, ...] = ZONES) -> None:
    assert stored_usage(store) == plain_usage(events)
    assert stored_user_days(store) == plain_user_days(events, zones)
    assert stored_latency(store, "latency_1m") == plain_latency(events, MINUTE)
    assert stored_latency(store, "latency_1h") == plain_latency(events, HOUR)


def marks(store: Store) -> int:
    return int(store.select("SELECT count(*) AS n FROM dirty_buckets")["n"][0].as_py())


# Any history

names = st.sampled_from([None, "a", "b"])
events_strategy = st.builds(
    lambda number, minutes, micros, requests, tokens, cost, latency, state, **dims: {
        **usage_event(f"e-{number}", NOON - timedelta(minutes=minutes, microseconds=micros)),
        "requests": requests,
        "output_tokens": tokens,
        "cost_usd": str(Decimal(cost).scaleb(-9)),
        "cost_state": state,
        "latency_ms": latency,
        **dims,
    },
    number=st.integers(0, 10_000),
    minutes=st.integers(0, 9 * 24 * 60),
    micros=st.sampled_from([0, 1, 59_999_999]),
    requests=st.sampled_from([1, 1, 1, 250]),
    tokens=st.integers(0, 10**12),
    cost=st.integers(0, 10**11),
    latency=st.one_of(st.none(), st.floats(-1, 1e7)),
    state=st.sampled_from(["priced", "free", "unpriced"]),
    platform=st.sampled_from(["atelier", "forge"]),
    provider=names,
    model=names,
    request_type=names,
    tier=names,
    component=names,
    user_id=names,
    status=st.sampled_from(["ok", "error"]),
)
steps = st.lists(
    st.one_of(st.lists(events_strategy, max_size=8), st.just("one piece"), st.just("all"), st.just("again")),
    min_size=1,
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_any_order_of_batches_duplicates_and_partial_roll_ups_ends_at_the_truth(steps: list[Any]) -> None:
    known: dict[str, dict[str, Any]] = {}
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as store:
        for step in steps:
            if step == "one piece":
                roll_up(store, NOON, ZONES, budget_s=0)
            elif step == "all":
                roll_up(store, NOON, ZONES)
            elif step == "again":
                store_usage(store, list(known.values()))
            else:
                fresh = {event["event_id"]: event for event in reversed(step) if event["event_id"] not in known}
                store_usage(store, list(fresh.values()))
                known |= fresh
        assert roll_up(store, NOON, ZONES).finished
        check_usage(store, list(known.values()))
        assert marks(store) == 0


readings = st.tuples(
    st.integers(1, 2),
    st.integers(0, 3 * 24 * 3600).map(lambda s: NOON - timedelta(seconds=s)),
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf)),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(st.lists(readings, max_size=12), max_size=4))
def test_samples_roll_up_to_minutes_hours_and_days(batches: list[list[tuple[int, datetime, float | None]]]) -> None:
    known: dict[tuple[int, datetime], float | None] = {}
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as store:
        for batch in batches:
            fresh = {(series, at): value for series, at, value in batch if (series, at) not in known}
            store_samples(store, [(series, at, value) for (series, at), value in fresh.items()])
            known |= fresh
            roll_up(store, NOON, budget_s=0)
        roll_up(store, NOON)
        for table, grain in (("samples_1m", MINUTE), ("samples_1h", HOUR), ("samples_1d", DAY)):
            found = stored(
                store, f"SELECT series_id, bucket, min_value, max_value, sum_value, count, last_value, last_at FROM {table}", 2
            )
            check_samples(found, known, grain)


def check_samples(found: dict[Any, Any], known: dict[tuple[int, datetime], float | None], grain: timedelta) -> None:
    groups: dict[tuple[int, datetime], list[tuple[datetime, float]]] = {}
    for (series, at), value in known.items():
        if value is not None:
            groups.setdefault((series, down(at, grain)), []).append((at, value))
    assert found.keys() == groups.keys()
    for key, group in groups.items():
        low, high, total, count, last, last_at = found[key]
        finite = [value for _, value in group if math.isfinite(value)]
        assert (count, low, high) == (len(finite), min(finite, default=None), max(finite, default=None))
        assert (total is None) == (not finite)
        assert total is None or total == pytest.approx(math.fsum(finite), abs=1e-6)
        newest = max(group)
        assert last_at == newest[0]
        assert last == pytest.approx(newest[1], nan_ok=True)


# Named cases


def test_a_stale_marker_is_no_reading_and_nan_shows_only_as_the_last(store: Store) -> None:
    store_samples(store, [(1, NOON, 2.0), (1, NOON + timedelta(seconds=15), math.nan), (1, NOON + timedelta(seconds=30), None)])
    store_samples(store, [(2, NOON, None)])
    roll_up(store, NOON)
    (row,) = store.select("SELECT * FROM samples_1m").to_pylist()
    assert (row["series_id"], row["min_value"], row["max_value"], row["sum_value"], row["count"]) == (1, 2.0, 2.0, 2.0, 1)
    assert math.isnan(row["last_value"])


def test_a_pre_aggregated_row_counts_its_requests_and_has_no_latency(store: Store) -> None:
    event = usage_event("day", NOON, requests=5_000, period_end=NOON + DAY, latency_ms=120.0, output_tokens=7)
    store_usage(store, [{**event, "cost_usd": "1.5"}])
    roll_up(store, NOON)
    (row,) = store.select("SELECT requests, latency_count, latency_ms_sum, cost_usd FROM usage_15m").to_pylist()
    assert row == {"requests": 5_000, "latency_count": 0, "latency_ms_sum": 0.0, "cost_usd": Decimal("1.500000000")}
    assert stored_latency(store, "latency_1m") == {}


def test_a_re_priced_event_costs_the_sum_of_its_revisions(store: Store) -> None:
    store_usage(store, [{**usage_event("e", output_tokens=10), "cost_usd": "0", "cost_state": "unpriced"}])
    roll_up(store, NOON)
    assert store.select("SELECT unpriced_requests, unpriced_tokens FROM usage_15m").to_pylist() == [
        {"unpriced_requests": 1, "unpriced_tokens": 10}
    ]
    reprice(store, Decimal("0.25"))
    roll_up(store, NOON)
    reprice(store, Decimal("-0.05"))
    roll_up(store, NOON)
    rows = store.select("SELECT cost_usd, unpriced_requests, requests FROM usage_15m").to_pylist()
    assert rows == [{"cost_usd": Decimal("0.200000000"), "unpriced_requests": 0, "requests": 1}]


def test_an_event_nobody_priced_is_unpriced_not_free(store: Store) -> None:
    store_usage(store, [usage_event("e")])
    store.run(lambda tx: tx.execute("DELETE FROM cost_entries"))
    roll_up(store, NOON)
    assert store.select("SELECT unpriced_requests FROM usage_15m").to_pylist() == [{"unpriced_requests": 1}]


def test_a_zone_declared_later_is_filled_from_raw_and_then_kept_up(store: Store) -> None:
    events = [usage_event(f"e-{i}", NOON - i * timedelta(hours=7)) for i in range(40)]
    store_usage(store, events)
    roll_up(store, NOON, ["UTC"])
    roll_up(store, NOON, ["Pacific/Chatham"])
    late = usage_event("late", NOON - timedelta(days=3))
    store_usage(store, [late])
    roll_up(store, NOON)
    check_usage(store, [*events, late], ("Pacific/Chatham", "UTC"))


def test_the_newest_day_is_there_after_the_first_piece(store: Store) -> None:
    store_usage(store, [usage_event(f"e-{i}", NOON - i * DAY) for i in range(30)])
    assert not roll_up(store, NOON, budget_s=0).finished
    buckets = store.select("SELECT bucket FROM usage_15m")["bucket"].to_pylist()
    assert [bucket == NOON for bucket in buckets] == [True]


@pytest.mark.parametrize(
    ("read_from", "days"),
    [
        # By steps of 24 days since 1970, which began 17 days and 41 days before.
        ([20], 18), ([45], 30), ([45, 20], 18), ([20, None], 2), ([], 30), ([1], 2),
    ],
    ids=["back to day 20", "back to day 45", "the slower of two counts", "one read forwards", "none left", "yesterday is always shown"],
)  # fmt: skip
def test_of_a_history_that_is_being_read_what_is_whole_is_rolled_up(store: Store, read_from: list[int | None], days: int) -> None:
    store_usage(store, [usage_event(f"e-{i}", NOON - i * DAY) for i in range(30)])

    def note(tx: Transaction) -> None:
        for number, ago in enumerate(read_from):
            given = {"source": f"s{number}", "from": None if ago is None else NOON - ago * DAY, "now": NOON}
            tx.execute(
                "INSERT INTO cursors BY NAME SELECT $source AS source, 'usage' AS stream, 'c' AS position, $from::TIMESTAMPTZ AS read_from,"
                " false AS caught_up, $now AS recorded_at",
                given,
            )

    store.run(note)
    done = roll_up(store, NOON)
    assert (done.filling, done.buckets) == (bool(read_from), days)
    assert store.select("SELECT count(*) AS n FROM usage_15m")["n"][0].as_py() == days
    # What waits does not wait for ever.
    roll_up(store, NOON + FILLING_WAIT + timedelta(seconds=1))
    assert store.select("SELECT count(*) AS n FROM usage_15m")["n"][0].as_py() == 30


def test_nothing_dirty_costs_no_transaction(store: Store) -> None:
    assert roll_up(store, NOON).transactions == 0


def test_the_stored_types_are_narrow(store: Store) -> None:
    store_usage(store, [{**usage_event("e", user_id="u", latency_ms=3.0), "cost_usd": "0.1"}])
    roll_up(store, NOON)
    wide = store.select(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_catalog = 'warehouse'"
        " AND (table_name LIKE 'usage_%' OR table_name LIKE 'latency_%' OR table_name LIKE 'samples_%' OR table_name LIKE 'slo_%')"
        " AND (data_type LIKE 'HUGEINT%' OR data_type LIKE 'DECIMAL(38%')"
    )
    assert wide.to_pylist() == []


# SLOs

SLO_CASES: list[tuple[str, dict[str, Any], SloCount, tuple[int, int] | None]] = [
    ("ok is good", {}, SloCount("s", "atelier"), (1, 0)),
    ("an error is bad", {"status": "error"}, SloCount("s", "atelier"), (0, 1)),
    ("a refusal counts as declared", {"status": "refused"}, SloCount("s", "atelier", bad_statuses=("refused",)), (0, 1)),
    ("at the threshold is good", {"latency_ms": 200.0}, SloCount("s", "atelier", bad_when_latency_over_ms=200), (1, 0)),
    ("above it is bad", {"latency_ms": 200.1}, SloCount("s", "atelier", bad_when_latency_over_ms=200), (0, 1)),
    ("unmeasured says nothing", {}, SloCount("s", "atelier", bad_when_latency_over_ms=200), None),
    ("unmeasured but failed is bad", {"status": "timeout"}, SloCount("s", "atelier", bad_when_latency_over_ms=200), (0, 1)),
    ("a failure need not be bad", {"status": "error"}, SloCount("s", "atelier", bad_statuses=()), (1, 0)),
    ("pre-aggregated counts its requests", {"requests": 9}, SloCount("s", "atelier"), (9, 0)),
    ("another platform", {}, SloCount("s", "forge"), None),
    ("the model asked for", {"model": "m"}, SloCount("s", "atelier", model="m"), (1, 0)),
    ("another model", {"model": "m"}, SloCount("s", "atelier", model="n"), None),
    ("no model is not the model", {}, SloCount("s", "atelier", model="m"), None),
    ("another provider", {"provider": "p"}, SloCount("s", "atelier", provider="q"), None),
    ("another type", {"request_type": "chat"}, SloCount("s", "atelier", request_type="image"), None),
]


@pytest.mark.parametrize(("columns", "slo", "expected"), [case[1:] for case in SLO_CASES], ids=[case[0] for case in SLO_CASES])
def test_slo_counts_events_exactly(
    store: Store, columns: dict[str, Any], slo: SloCount, expected: tuple[int, int] | None
) -> None:
    store_usage(store, [usage_event("e", NOON, **columns)])
    roll_up(store, NOON, slos=[slo])
    assert stored(store, "SELECT slo, minute, good, bad FROM slo_1m", 2) == ({("s", NOON): expected} if expected else {})


def slo_sum(store: Store) -> list[dict[str, Any]]:
    return store.select(
        "SELECT slo, sum(good)::BIGINT AS good, sum(bad)::BIGINT AS bad FROM slo_1m GROUP BY slo ORDER BY slo"
    ).to_pylist()


def test_an_slo_declared_later_is_counted_from_raw_and_one_left_out_catches_up(store: Store) -> None:
    slo = SloCount("late", "atelier", bad_when_latency_over_ms=100)
    store_usage(store, [usage_event(f"e-{i}", NOON - i * HOUR, latency_ms=50.0 * i) for i in range(6)])
    roll_up(store, NOON)
    roll_up(store, NOON, slos=[slo])
    assert slo_sum(store) == [{"slo": "late", "good": 3, "bad": 3}]
    store_usage(store, [usage_event("straggler", NOON - 3 * HOUR, latency_ms=1.0)])
    roll_up(store, NOON)
    assert roll_up(store, NOON, slos=[slo]).finished
    assert slo_sum(store) == [{"slo": "late", "good": 4, "bad": 3}]
    assert marks(store) == 0


def test_a_redefined_slo_is_counted_again(store: Store) -> None:
    store_usage(store, [usage_event(f"e-{i}", NOON - i * HOUR, latency_ms=50.0 * i) for i in range(6)])
    roll_up(store, NOON, slos=[SloCount("s", "atelier", bad_when_latency_over_ms=100)])
    recount_slo(store, "s")
    roll_up(store, NOON, slos=[SloCount("s", "atelier", bad_when_latency_over_ms=200)])
    assert slo_sum(store) == [{"slo": "s", "good": 5, "bad": 1}]


# Being stopped


def retain_later(store: Store, now: datetime, zones: tuple[str, ...]) -> None:
    retain(store, now + timedelta(days=420), zones=zones)


@pytest.mark.parametrize("act", [roll_up, retain_later])
@pytest.mark.parametrize("statement", [2, 5, 9, 16, 19, 23, 27, 31, 34])
def test_a_failure_at_any_statement_leaves_it_right(
    act: Callable[[Store, datetime, tuple[str, ...]], Any], statement: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        {**usage_event(f"e-{i}", NOON - i * timedelta(hours=5), user_id=f"u{i % 3}", latency_ms=float(i)), "cost_usd": f"0.00{i}"}
        for i in range(12)
    ]
    store_usage(store, events[:6])
    roll_up(store, NOON, ZONES)
    store_usage(store, events[6:])
    plain = Transaction.execute
    left = statement

    def failing(tx: Transaction, sql: str, params: Any = None) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("pulled the plug")
        return plain(tx, sql, params)

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "execute", failing)
        with pytest.raises(RuntimeError, match="pulled the plug"):
            act(store, NOON, ZONES)
    act(store, NOON, ZONES)
    assert stored_usage(store) == plain_usage(events)
    assert stored_user_days(store) == plain_user_days(events, ZONES)
    assert stored_latency(store, "latency_1h") == plain_latency(events, HOUR)


def test_days_of_users_are_real_dates(store: Store) -> None:
    store_usage(store, [usage_event("e", NOON.replace(hour=23), user_id="u")])
    roll_up(store, NOON, ["Asia/Tokyo"])
    assert store.select("SELECT day FROM usage_user_1d")["day"].to_pylist() == [date(2026, 11, 21)]
