"""Wrong budgets and periods that users of other systems met: each is a test named after its thread."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from analytics.meters import Meters
from analytics.pace import pace_of
from jobs.crossing import crossed
from jobs.measure import measure
from roomleft.clock import FixedClock
from roomleft.timespan import Period, Window, local_days, midnight
from tests.analytics.budget_shop import opened, shop, usage_of, used
from warehouse.writer import Batch, Writer

ZONES = sorted(available_timezones())
MOMENT, DAY, HOUR = timedelta(microseconds=1), timedelta(days=1), timedelta(hours=1)
BUDGET = "  - {{id: it, kind: budget, title: It, amount: 100, window: {window}, unit: usd, meter: it, owner: o}}"
COST = "  it: {kind: cost, unit: usd}"


def budget(window: str) -> str:
    return BUDGET.format(window=window)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati", "America/Sao_Paulo"])
def test_litellm_34896_a_budget_begins_again_at_midnight_of_its_zone_not_of_utc(tmp_path: Path, zone: str) -> None:
    pack = shop(tmp_path, COST, budget(f"{{period: day, zone: {zone}}}"))
    start = midnight(date(2026, 11, 20), ZoneInfo(zone))
    clock = FixedClock(start - timedelta(seconds=1))
    with opened(clock, pack) as store:
        used(store, clock, [{"at": start - HOUR, "images": 60}])
        assert measure(store, {"shop": pack}, clock.now())[0].used == 60
        clock.advance(timedelta(seconds=2))
        row = measure(store, {"shop": pack}, clock.now())[0]
    assert (row.used, row.window_start, row.window_end) == (0, start, midnight(date(2026, 11, 21), ZoneInfo(zone)))


def test_litellm_9098_a_monthly_budget_is_a_month_not_thirty_days() -> None:
    month = Window(Period.MONTH)
    starts = [month.bounds(datetime(2026, number, 15, tzinfo=UTC)) for number in range(1, 13)]
    assert [(end - start).days for start, end in starts] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert all(start.day == 1 and end.day == 1 for start, end in starts)


@pytest.mark.parametrize("turn", ["2026-03-08", "2026-03-29", "2026-07-01", "2026-10-25", "2026-11-01"])
def test_litellm_38938_every_zone_begins_again_at_its_midnight_on_days_of_23_24_and_25_hours(turn: str) -> None:
    around = datetime.fromisoformat(turn).replace(tzinfo=UTC)
    for zone in ZONES:
        info = ZoneInfo(zone)
        window = Window(Period.DAY, info)
        days = local_days(around - DAY, around + DAY, info)
        for day, start, end in days:
            assert window.bounds(start) == window.bounds(end - MOMENT) == (start, end), zone
            assert start.astimezone(info).date() == day, zone
            # Nothing of the day before it: midnight, or the first instant there is where a clock jumps over midnight.
            assert (start - MOMENT).astimezone(info).date() < day, zone
            assert timedelta(hours=22) <= end - start <= timedelta(hours=26), zone
        assert [end for _, _, end in days[:-1]] == [start for _, start, _ in days[1:]], zone


def test_litellm_34733_an_event_of_the_last_millisecond_is_of_its_day_whenever_it_is_committed(tmp_path: Path) -> None:
    pack = shop(tmp_path, COST, budget("day"))
    end = datetime(2026, 11, 20, tzinfo=UTC)
    clock = FixedClock(end - timedelta(seconds=1))
    with opened(clock, pack) as store:
        writer = Writer(store, clock, group_ms=0)
        writer.start()
        crossed(store, {"shop": pack}, {"shop"}, clock.now(), ["UTC"])
        clock.advance(timedelta(seconds=3))
        writer.write(
            Batch("shop", usage=usage_of([{"at": end - timedelta(milliseconds=1), "images": 70}, {"at": end, "images": 5}]))
        )
        crossed(store, {"shop": pack}, {"shop"}, clock.now(), ["UTC"])
        today = store.rows("headroom_now")[0]
        yesterday = Meters(store, pack, clock.now()).window_over(Window(Period.DAY), end).read("it", pack.limit("it"))
        writer.close()
    assert (today["used"], today["window_start"]) == (5, end)
    assert yesterday.amount == 70


def test_talon_216_the_budget_and_the_ledger_count_by_one_clock_in_dollars(tmp_path: Path) -> None:
    pack = shop(tmp_path, COST, budget("{period: day, zone: America/Los_Angeles}"))
    info = ZoneInfo("America/Los_Angeles")
    start = midnight(date(2026, 11, 19), info)
    clock = FixedClock(start + DAY - timedelta(minutes=1))
    with opened(clock, pack) as store:
        used(store, clock, [{"at": start + HOUR * hour, "images": 1} for hour in range(-3, 24)])
        row = measure(store, {"shop": pack}, clock.now())[0]
        stored = store.select(
            "SELECT sum(cost_usd) AS usd FROM usage_15m WHERE bucket >= $since AND bucket < $until",
            {"since": start, "until": start + DAY},
        )["usd"][0].as_py()
    assert row.unit == "usd"
    assert row.used == stored == Decimal(24)


@pytest.mark.parametrize(
    ("window", "runs_out"),
    [("day", False), ("week", True), ("month", True), ("quarter", True), ("year", True)],
)
def test_litellm_31934_a_projection_knows_that_its_period_begins_again(tmp_path: Path, window: str, runs_out: bool) -> None:
    """$20 a day, $100 a period: it lasts any day, and never a week or more."""
    pack = shop(tmp_path, COST, budget(window))
    now = datetime(2026, 10, 1, 12, tzinfo=UTC) if window != "week" else datetime(2026, 10, 5, 12, tzinfo=UTC)
    now = datetime(2026, 1, 1, 12, tzinfo=UTC) if window == "year" else now
    # The history is read a little before: in its first minute nobody knows yet whether it is whole.
    clock = FixedClock(now - timedelta(minutes=2))
    with opened(clock, pack) as store:
        used(store, clock, [{"at": now - ago * DAY - HOUR, "images": 20} for ago in range(21)])
        clock.at = now
        row = measure(store, {"shop": pack}, clock.now())[0]
        assert pace_of(Meters(store, pack, now), pack.limit("it")).per_day_p50 == pytest.approx(20)
    assert row.used == 20
    assert (row.exhausts_p50 is not None) is runs_out
    if row.exhausts_p50 is not None:
        assert row.window_end is not None
        assert row.exhausts_p50 < row.window_end
        assert row.exhausts_p50 - now == pytest.approx(4 * DAY, abs=timedelta(minutes=1))


def test_litellm_8867_what_is_left_of_a_budget_has_no_float_dust(tmp_path: Path) -> None:
    pack = shop(tmp_path, COST, budget("month"))
    pack = pack.model_copy(update={"limits": [pack.limits[0].model_copy(update={"amount": Decimal("100.3")})]})
    clock = FixedClock(datetime(2026, 11, 20, tzinfo=UTC))
    with opened(clock, pack) as store:
        used(store, clock, [{"at": clock.now() - number * HOUR, "images": 1} for number in range(1, 31)])
        row = measure(store, {"shop": pack}, clock.now())[0]
    assert (row.used, row.remaining) == (Decimal(30), Decimal("70.3"))
