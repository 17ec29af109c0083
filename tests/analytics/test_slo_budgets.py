"""Error budgets, slices and readings by figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.slo_budgets import budget_over_time, budgets, spent_in
from analytics.slo_burns import Burn
from roomleft.clock import FixedClock
from roomleft.findings import Unknown
from roomleft.packs import Pack
from roomleft.slos import Slo, slos_of
from tests.analytics.slo_world import DAY, HOUR, MINUTE, burn, checks, counted, opened, readings, shop, view
from warehouse.rollup import roll_up
from warehouse.store import Store

FILE = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: own}}
spec:
  service: shop
  indicator: {{metadata: {{name: i}}, spec: {{{metric}}}}}
  timeWindow: [{window}]
  budgetingMethod: {method}
  objectives: [{objective}]
"""
COUNTED = (
    "ratioMetric: {counter: true, bad: {metricSource: {type: roomleft, spec: {meter: failed}}},"
    " total: {metricSource: {type: roomleft, spec: {meter: asked}}}}"
)
LATENCY = "thresholdMetric: {metricSource: {type: roomleft, spec: {meter: latency}}}"


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with opened(clock) as made:
        yield made


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return shop(tmp_path)


def own(
    folder: Path,
    pack: Pack,
    metric: str,
    objective: str,
    method: str = "Occurrences",
    window: str = "{duration: 30d, isRolling: true}",
) -> dict[str, Slo]:
    text = FILE.format(metric=metric, objective=objective, method=method, window=window)
    (folder / "shop.slo.yaml").write_text(text, encoding="utf-8")
    return slos_of({"shop": pack})


def test_a_budget_is_a_share_of_what_happened(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    counted(store, clock, [(now - n * MINUTE, n in (100, 200, 300)) for n in range(2000)], now - 2000 * MINUTE, now)
    slos = slos_of({"shop": pack})
    slo = slos["shop.errors"]
    told = budgets(view(store, pack, now, slos), [slo], now)["shop.errors"]
    assert (told.bad, told.total, told.allowed, told.left) == (3.0, 2000.0, pytest.approx(2.0), pytest.approx(-0.5))
    [first, second, before] = spent_in(
        view(store, pack, now, slos),
        slo,
        [(now - 350 * MINUTE, now - 150 * MINUTE), (now - 110 * MINUTE, now), (now - 50 * DAY, now - 40 * DAY)],
        told,
    )
    assert (first.bad, first.share) == (2.0, pytest.approx(1.0))
    assert (second.bad, second.share) == (1.0, pytest.approx(0.5))
    assert before.bad == 0.0


def test_a_budget_in_minutes_is_of_the_whole_window(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    checks(store, clock, [(now - n * MINUTE, "fail" if 30 <= n < 43 else "pass") for n in range(1000)])
    slos = slos_of({"shop": pack})
    told = budgets(view(store, pack, now, slos), [slos["shop.uptime"]], now)["shop.uptime"]
    assert (told.bad, told.allowed) == (13.0, 43.2)
    assert told.left == pytest.approx(1 - 13 / 43.2)
    points = budget_over_time(view(store, pack, now, slos), slos["shop.uptime"], now)
    assert points[0][1] is None
    assert points[-1] == (now, pytest.approx(1 - 13 / 43.2))


def test_a_budget_over_time_comes_from_rollups(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    events = [(now - n * 10 * MINUTE, n % 1500 == 700) for n in range(4 * 144)]
    counted(store, clock, events, now - 4 * DAY, now, 5 * MINUTE)
    roll_up(store, now)
    slos = slos_of({"shop": pack})
    points = budget_over_time(view(store, pack, now, slos), slos["shop.errors"], now)
    assert len(points) == 120
    assert points[0][1] is None
    assert points[-1][1] == 1.0
    counted_bad = slos_of({"shop": shop(pack.folder.parent, objective="99")})["shop.errors"]
    assert budget_over_time(view(store, pack, now, {"shop.errors": counted_bad}), counted_bad, now)[-1][1] == 1.0


def test_without_events_there_is_no_budget_to_speak_of(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    slos = slos_of({"shop": pack})
    nothing = budgets(view(store, pack, now, slos), [slos["shop.errors"]], now)["shop.errors"]
    assert (nothing.left, nothing.words) == (None, "no readings of requests_total or failed_requests_total in this time")
    for name in ("requests_total", "failed_requests_total"):
        readings(store, clock, name, [(now - n * MINUTE, 7.0) for n in range(5)])
    quiet = budgets(view(store, pack, now, slos), [slos["shop.errors"]], now)["shop.errors"]
    assert (quiet.left, quiet.words) == (None, "nothing happened in the window yet")


def test_a_calendar_window_begins_anew(store: Store, clock: FixedClock, pack: Pack, tmp_path: Path) -> None:
    now = clock.now()
    midnight = now.replace(hour=5, minute=0)
    counted(
        store,
        clock,
        [(midnight - HOUR, True), *((midnight + n * MINUTE, False) for n in range(1, 101))],
        midnight - 2 * HOUR,
        now,
    )
    window = "{duration: 1d, calendar: {startTime: 2026-01-01 00:00:00, timeZone: America/New_York}}"
    slos = own(tmp_path, pack, COUNTED, "{target: 0.9}", window=window)
    told = budgets(view(store, pack, now, slos), [slos["shop.own"]], now)["shop.own"]
    assert (told.start, told.end - told.start) == (midnight, DAY)
    assert (told.bad, told.total, told.left) == (0.0, 100.0, 1.0)


def test_a_slice_is_good_when_enough_of_it_was(store: Store, clock: FixedClock, pack: Pack, tmp_path: Path) -> None:
    now = clock.now()
    # Five minutes of ten requests each: none, one, two failed, nothing came, all failed.
    failed = {0: 0, 1: 1, 2: 2, 4: 10}
    events = [
        (now - minute * MINUTE - timedelta(seconds=5 * k + 1), k < bad) for minute, bad in failed.items() for k in range(10)
    ]
    counted(store, clock, events, now - 10 * MINUTE, now, timedelta(seconds=30))
    slos = own(tmp_path, pack, COUNTED, "{target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 1m}", "Timeslices")
    found = burn(store, pack, "own", 5 * MINUTE, now, slos)
    assert (found.bad, found.total, found.low) == (2.0, 4.0, 0.5)
    slos = own(tmp_path, pack, COUNTED, "{target: 0.99, timeSliceWindow: 1m}", "RatioTimeslices")
    found = burn(store, pack, "own", 5 * MINUTE, now, slos)
    assert (found.bad, found.total) == (pytest.approx(0.1 + 0.2 + 1.0), 4.0)


@pytest.mark.parametrize(("op", "bad"), [("lt", 2.0), ("lte", 1.0), ("gt", 4.0), ("gte", 3.0)])
def test_readings_are_good_on_their_side_of_the_value(
    store: Store, clock: FixedClock, pack: Pack, tmp_path: Path, op: str, bad: float
) -> None:
    now = clock.now()
    readings(store, clock, "latency_ms", [(now - n * MINUTE, value) for n, value in enumerate((100, 200, 300, 500, 700))])
    slos = own(tmp_path, pack, LATENCY, f"{{target: 0.99, op: {op}, value: 500}}")
    found = burn(store, pack, "own", HOUR, now, slos)
    assert (found.bad, found.total, found.sampled) == (bad, 5.0, False)


def test_a_raw_ratio_is_taken_as_its_mean(store: Store, clock: FixedClock, pack: Pack, tmp_path: Path) -> None:
    now = clock.now()
    readings(store, clock, "latency_ms", [(now - n * MINUTE, value) for n, value in enumerate((1.0, 0.9, 0.8, 0.9))])
    metric = "ratioMetric: {{rawType: {}, raw: {{metricSource: {{type: roomleft, spec: {{meter: latency}}}}}}}}"
    slos = own(tmp_path, pack, metric.format("success"), "{target: 0.99}")
    assert burn(store, pack, "own", HOUR, now, slos).bad == pytest.approx(0.4)
    slos = own(tmp_path, pack, metric.format("failure"), "{target: 0.99}")
    assert burn(store, pack, "own", HOUR, now, slos).bad == pytest.approx(3.6)
    readings(store, clock, "latency_ms", [(now - timedelta(seconds=30), 95.0)])
    wrong = burn(store, pack, "own", HOUR, now, slos)
    assert (wrong.unknown, wrong.words) == (Unknown.ERROR, "a share of 95 was read: it must lie between 0 and 1")


SQL = "ratioMetric: {{bad: {{metricSource: {{type: roomleft, spec: {{sql: '{}'}}}}}}, total: {{metricSource: {{type: roomleft, spec: {{sql: '{}'}}}}}}}}"


def by_sql(store: Store, clock: FixedClock, pack: Pack, folder: Path, bad: str, total: str) -> Burn:
    readings(store, clock, "requests_total", [(clock.now() - n * MINUTE, 5.0) for n in range(10)])
    slos = own(folder, pack, SQL.format(bad, total), "{target: 0.99}")
    return burn(store, pack, "own", 6 * MINUTE, clock.now(), slos)


def test_sql_counts_what_it_says(store: Store, clock: FixedClock, pack: Pack, tmp_path: Path) -> None:
    total = "SELECT count(*) AS value FROM samples WHERE observed_at > $window_start AND observed_at <= $window_end"
    found = by_sql(store, clock, pack, tmp_path, "SELECT 2 AS value", total)
    assert (found.bad, found.total, found.unknown) == (2.0, 6.0, None)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM samples", "SELECT"),
        ("SELECT 1 AS n", "one row with a column named value"),
        ("SELECT 1 AS value FROM samples", "one row with a column named value"),
        ("SELECT CAST(1 AS VARCHAR) AS value", "not a number"),
    ],
)
def test_sql_that_does_not_count_is_an_error(
    store: Store, clock: FixedClock, pack: Pack, tmp_path: Path, sql: str, words: str
) -> None:
    found = by_sql(store, clock, pack, tmp_path, sql, "SELECT 5 AS value")
    assert found.unknown is Unknown.ERROR
    assert words in found.words


PROMQL = "ratioMetric: {{counter: {}, good: {{metricSource: {{type: Prometheus, metricSourceRef: metrics, spec: {{query: a}}}}}}, total: {{metricSource: {{type: Prometheus, metricSourceRef: metrics, spec: {{query: b}}}}}}}}"


@pytest.mark.parametrize(("counter", "bad", "total"), [("true", 3.0, 20.0), ("false", 9.0, 130.0)])
def test_promql_answers_are_counters_or_amounts(
    store: Store, clock: FixedClock, pack: Pack, tmp_path: Path, counter: str, bad: float, total: float
) -> None:
    now = clock.now()
    for name, values in (("promql:slo_own_good", (20, 28, 36, 37)), ("promql:slo_own_total", (20, 30, 40, 40))):
        readings(store, clock, name, [(now - (3 - n) * MINUTE, value) for n, value in enumerate(values)])
    slos = own(tmp_path, pack, PROMQL.format(counter), "{target: 0.99}")
    found = burn(store, pack, "own", HOUR, now, slos)
    assert (found.bad, found.total) == (bad, total)
