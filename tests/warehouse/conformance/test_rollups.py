"""Rollups on both kinds of store: beside ingest, beside another roller, killed, late, and beside retention."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from roomleft.clock import FixedClock
from tests.warehouse.facts import (
    add_usage,
    plain_latency,
    plain_usage,
    plain_user_days,
    store_samples,
    store_usage,
    stored,
    stored_latency,
    stored_usage,
    stored_user_days,
)
from tests.warehouse.rows import NOON, usage_event
from warehouse import rollup
from warehouse.retention import retain
from warehouse.revisions import PRICED, REVISING, append_revisions
from warehouse.rollup import roll_up
from warehouse.store import Store, Transaction

HOUR = timedelta(hours=1)
ZONES = ("Asia/Kathmandu",)
ROOT = Path(__file__).parents[3]


def event_at(number: int, minutes: float) -> dict[str, Any]:
    at = NOON - timedelta(minutes=minutes)
    return {**usage_event(f"e-{number}", at, user_id=f"u{number % 3}", latency_ms=1.0 + number), "cost_usd": "0.000000007"}


def check(store: Store, events: list[dict[str, Any]]) -> None:
    assert stored_usage(store) == plain_usage(events)
    assert stored_user_days(store) == plain_user_days(events, ZONES)
    assert stored_latency(store, "latency_1h") == plain_latency(events, HOUR)


def count(store: Store, table: str) -> int:
    return int(store.select(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def test_a_roll_up_that_fails_half_way_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event_at(i, 40 * i) for i in range(20)]
    store_usage(store, events[:10])
    roll_up(store, NOON, ZONES)
    store_usage(store, events[10:])
    before = stored_usage(store)
    with monkeypatch.context() as patched:

        def stop(tx: Transaction, name: str, params: object = None) -> int:
            if name == "usage_user_1d":
                raise RuntimeError("killed")
            return run_file(tx, name, params)

        run_file: Any = rollup.run_file
        patched.setattr(rollup, "run_file", stop)
        with pytest.raises(RuntimeError, match="killed"):
            roll_up(store, NOON, ZONES)
    assert stored_usage(store) == before
    roll_up(store, NOON, ZONES)
    check(store, events)


def test_ingest_beside_a_roll_up_loses_no_mark(store: Store) -> None:
    batches = [[event_at(100 * batch + i, 7 * i) for i in range(15)] for batch in range(5)]
    store_usage(store, batches[0])
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(lambda: [store_usage(store, batch) for batch in batches[1:]])
        while not done.done():
            roll_up(store, NOON, ZONES)
        done.result()
    roll_up(store, NOON, ZONES)
    check(store, [event for batch in batches for event in batch])
    assert count(store, "dirty_buckets") == 0


def test_marks_appended_during_a_piece_survive_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [event_at(1, 0)], [event_at(2, 0)]
    store_usage(store, first)
    run_file: Any = rollup.run_file
    sent: list[int] = []

    def ingest_meanwhile(tx: Transaction, name: str, params: object = None) -> int:
        if name == "usage_15m" and not sent:
            # The piece has read its snapshot and not committed: another connection stores an event of the same quarter hour.
            sent.append(1)
            store.run(lambda other: add_usage(other, second))
        return run_file(tx, name, params)

    monkeypatch.setattr(rollup, "run_file", ingest_meanwhile)
    roll_up(store, NOON, ZONES)
    # A file keeps the new mark for the next time; a lake notices the change, and the piece was done again with it.
    assert sent == [1]
    assert count(store, "dirty_buckets") == (0 if store.is_lake else 1)
    roll_up(store, NOON, ZONES)
    check(store, first + second)


def test_two_rollers_never_double_a_bucket(store: Store, open_again: Callable[[], Store]) -> None:
    events = [event_at(i, 55 * i) for i in range(30)]
    store_usage(store, events)
    other = open_again()
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(roll_up, each, NOON, ZONES) for each in (store, other)]:
            assert future.result().finished
    check(store, events)


def test_late_and_straggling_events_reach_their_buckets(store: Store) -> None:
    events = [event_at(i, 9 * i) for i in range(10)]
    store_usage(store, events)
    roll_up(store, NOON, ZONES)
    stragglers = [event_at(100 + i, 60 * 24 * 11 * i + 1) for i in range(3)]
    store_usage(store, stragglers)
    roll_up(store, NOON, ZONES)
    check(store, events + stragglers)


def test_a_late_price_behind_the_seal_reaches_every_count(store: Store) -> None:
    later = NOON + timedelta(days=500)
    retain(store, later, zones=ZONES)
    event = {**event_at(1, 0), "cost_usd": "0", "cost_state": "unpriced"}
    store_usage(store, [event], ingested_at=later)

    def append(tx: Transaction) -> int:
        row = tx.execute("SELECT event_id, source, id_hash, occurred_at FROM ai_usage").to_pylist()[0]
        priced = [{**row, "price_id": "p", "cost_usd": Decimal("0.5"), "cost_state": "priced"}]
        return append_revisions(tx, pa.Table.from_pylist(priced, schema=PRICED), "late price", later)

    assert [store.run(append, fence=REVISING) for _ in range(2)] == [1, 0]
    check(store, [{**event, "cost_usd": "0.5", "cost_state": "priced"}])


def test_retention_beside_inserts(store: Store) -> None:
    """Old events come in while retention seals and deletes: each is counted once, redone from raw or added as a delta."""
    later = NOON + timedelta(days=401)
    batches = [[event_at(100 * batch + i, 60 * 9 * i - 60 * 30) for i in range(8)] for batch in range(4)]
    store_usage(store, batches[0])
    retain(store, NOON, zones=ZONES)
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(lambda: [store_usage(store, batch, ingested_at=later) for batch in batches[1:]])
        days = 0
        while not done.done():
            retain(store, later + timedelta(days=min(days, 3)), zones=ZONES)
            days += 1
        done.result()
    retain(store, later + timedelta(days=3), zones=ZONES)
    check(store, [event for batch in batches for event in batch])


def test_samples_too(store: Store) -> None:
    store_samples(store, [(1, NOON + timedelta(seconds=20 * i), float(i)) for i in range(30)])
    roll_up(store, NOON)
    retain(store, NOON + timedelta(days=40))
    store_samples(store, [(1, NOON + timedelta(seconds=10), 100.0)], ingested_at=NOON + timedelta(days=40))
    sql = "SELECT series_id, max(max_value), sum(sum_value), sum(count)::BIGINT FROM {} GROUP BY series_id"
    for table in ("samples_1m", "samples_1h", "samples_1d"):
        assert stored(store, sql.format(table), 1) == {(1,): (100.0, 535.0, 31)}


KILLED = """
import os, signal, sys
from datetime import timedelta
from roomleft.clock import FixedClock
from tests.warehouse.conformance.test_rollups import ZONES, event_at
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import NOON
from warehouse import rollup
from warehouse.store import Store

store = Store.open(sys.argv[1], now=FixedClock(NOON))
store_usage(store, [event_at(i, 60 * i) for i in range(10)])
rollup.roll_up(store, NOON, ZONES)
store_usage(store, [event_at(i, 60 * i) for i in range(10, 20)])
run_file = rollup.run_file

def die(tx, name, params=None):
    done = run_file(tx, name, params)
    if name == "usage_user_1d":
        os.kill(os.getpid(), signal.SIGKILL)
    return done

rollup.run_file = die
rollup.roll_up(store, NOON, ZONES)
"""


def test_a_process_killed_in_the_middle_of_a_roll_up(store_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, store_url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with Store.open(store_url, now=FixedClock(NOON)) as store:
        roll_up(store, NOON, ZONES)
        check(store, [event_at(i, 60 * i) for i in range(20)])
