"""Scores by hand: every kind of term, and every way in which a score cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.scores import Scored, scores
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_packs
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Writer

PACKS = Path(__file__).parent.parent.parent / "packs"
WELL = {
    "replica_response_ms": 12.0,
    "replica_connections_used": 30.0,
    "replica_connections_max": 120.0,
    "replica_success_ratio": 0.95,
    "replication_lag_ms": 40.0,
}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_packs(PACKS, only=["scribe"])["scribe"]


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        yield opened


def give(
    store: Store, clock: FixedClock, readings: dict[str, float | None], replica: str = "r1", ago_s: float = 10, **labels: str
) -> None:
    rows = [
        {
            "platform": "scribe",
            "component": "database",
            "name": name,
            "labels": [("replica", replica), *labels.items()],
            "observed_at": clock.now() - timedelta(seconds=ago_s),
            "value": value,
        }
        for name, value in readings.items()
    ]
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(Batch("scribe", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))
    writer.close()


def only(found: list[Scored]) -> Scored:
    (one,) = found
    return one


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, "0.915"),  # 0.4 + 0.3 · (1 − 30/120) + 0.2 · 0.95 + 0.1 = 0.4 + 0.225 + 0.19 + 0.1
        ({"replica_response_ms": 99.9}, "0.915"),
        ({"replica_response_ms": 100.0}, "0.515"),
        ({"replication_lag_ms": 1000.0}, "0.815"),
        ({"replica_connections_used": 120.0}, "0.69"),
        ({"replica_connections_used": 130.0}, "0.69"),
        ({"replica_connections_used": 0.0, "replica_success_ratio": 1.0}, "1"),
        (
            {
                "replica_response_ms": 500.0,
                "replica_connections_used": 120.0,
                "replica_success_ratio": 0.0,
                "replication_lag_ms": 5e4,
            },
            "0",
        ),
    ],
    ids=[
        "well",
        "just below 100 ms",
        "100 ms is not below 100 ms",
        "1 s is not below 1 s",
        "full",
        "over full is not below nothing",
        "best",
        "worst",
    ],
)
def test_the_replica_score(store: Store, clock: FixedClock, pack: Pack, changes: dict[str, float], value: str) -> None:
    give(store, clock, WELL | changes)
    found = only(scores(store, pack, clock.now()))
    assert (found.score_id, found.subject, found.value, found.reason) == ("replica", "r1", Decimal(value), "")
    assert sum((term.contribution or Decimal(0) for term in found.terms), Decimal(0)) == found.value
    assert found.observed_at == clock.now() - timedelta(seconds=10)
    assert found.terms[1].of == Decimal(120)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"replication_lag_ms": None}, "replication_lag_ms has ended: its source no longer gives it"),
        ({"replica_response_ms": math.nan}, "replica_response_ms reads no number"),
        ({"replica_connections_max": 0.0}, "replica_connections_max reads none to have a share of"),
        ({"replica_connections_used": -1.0}, "replica_connections_used reads less than none"),
        ({"replica_success_ratio": 95.0}, "replica_success_ratio reads 95, which is no share"),
    ],
)
def test_a_reading_that_says_nothing_makes_the_score_unknown(
    store: Store, clock: FixedClock, pack: Pack, changes: dict[str, float | None], reason: str
) -> None:
    give(store, clock, WELL | changes)
    found = only(scores(store, pack, clock.now()))
    assert (found.value, found.reason) == (None, reason)


@pytest.mark.parametrize("missing", [*WELL])
def test_a_missing_reading_makes_it_unknown(store: Store, clock: FixedClock, pack: Pack, missing: str) -> None:
    give(store, clock, {name: value for name, value in WELL.items() if name != missing})
    found = only(scores(store, pack, clock.now()))
    assert (found.value, found.reason, found.observed_at) == (None, f"no readings of {missing}", None)


def test_an_old_reading_makes_it_unknown(store: Store, clock: FixedClock, pack: Pack) -> None:
    give(store, clock, WELL, ago_s=300)
    assert only(scores(store, pack, clock.now())).value == Decimal("0.915")
    clock.advance(timedelta(seconds=1))
    give(store, clock, {name: value for name, value in WELL.items() if name != "replication_lag_ms"})
    found = only(scores(store, pack, clock.now()))
    assert (found.value, found.reason) == (None, "no readings of replication_lag_ms since 2026-11-20 11:55 UTC")
    clock.advance(timedelta(days=3))
    assert only(scores(store, pack, clock.now())).reason == "no readings of replica_response_ms"


def test_the_best_comes_first_the_unknown_last_and_an_instant_now_counts(store: Store, clock: FixedClock, pack: Pack) -> None:
    give(store, clock, WELL | {"replica_response_ms": 400.0}, "r1", 0)
    give(store, clock, WELL, "r2", 0)
    give(store, clock, {"replica_response_ms": 1.0}, "r3", 0)
    assert [(one.subject, one.value) for one in scores(store, pack, clock.now())] == [
        ("r2", Decimal("0.915")),
        ("r1", Decimal("0.515")),
        ("r3", None),
    ]


def test_a_replica_that_moved_is_scored_once_by_its_newest_readings(store: Store, clock: FixedClock, pack: Pack) -> None:
    give(store, clock, WELL | {"replica_response_ms": 400.0}, "r1", 60, instance="10.0.0.1:5432")
    give(store, clock, WELL, "r1", 10, instance="10.0.0.2:5432")
    assert only(scores(store, pack, clock.now())).value == Decimal("0.915")


def test_nothing_seen_is_no_score(store: Store, clock: FixedClock, pack: Pack) -> None:
    assert scores(store, pack, clock.now()) == []
