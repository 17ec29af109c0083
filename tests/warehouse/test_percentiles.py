"""Percentiles from histogram counts stay within 1 % of the exact ones, over any range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import NOON, usage_event
from warehouse.percentiles import latency_percentiles, latency_series
from warehouse.retention import retain
from warehouse.rollup import roll_up
from warehouse.store import Store

HOUR = timedelta(hours=1)
QS = (0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as opened:
        yield opened


def calls(
    latencies: list[float], start: datetime = NOON, every: timedelta = timedelta(seconds=7), **columns: Any
) -> list[dict[str, Any]]:
    return [usage_event(f"{start:%d%H%M}-{i}", start + i * every, latency_ms=v, **columns) for i, v in enumerate(latencies)]


def exact(latencies: list[float], q: float) -> float:
    """The value at rank ceil(q · n)."""
    return sorted(latencies)[max(math.ceil(q * len(latencies) - 1e-9), 1) - 1]


def check(found: dict[float, float], latencies: list[float]) -> None:
    for q, value in found.items():
        assert value == pytest.approx(max(exact(latencies, q), 0.0), rel=0.01)


def draw(name: str) -> list[float]:
    rng = np.random.default_rng(11)
    return {
        "lognormal": rng.lognormal(5, 1, 3000),
        "constant": np.full(500, 123.456),
        "heavy tail": rng.pareto(0.8, 3000) * 10,
        "zeros and a few": np.concatenate([np.zeros(400), rng.lognormal(3, 2, 100)]),
        "two humps": np.concatenate([rng.normal(80, 5, 900), rng.normal(4000, 300, 100)]),
        "microseconds": rng.uniform(0.0005, 0.002, 500),
        "below zero": np.concatenate([-rng.lognormal(1, 1, 50), rng.lognormal(1, 1, 50)]),
        "one call": np.array([42.0]),
    }[name].tolist()


@pytest.mark.parametrize(
    "name", ["lognormal", "constant", "heavy tail", "zeros and a few", "two humps", "microseconds", "below zero", "one call"]
)
def test_within_one_percent(store: Store, name: str) -> None:
    latencies = draw(name)
    store_usage(store, calls(latencies))
    roll_up(store, NOON)
    found = latency_percentiles(store, "atelier", NOON, NOON + timedelta(days=1), QS)
    assert found.count == len(latencies)
    check(found.latency_ms, latencies)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    latencies=st.lists(st.floats(0, 1e9), min_size=1, max_size=60),
    since=st.integers(0, 300),
    length=st.integers(1, 300),
    seconds=st.integers(1, 600),
)
def test_any_range_counts_exactly_its_minutes(latencies: list[float], since: int, length: int, seconds: int) -> None:
    latencies = [0.0 if v < 1e-200 else v for v in latencies]
    events = calls(latencies, every=timedelta(seconds=seconds))
    first, last = NOON + timedelta(minutes=since), NOON + timedelta(minutes=since + length)
    inside = [event["latency_ms"] for event in events if first <= event["occurred_at"] < last]
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as store:
        store_usage(store, events)
        roll_up(store, NOON)
        found = latency_percentiles(store, "atelier", first, last)
        by_minute = latency_series(store, "atelier", first, last, timedelta(minutes=7))
        by_hour = latency_series(store, "atelier", first, last, HOUR)
    assert found.count == len(inside)
    assert sum(step.count for step in by_minute) == sum(step.count for step in by_hour) == len(inside)
    if inside:
        check(found.latency_ms, inside)
    for step in [*by_minute, *by_hour]:
        check(step.latency_ms, [e["latency_ms"] for e in events if step.since <= e["occurred_at"] < step.until])


def test_by_provider_and_model(store: Store) -> None:
    store_usage(store, calls([10.0] * 9, provider="p", model="m"))
    store_usage(store, calls([1000.0] * 9, NOON + HOUR, provider="p", model="n"))
    store_usage(store, calls([5000.0] * 9, NOON + 2 * HOUR, platform="forge"))
    roll_up(store, NOON)
    until = NOON + timedelta(days=1)
    assert latency_percentiles(store, "atelier", NOON, until, provider="p").count == 18
    assert latency_percentiles(store, "atelier", NOON, until, model="m").latency_ms[0.99] == pytest.approx(10, rel=0.01)
    assert latency_percentiles(store, "atelier", NOON, until, provider="x").latency_ms == {}


def test_where_minutes_are_gone_edges_are_whole_hours(store: Store) -> None:
    store_usage(store, calls([1.0, 100.0, 100.0, 100.0], every=timedelta(minutes=20)))
    later = NOON + timedelta(days=45)
    retain(store, later)
    found = latency_percentiles(store, "atelier", NOON + timedelta(minutes=10), NOON + timedelta(minutes=50))
    assert (found.since, found.until, found.count) == (NOON, NOON + HOUR, 3)
    steps = latency_series(store, "atelier", NOON + timedelta(minutes=10), NOON + 2 * HOUR, timedelta(minutes=5))
    assert [(step.since, step.count) for step in steps] == [(NOON, 3), (NOON + HOUR, 1)]


def test_nothing_measured_is_not_zero(store: Store) -> None:
    found = latency_percentiles(store, "atelier", NOON, NOON + HOUR)
    assert (found.count, found.latency_ms) == (0, {})
    assert latency_series(store, "atelier", NOON, NOON + HOUR, HOUR) == []


@pytest.mark.parametrize(
    ("since", "until", "qs"),
    [
        (NOON, NOON, (0.5,)),
        (NOON + HOUR, NOON, (0.5,)),
        (NOON.replace(tzinfo=None), NOON, (0.5,)),
        (NOON, NOON + HOUR, (1.5,)),
        (NOON, NOON + HOUR, ()),
    ],
    ids=["empty", "backwards", "naive", "above 1", "none"],
)
def test_a_range_or_quantile_that_means_nothing_is_refused(
    store: Store, since: datetime, until: datetime, qs: tuple[float, ...]
) -> None:
    with pytest.raises(InputError):
        latency_series(store, "atelier", since, until, HOUR, qs)
