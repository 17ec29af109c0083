"""In every time zone there is: quarter hours add up to the day, days to the month, months to the range; ordinary, short and long days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from analytics.infrastructure import infrastructure_spread
from analytics.ledger import Books, Question
from dashboards.filters import bucket_edges
from roomleft.clock import FixedClock
from roomleft.timespan import Period, Window, midnight
from tests.analytics.test_infrastructure import shop
from warehouse.store import Store

QUARTER = timedelta(minutes=15)
FIRST, LAST = datetime(2025, 12, 30, tzinfo=UTC), datetime(2027, 1, 3, tzinfo=UTC)
NOW = datetime(2027, 2, 1, tzinfo=UTC)
PACKS = {"shop": shop("America/New_York")}
ZONES = sorted(available_timezones())
FILL = """
INSERT INTO usage_15m BY NAME
SELECT make_timestamptz(us) AS bucket, 'shop' AS platform, 'ok' AS status, 1 AS requests, 0 AS input_uncached_tokens, 0 AS cache_read_tokens,
    0 AS cache_write_tokens, 0 AS output_tokens, 0 AS images, 0 AS characters, 0 AS audio_seconds, 0 AS unpriced_requests, 0 AS unpriced_tokens,
    0 AS latency_ms_sum, 0 AS latency_count, make_timestamptz(us) AS last_at, ((us // 900000000 * 7919) % 1000003 + 1) * 0.000000001::DECIMAL(18, 9) AS cost_usd
FROM (SELECT unnest(range(epoch_us($first), epoch_us($last), 900000000)) AS us)
"""


def cost_between(since: datetime, until: datetime) -> Decimal:
    """What FILL put there, worked out without the warehouse."""
    first, last = (int(at.timestamp()) // 900 for at in (since, until))
    return Decimal(sum(number * 7919 % 1000003 + 1 for number in range(first, last))).scaleb(-9)


@pytest.fixture(scope="module")
def books() -> Iterator[Books]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as store:
        store.run(lambda tx: tx.execute(FILL, {"first": FIRST, "last": LAST}))
        yield Books(store, PACKS)


@cache
def shape(zone: str) -> tuple[date, ...]:
    """Days of 2026 to look at: an ordinary one, and every one that is not 24 hours long."""
    info, days = ZoneInfo(zone), [date(2026, 7, 15)]
    noons = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(365)]
    for before, after in pairwise(noons):
        if before.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            around = [before.astimezone(info).date() + timedelta(days=n) for n in (-1, 0, 1, 2)]
            days += [day for day in around if midnight(day + timedelta(days=1), info) - midnight(day, info) != timedelta(days=1)]
    return tuple(dict.fromkeys(days))


def test_the_zones_have_short_and_long_days() -> None:
    lengths = {
        (midnight(day + timedelta(days=1), ZoneInfo(zone)) - midnight(day, ZoneInfo(zone)))
        for zone in ZONES
        for day in shape(zone)
    }
    assert {timedelta(hours=hours) for hours in (23, 24, 25)} <= lengths
    assert timedelta(hours=23, minutes=30) in lengths  # Lord Howe moves by half an hour
    assert len(ZONES) > 590


def read(books: Books, edges: Sequence[datetime]) -> tuple[Decimal, list[Decimal]]:
    """The ledger's total of AI usage and infrastructure from the first edge to the last, and of each bucket."""
    found = books.costs(Question(edges[0], edges[-1], edges=tuple(edges[:-1])), NOW)
    assert found.total.ai_usd == cost_between(edges[0], edges[-1])
    by_edge = dict.fromkeys(edges[:-1], Decimal(0))
    for (at, _), usd in found.series.items():
        by_edge[at] += usd
    assert sum(by_edge.values()) == found.total.cost_usd
    return found.total.cost_usd, list(by_edge.values())


def test_sums_agree_in_every_zone(books: Books) -> None:
    known: dict[tuple[datetime, ...], tuple[Decimal, list[Decimal]]] = {}

    def told(edges: Sequence[datetime]) -> tuple[Decimal, list[Decimal]]:
        # Zones share most of their days: each stretch of time is read once.
        key = tuple(edges)
        if key not in known:
            known[key] = read(books, edges)
        return known[key]

    for zone in ZONES:
        info = ZoneInfo(zone)
        for day in shape(zone):
            begin, end = midnight(day, info), midnight(day + timedelta(days=1), info)
            quarters = [begin + QUARTER * n for n in range((end - begin) // QUARTER + 1)]
            assert quarters[-1] == end, f"{zone} {day} is not made of quarter hours"
            since, until = Window(Period.MONTH, info).bounds(begin)
            days = bucket_edges(since, until, info)
            month, by_day = told((*days, until))
            assert sum(told(quarters)[1]) == by_day[days.index(begin)], f"{zone} {day}"
            _, months = told((Window(Period.MONTH, info).previous(since)[0], since, until))
            assert sum(by_day) == month == months[1], f"{zone} {day}"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "America/Havana"])
def test_a_month_of_the_bill_in_its_own_zone_is_its_items(zone: str) -> None:
    info = ZoneInfo(zone)
    for month in (3, 4, 9, 10, 11):
        since, until = Window(Period.MONTH, info).bounds(datetime(2026, month, 15, tzinfo=UTC))
        for edges in (bucket_edges(since, until, info), [since + QUARTER * n for n in range((until - since) // QUARTER)]):
            rows = infrastructure_spread({"shop": shop(zone)}, [*edges, until])
            assert sum(row.cost_usd for row in rows if row.item_id == "gpu") == 1000
