"""Recent rates, from real rollups of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.meter_costs import infrastructure_usd
from analytics.meters import Meters, read
from analytics.pace import _complete_days, quantile, recent_pace, slopes
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_pack
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

PACKS = Path(__file__).parent.parent.parent / "packs"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def scribe() -> Pack:
    return load_pack(PACKS / "scribe.yaml")


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        yield opened


def fill(store: Store, clock: FixedClock, name: str, component: str, points: Sequence[tuple[datetime, float]]) -> None:
    rows = [
        {"platform": "scribe", "component": component, "name": name, "labels": {}, "observed_at": at, "value": v}
        for at, v in points
    ]
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(Batch("scribe", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))
    writer.close()
    roll_up(store, clock.now())


def hourly(now: datetime, days: float) -> list[datetime]:
    count = int(days * 24)
    return [now - HOUR * (count - k) for k in range(count)]


def test_a_level_that_grows_evenly_has_that_slope(store: Store, clock: FixedClock, scribe: Pack) -> None:
    times = hourly(clock.now(), 16)
    fill(store, clock, "content_stored_bytes", "infrastructure", [(at, 8e11 + 1e10 * ((at - times[0]) / DAY)) for at in times])
    pace = recent_pace(store, scribe, scribe.limit("content"), clock.now())
    assert pace.per_day_p10 == pytest.approx(0.01)
    assert pace.per_day_p50 == pytest.approx(0.01)
    assert pace.per_day_p90 == pytest.approx(0.01)
    assert pace.basis == "recent rate, 14 days"


def test_one_wild_day_does_not_move_the_slope(store: Store, clock: FixedClock, scribe: Pack) -> None:
    times = hourly(clock.now(), 16)
    wild = (times[0] + 8 * DAY).date()
    fill(store, clock, "content_stored_bytes", "infrastructure", [(at, 5e11 * (3 if at.date() == wild else 1)) for at in times])
    pace = recent_pace(store, scribe, scribe.limit("content"), clock.now())
    assert pace.per_day_p50 == pytest.approx(0.0, abs=1e-9)


def test_five_days_are_not_enough(store: Store, clock: FixedClock, scribe: Pack) -> None:
    fill(store, clock, "content_stored_bytes", "infrastructure", [(at, 5e11) for at in hourly(clock.now(), 5.5)])
    pace = recent_pace(store, scribe, scribe.limit("content"), clock.now())
    assert pace.per_day_p50 is None
    assert pace.basis.endswith("of 7 days needed")


@pytest.mark.parametrize(("days", "questions"), [(16.0, 2), (3.5, 2), (0.5, 2)])
def test_all_days_of_a_level_are_one_question_and_read_as_each_would_alone(
    store: Store, clock: FixedClock, scribe: Pack, monkeypatch: pytest.MonkeyPatch, days: float, questions: int
) -> None:
    now, limit = clock.now(), scribe.limit("content")
    times = hourly(now, days)
    fill(store, clock, "content_stored_bytes", "infrastructure", [(at, 5e11 + 1e9 * n * n) for n, at in enumerate(times)])
    ends = [end for _, end in _complete_days(now, ZoneInfo(scribe.zone))]
    alone = [Meters(store, scribe, now).at(end).read(limit.meter_id, limit) for end in ends]
    asked: list[str] = []
    rows = store.rows
    monkeypatch.setattr(store, "rows", lambda name, **given: asked.append(name) or rows(name, **given))
    together = Meters(store, scribe, now)
    together.past.announce(ends)
    assert [together.at(end).read(limit.meter_id, limit) for end in ends] == alone
    assert sum(reading.amount is not None for reading in alone) == len([end for end in ends if end > times[0]])
    assert sum(name.startswith("meter_gauge") or name == "meter_samples_begin" for name in asked) <= questions


def test_a_rolling_budget_burns_at_the_rates_of_an_hour_six_hours_and_three_days(
    store: Store, clock: FixedClock, scribe: Pack
) -> None:
    now = clock.now()
    # 12 slow requests an hour for 4 days, 120 an hour in the last hour.
    step = timedelta(minutes=5)
    count, total, points = 4 * 288, 0.0, []
    for k in range(count + 1):
        at = now - step * (count + 1 - k)
        total += 10.0 if at >= now - HOUR else 1.0
        points.append((at, total))
    fill(store, clock, "api_requests_over_100ms_total", "application", points)
    pace = recent_pace(store, scribe, scribe.limit("api_latency"), now)
    assert pace.basis == "rates of the last 1 h, 6 h and 3 d"
    assert pace.per_day_p90 == pytest.approx(120 * 24, rel=0.01)
    assert pace.per_day_p50 == pytest.approx((120 + 5 * 12) / 6 * 24, rel=0.01)
    assert pace.per_day_p10 == pytest.approx((120 + 71 * 12) / 72 * 24, rel=0.01)


@pytest.mark.parametrize("reset_after", [7, 60, 333])
def test_a_counters_rise_is_exact_through_rollups_and_resets(
    store: Store, clock: FixedClock, scribe: Pack, reset_after: int
) -> None:
    now = clock.now()
    count = 6 * 24
    points, value, rise = [], 1000.0, 0.0
    for k in range(count):
        if k and k == reset_after % count:
            value = 0.0
        elif k:
            value += k % 7
        # The first value is where counting begins; after a reset what is read has risen from 0.
        points.append((now - timedelta(minutes=10) * (count - k), value))
        rise += (k % 7 if k != reset_after % count else 0.0) if k else 0.0
    fill(store, clock, "api_requests_over_100ms_total", "application", points)
    limit = scribe.limit("api_latency")
    reading = read(store, scribe, limit.meter_id, limit, now)
    assert reading.amount == Decimal(repr(rise))


def test_infrastructure_of_a_whole_month_costs_exactly_its_items(scribe: Pack) -> None:
    for month in range(1, 12):
        since, until = datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, tzinfo=UTC)
        middle = since + timedelta(days=11, hours=5)
        assert infrastructure_usd(scribe, since, until) == 6640
        assert infrastructure_usd(scribe, since, until, ["object_storage", "backups"]) == 880
        parts = infrastructure_usd(scribe, since, middle) + infrastructure_usd(scribe, middle, until)
        assert abs(parts - 6640) < Decimal("1e-20")


@pytest.mark.parametrize("day", [datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 2, 28, 23, 50, tzinfo=UTC)])
def test_a_budget_that_equals_its_fixed_cost_is_full_at_the_month_s_end_and_not_before(store: Store, day: datetime) -> None:
    coach = load_pack(PACKS / "coach.yaml")
    limit = coach.limit("infrastructure_budget")
    used = read(store, coach, limit.meter_id, limit, day).amount
    per_day = recent_pace(store, coach, limit, day).per_day_p50
    assert used is not None
    assert per_day is not None
    assert limit.window is not None
    left = (limit.window.bounds(day)[1] - day) / DAY
    assert float(used) + per_day * left == pytest.approx(29, abs=1e-9)


@given(st.lists(st.floats(-1e9, 1e9), min_size=7, max_size=14))
def test_rates_are_in_order(values: list[float]) -> None:
    pace = slopes(list(enumerate(values)), "test")
    assert pace.per_day_p10 is not None
    assert pace.per_day_p50 is not None
    assert pace.per_day_p90 is not None
    assert pace.per_day_p10 <= pace.per_day_p50 <= pace.per_day_p90


def test_quantiles_lie_on_straight_lines() -> None:
    assert [quantile([3, 1, 2], share) for share in (0, 0.25, 0.5, 1)] == [1, 1.5, 2, 3]
    assert quantile([5], 0.9) == 5
