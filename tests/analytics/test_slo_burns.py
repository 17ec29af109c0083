"""How many events of an SLO were bad in a window, by figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.slo_burns import burns
from analytics.slo_interval import interval
from roomleft.clock import FixedClock
from roomleft.findings import Unknown
from roomleft.packs import Pack
from tests.analytics.slo_world import DAY, HOUR, MINUTE, burn, checks, counted, opened, readings, shop, view, write
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with opened(clock) as made:
        yield made


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return shop(tmp_path)


def every(start: datetime, end: datetime, step: timedelta, bad_each: int) -> list[tuple[datetime, bool]]:
    """Events from `start` on, of which each so-many-th failed."""
    return [(start + number * step, number % bad_each == 0) for number in range(1, int((end - start) / step) + 1)]


def test_counters_are_counted_in_every_window_at_once(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    counted(store, clock, every(now - 6 * HOUR, now, 30 * MINUTE / 60, 10), now - 6 * HOUR, now)
    found = burns(view(store, pack, now), [("shop.errors", span) for span in (5 * MINUTE, HOUR, 6 * HOUR)], now)
    told = [(each.bad, each.total) for each in found.values()]
    assert told == [(1.0, 10.0), (12.0, 120.0), (72.0, 720.0)]
    assert found["shop.errors", HOUR].ratio == pytest.approx(0.1)
    assert (found["shop.errors", HOUR].low, found["shop.errors", HOUR].high) == interval(12, 120)


def test_a_reset_loses_nothing_and_adds_nothing(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    for name, values in (("requests_total", (100, 160, 10, 30)), ("failed_requests_total", (5, 6, 0, 1))):
        readings(store, clock, name, [(now - (3 - n) * MINUTE, value) for n, value in enumerate(values)])
    assert (burn(store, pack, "errors", HOUR, now).bad, burn(store, pack, "errors", HOUR, now).total) == (2.0, 90.0)


def test_the_first_failure_of_all_counts_where_its_target_was_read_before(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    readings(store, clock, "requests_total", [(now - 3 * MINUTE + n * MINUTE, 10.0 * n) for n in range(4)], instance="a")
    readings(store, clock, "failed_requests_total", [(now, 1.0)], instance="a")
    assert burn(store, pack, "errors", HOUR, now).bad == 1.0


def test_a_target_seen_for_the_first_time_brings_no_rise(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    for name, value in (("requests_total", 1000.0), ("failed_requests_total", 2.0)):
        readings(store, clock, name, [(now - 2 * MINUTE, value), (now, value)], instance="a")
    for name, value in (("requests_total", 9e6), ("failed_requests_total", 7e5)):
        readings(store, clock, name, [(now - MINUTE, value), (now, value)], instance="b")
    found = burn(store, pack, "errors", HOUR, now)
    assert (found.bad, found.total, found.unknown) == (0.0, 0.0, None)


def test_a_count_read_a_moment_later_is_not_compared_with_more(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    readings(store, clock, "requests_total", [(now - 2 * MINUTE, 0.0), (now - MINUTE, 100.0)])
    readings(store, clock, "failed_requests_total", [(now - 2 * MINUTE, 0.0), (now - MINUTE, 1.0), (now, 90.0)])
    assert (burn(store, pack, "errors", HOUR, now).bad, burn(store, pack, "errors", HOUR, now).total) == (1.0, 100.0)


def test_what_cannot_be_told_is_unknown_with_its_reason(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    assert burn(store, pack, "errors", HOUR, now).unknown is Unknown.NO_DATA
    readings(store, clock, "requests_total", [(now - 2 * MINUTE, 0.0), (now, 10.0)])
    never = burn(store, pack, "errors", HOUR, now)
    assert (never.unknown, never.words) == (Unknown.NO_DATA, "no series failed_requests_total has been seen")
    readings(store, clock, "failed_requests_total", [(now - 2 * MINUTE, 0.0), (now, 1.0)])
    assert burn(store, pack, "errors", HOUR, now).unknown is None
    assert burn(store, pack, "errors", HOUR, now + 6 * MINUTE).unknown is Unknown.STALE
    assert burn(store, pack, "nothing", HOUR, now).unknown is Unknown.ERROR


def test_failing_minutes_are_of_the_minutes_that_were_looked_at(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    start = now - 40 * MINUTE
    checks(store, clock, [(start + n * MINUTE, "fail" if n in (10, 11) else "unknown" if n == 20 else "pass") for n in range(41)])
    found = burn(store, pack, "uptime", HOUR, now)
    assert (found.bad, found.total, found.low) == (2.0, 40.0, 0.05)


def test_what_arrived_after_an_evaluation_is_not_seen_by_its_replay(store: Store, clock: FixedClock, pack: Pack) -> None:
    then = clock.now()
    counted(store, clock, every(then - HOUR, then, MINUTE, 4), then - HOUR, then)
    checks(store, clock, [(then - n * MINUTE, "pass") for n in range(60)])
    keys = [("shop.errors", HOUR), ("shop.uptime", HOUR)]
    live = burns(view(store, pack, then), keys, then)
    clock.advance(10 * MINUTE)
    readings(store, clock, "failed_requests_total", [(then - 30 * MINUTE + timedelta(seconds=9), 60.0)])
    checks(store, clock, [(then - n * MINUTE - timedelta(seconds=5), "fail") for n in range(30)])
    assert burns(view(store, pack, then), keys, then) == live
    assert burns(view(store, pack, clock.now()), keys, then) != live


def test_ai_usage_is_counted_call_by_call(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    integers = {name: 0 for name in tables.USAGE.names if pa.types.is_integer(tables.USAGE.field(name).type)}
    rows = [
        {**integers, "event_id": f"e{n}", "source": "shop", "platform": "shop", "status": "error" if n % 5 == 0 else "ok", "requests": 1,
         "occurred_at": now - n * 10 * MINUTE, "audio_seconds": 0}
        for n in range(1, 21)
    ]  # fmt: skip
    write(store, clock, Batch("shop", usage=pa.Table.from_pylist(rows, schema=tables.USAGE)))
    assert burn(store, pack, "calls", 2 * HOUR, now).unknown is Unknown.STALE
    rows = [{**rows[0], "event_id": "now", "occurred_at": now - MINUTE}]
    write(store, clock, Batch("shop", usage=pa.Table.from_pylist(rows, schema=tables.USAGE)))
    found = burn(store, pack, "calls", 2 * HOUR, now)
    assert (found.bad, found.total, found.observed_at) == (2.0, 12.0, now - MINUTE)
    assert burn(store, pack, "calls", DAY, now).total == 21.0


@pytest.mark.parametrize(
    ("bad", "total", "low", "high"),
    [
        # Clopper and Pearson by the quantiles of beta distributions, to six digits.
        (0, 10, 0.0, 0.308497),
        (1, 10, 0.00252858, 0.445016),
        (1, 1, 0.025, 1.0),
        (12, 432, 0.01443380, 0.04801913),
        (5, 100_000, 0.00001623506, 0.0001166794),
        (999, 2000, 0.4773513, 0.5216502),
    ],
)
def test_the_interval_of_a_share_is_exact(bad: int, total: int, low: float, high: float) -> None:
    assert interval(bad, total) == pytest.approx((low, high), rel=2e-6)


def test_the_interval_of_many_events_is_wilsons_and_of_none_says_nothing() -> None:
    assert interval(1001, 1_000_000) == pytest.approx((0.000940907919, 0.001064925834), rel=1e-9)
    assert interval(0, 0) == (0.0, 1.0)
