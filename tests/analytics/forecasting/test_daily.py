"""Daily histories out of a real store: what is known, what is not, and that days add up to what the meters read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.forecasting.daily import Daily, histories, lengths
from analytics.forecasting.targets import plan_of
from analytics.meters import Meters
from roomleft.clock import FixedClock
from roomleft.limits import Kind, Limit
from roomleft.packs import Pack
from roomleft.timespan import Period, Window, midnight
from tests.analytics.budget_shop import opened
from tests.analytics.forecasting.world import DAY, HOUR, business, checks, samples, stored, usage, world_pack
from warehouse.store import Store

ZONES = {
    "spring, an hour less": ("Europe/Berlin", date(2026, 3, 20)),
    "autumn, an hour more": ("Europe/Berlin", date(2026, 10, 16)),
    "half an hour beside the hours": ("Asia/Kolkata", date(2026, 10, 16)),
    "a clock that goes back half an hour": ("Australia/Lord_Howe", date(2026, 3, 27)),
    "a year's end": ("America/New_York", date(2026, 12, 24)),
    "the last day of February": ("UTC", date(2028, 2, 20)),
}
DAYS = 14


@pytest.fixture
def world(tmp_path: Path, clock: FixedClock) -> Iterator[tuple[Pack, Store]]:
    pack = world_pack(tmp_path)
    with opened(clock, pack) as store:
        yield pack, store


def read(store: Store, pack: Pack, clock: FixedClock) -> dict[str, Daily]:
    return histories(store, pack, plan_of(pack), clock.now())


def values(daily: Daily) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in daily.values]


@pytest.mark.parametrize(("zone", "first"), ZONES.values(), ids=ZONES.keys())
def test_days_add_up_to_what_the_meters_read(tmp_path: Path, zone: str, first: date) -> None:
    pack = world_pack(tmp_path, zone)
    place = ZoneInfo(zone)
    clock = FixedClock(midnight(first + DAYS * DAY, place) + timedelta(minutes=5))
    end = midnight(first + DAYS * DAY, place)
    with opened(clock, pack) as store:
        span = (pack, first, DAYS)
        stored(
            store, clock, sorted({"UTC", zone}),
            usage=usage(*span, each_hour=lambda n: n + 1),
            samples_errors=samples(*span, "errors_total", lambda at, n: float((at.timestamp() // 900) * 3 % 100_000), timedelta(minutes=15)),
            health=checks(*span, lambda at: at.day % 3 == 0 and at.hour < 4),
            business=business(first, DAYS, lambda n: 10 + n),
        )  # fmt: skip
        found = read(store, pack, clock)
        for meter, name in (
            ("spend", "shop/spend"),
            ("gold_calls", "shop/gold_calls"),
            ("errors", "shop/errors"),
            ("down", "shop/down"),
        ):
            daily = found[name]
            known = np.flatnonzero(np.isfinite(daily.values))
            assert len(known) >= DAYS - 1, name
            start = midnight(daily.first_day + int(known[0]) * DAY, place)
            # Counters are kept by the hour: one that holds a midnight is the new day's.
            until = end.replace(minute=0) if meter == "errors" else end
            window = Window(Period.ROLLING, span=until - (start.replace(minute=0) if meter == "errors" else start))
            limit = Limit("shop.x", "shop", Kind.BUDGET, "X", Decimal(1), "usd", meter, window=window)
            reading = Meters(store, pack, until).read(meter, limit)
            assert reading.amount is not None
            assert float(np.nansum(daily.values)) == pytest.approx(float(reading.amount)), name
            assert daily.end == first + DAYS * DAY
        week = Limit("shop.x", "shop", Kind.BUDGET, "X", Decimal(1), "usd", "revenue", window=None)
        seven = Meters(store, pack, end - HOUR).read("revenue", week).amount
        assert seven is not None
        assert float(found["shop/revenue"].values[-7:].sum()) == pytest.approx(float(seven))


def test_the_days_of_users_are_what_the_meter_counts(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    zone, first = ZoneInfo(pack.zone), date(2026, 11, 1)
    table = usage(
        pack, first, 19, skip=lambda at: (at.astimezone(zone).day % 5 != 0) if at.hour % 2 else (at.astimezone(zone).day % 7 > 3)
    )
    stored(store, clock, ["UTC", pack.zone], usage=table)
    found = read(store, pack, clock)["shop/users#3d"]
    for number, value in enumerate(found.values):
        day = found.first_day + number * DAY
        if np.isfinite(value):
            limit = Limit("shop.x", "shop", Kind.RATIO, "X", Decimal(1), "users", "users")
            reading = Meters(store, pack, midnight(day + DAY, zone) - timedelta(seconds=1)).read("users", limit)
            assert value == float(reading.amount or 0), day
    # Of three days together, the first two have none before them.
    assert values(found)[:2] == [None, None]
    assert found.known == len(found.values) - 2 >= 15


def test_a_day_without_calls_is_zero_and_one_without_collection_is_unknown(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    first, quiet = date(2026, 11, 9), date(2026, 11, 13)
    zone = ZoneInfo(pack.zone)
    stored(
        store, clock, ["UTC", pack.zone],
        usage=usage(pack, first, 12, skip=lambda at: at.astimezone(zone).date() == quiet or at > clock.now()),
        samples_load=samples(pack, first, 4, "load_percent", lambda at, n: 10.0 + n),
        samples_later=samples(pack, date(2026, 11, 14), 6, "load_percent", lambda at, n: 20.0 + n),
    )  # fmt: skip
    found = read(store, pack, clock)
    assert values(found["shop/spend"]) == [24.0] * 4 + [0.0] + [24.0] * 6
    assert values(found["shop/load"]) == [10, 11, 12, 13, None, 20, 21, 22, 23, 24, 25]
    assert found["shop/spend"].end == date(2026, 11, 20)


def test_where_nothing_reads_usage_a_silent_day_is_unknown(world: tuple[Pack, Store], clock: FixedClock) -> None:
    from tests.analytics.budget_shop import usage_of  # the same calls, pushed: no cursor says how far anybody read
    from warehouse.rollup import roll_up
    from warehouse.writer import Batch, Writer

    pack, store = world
    days = [date(2026, 11, day) for day in (10, 11, 12, 14, 15, 16)]
    calls = [{"at": datetime(day.year, day.month, day.day, hour, tzinfo=UTC)} for day in days for hour in range(1, 22)]
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(Batch("shop", usage=usage_of(calls)))
    writer.close()
    roll_up(store, clock.now(), ["UTC", pack.zone])
    found = read(store, pack, clock)["shop/spend"]
    by_day = {found.first_day + n * DAY: value for n, value in enumerate(values(found))}
    assert by_day[date(2026, 11, 13)] is None
    assert by_day[date(2026, 11, 15)] == 21
    assert by_day.get(date(2026, 11, 18)) is None


def test_a_day_stored_twice_counts_once(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    table = usage(pack, date(2026, 11, 9), 8)
    reading = samples(pack, date(2026, 11, 9), 8, "errors_total", lambda at, n: at.timestamp() // 3600 % 10_000)
    stored(store, clock, ["UTC", pack.zone], usage=table, samples=reading)
    once = {name: values(daily) for name, daily in read(store, pack, clock).items()}
    stored(store, clock, ["UTC", pack.zone], usage=table, samples=reading)
    assert {name: values(daily) for name, daily in read(store, pack, clock).items()} == once
    assert once["shop/spend"][:3] == [24, 24, 24]


def test_the_day_that_is_not_over_and_the_one_that_began_late_are_left_out(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    zone = ZoneInfo(pack.zone)
    late = midnight(date(2026, 11, 10), zone) + 5 * HOUR
    stored(
        store, clock, ["UTC", pack.zone],
        usage=usage(pack, date(2026, 11, 10), 11, skip=lambda at: at < late or at > clock.now()),
    )  # fmt: skip
    found = read(store, pack, clock)["shop/spend"]
    assert found.first_day == date(2026, 11, 11)
    assert found.end == date(2026, 11, 20)
    assert values(found) == [24.0] * 9


def test_a_level_is_the_hour_that_its_limit_is_about(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    stored(
        store, clock, ["UTC"],
        samples_load=samples(pack, date(2026, 11, 10), 9, "load_percent", lambda at, n: 90.0 if at.hour == 12 else 2.0 if at.hour == 4 else 50.0),
        samples_disk=samples(pack, date(2026, 11, 10), 9, "disk_bytes", lambda at, n: 5e10 + n * 1e9),
    )  # fmt: skip
    found = read(store, pack, clock)
    assert values(found["shop/load"])[0] == pytest.approx((90 + 2 + 22 * 50) / 24)
    assert values(found["shop/load#lowest"])[0] == 2.0
    assert values(found["shop/disk#busiest"])[:2] == [50.0, 51.0]


def test_days_of_23_and_25_hours_count_by_their_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert list(lengths(date(2026, 3, 28), 3, berlin)) == pytest.approx([1, 23 / 24, 1])
    assert list(lengths(date(2026, 10, 24), 3, berlin)) == pytest.approx([1, 25 / 24, 1])


def test_an_empty_warehouse_gives_histories_without_a_day(world: tuple[Pack, Store], clock: FixedClock) -> None:
    pack, store = world
    found = read(store, pack, clock)
    assert set(found) == set(plan_of(pack).targets)
    assert {daily.known for name, daily in found.items() if "fixed" not in name} == {0}
