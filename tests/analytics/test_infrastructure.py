"""Infrastructure spread over time: however it is cut, the parts are the whole, to the nano-dollar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.infrastructure import Served, infrastructure_spread, split, taken_by_usage
from analytics.meter_costs import infrastructure_usd
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.packs import Pack
from roomleft.timespan import Period, Window, midnight
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.store import Store

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = [
    {"id": "gpu", "title": "GPU server", "component": "ai", "usd_per_month": "1000"},
    {"id": "odd", "title": "Odd", "usd_per_month": "0.000000007"},
    {"id": "late", "title": "From the 10th", "usd_per_month": "33.333333333", "from": "2026-03-10"},
    {"id": "gone", "title": "Until the 20th", "usd_per_month": "7.77", "until": "2026-03-20"},
]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "America/Santiago")


@cache
def shop(zone: str = "UTC", slug: str = "shop") -> Pack:
    return Pack.model_validate(
        {
            "slug": slug,
            "title": "Shop",
            "summary": "A platform with servers.",
            "states": {"today": {"title": "Today", "summary": "now"}},
            "components": [{"id": "ai", "title": "AI", "summary": "AI"}],
            "meters": {"servers": {"kind": "infrastructure_cost", "unit": "usd"}},
            "limits": [
                {
                    "id": "servers",
                    "kind": "budget",
                    "title": "Servers",
                    "amount": 1,
                    "unit": "usd",
                    "meter": "servers",
                    "window": "month",
                    "owner": "o",
                }
            ],
            "costs": {"source": "a bill", "zone": zone, "items": ITEMS},
        }
    )


def total(packs: dict[str, Pack], edges: list[datetime], **more: object) -> Decimal:
    return sum((row.cost_usd for row in infrastructure_spread(packs, edges, **more)), Decimal(0))  # type: ignore[arg-type]


@st.composite
def cuts(draw: st.DrawFn) -> list[datetime]:
    minutes = draw(st.lists(st.integers(0, 200 * 24 * 60), min_size=2, max_size=9, unique=True))
    return [SINCE + timedelta(minutes=each) for each in sorted(minutes)]


@given(edges=cuts(), zone=st.sampled_from(ZONES), platform=st.sampled_from([None, "shop", "other", "nobody"]))
@settings(max_examples=60, deadline=None)
def test_parts_are_the_whole_for_any_edges_zone_and_platform(edges: list[datetime], zone: str, platform: str | None) -> None:
    packs = {"shop": shop(zone), "other": shop("UTC", "other")}
    rows = infrastructure_spread(packs, edges, platform)
    whole = infrastructure_spread(packs, [edges[0], edges[-1]], platform)
    for each in whole:
        assert sum(row.cost_usd for row in rows if (row.platform, row.item_id) == (each.platform, each.item_id)) == each.cost_usd
    assert sum(row.cost_usd for row in rows) == sum(row.cost_usd for row in whole)
    assert {row.platform for row in rows} <= ({platform} if platform else set(packs))


@given(edges=cuts(), zone=st.sampled_from(ZONES), priced=st.lists(st.integers(0, 40_000_000_000), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_what_usage_paid_for_is_taken_out_once(edges: list[datetime], zone: str, priced: list[int]) -> None:
    packs = {"shop": shop(zone)}
    # Usage is priced by whole days, so the ends are whole days; what lies between may be cut anywhere.
    days = [
        midnight(edge.astimezone(ZoneInfo(zone)).date(), ZoneInfo(zone)) for edge in (edges[0], edges[-1] + timedelta(days=2))
    ]
    inner = sorted({days[0], *(edge for edge in edges if days[0] < edge < days[1]), days[1]})
    first = days[0].astimezone(ZoneInfo(zone)).date()
    paid = {first + timedelta(days=place): Decimal(nano).scaleb(-9) for place, nano in enumerate(priced)}
    within = {day: usd for day, usd in paid.items() if midnight(day, ZoneInfo(zone)) < days[1]}
    left = total(packs, inner, taken={("shop", "gpu"): paid})
    assert left + sum(within.values()) == total(packs, days)
    assert all(row.idle == (row.item_id == "gpu") for row in infrastructure_spread(packs, inner, taken={("shop", "gpu"): paid}))


@pytest.mark.parametrize("zone", ZONES)
def test_a_whole_month_is_exactly_its_items(zone: str) -> None:
    begin, end = Window(Period.MONTH, ZoneInfo(zone)).bounds(datetime(2026, 10, 20, tzinfo=UTC))
    quarters = [begin + timedelta(minutes=15) * n for n in range((end - begin) // timedelta(minutes=15) + 1)]
    by_item: dict[str, Decimal] = {}
    for row in infrastructure_spread({"shop": shop(zone)}, quarters):
        by_item[row.item_id] = by_item.get(row.item_id, Decimal(0)) + row.cost_usd
    assert by_item == {"gpu": 1000, "odd": Decimal("0.000000007"), "late": Decimal("33.333333333")}
    assert infrastructure_usd(shop(zone), begin, end) == Decimal("1033.333333340")


def test_a_day_is_its_part_of_the_month_and_an_item_costs_only_while_it_holds() -> None:
    day = [datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)]
    rows = {(row.bucket_start, row.item_id): row.cost_usd for row in infrastructure_spread({"shop": shop()}, day)}
    assert (day[0], "late") not in rows
    assert rows[day[1], "late"] == Decimal("1.075268817")  # 33.333333333 / 31
    assert rows[day[0], "gpu"] + rows[day[1], "gpu"] == Decimal(
        "64.516129032"
    )  # accrued by the 11th less by the 9th: 322.580645161 - 258.064516129


@pytest.mark.parametrize("edges", [[SINCE, SINCE], [SINCE + timedelta(days=1), SINCE]])
def test_edges_that_do_not_ascend_are_refused(edges: list[datetime]) -> None:
    with pytest.raises(InputError, match="must ascend"):
        infrastructure_spread({"shop": shop()}, edges)


def test_no_edges_no_costs_no_rows() -> None:
    assert infrastructure_spread({"shop": shop()}, []) == infrastructure_spread({"shop": shop()}, [SINCE]) == []


@given(whole=st.integers(-(10**12), 10**12), weights=st.lists(st.integers(0, 10**12), min_size=1, max_size=6))
def test_a_split_adds_up_and_is_within_one_of_its_share(whole: int, weights: list[int]) -> None:
    parts = split(whole, weights)
    assert sum(parts) == whole
    if sum(weights):
        assert all(abs(part * sum(weights) - whole * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True))


def test_usage_of_self_hosted_models_is_taken_from_the_servers_day_of_the_costs_zone() -> None:
    zone = "America/New_York"
    start = datetime(2026, 3, 8, 5, tzinfo=UTC)  # the 23-hour day begins
    with Store.open("duckdb:///:memory:", now=FixedClock(start + timedelta(days=9))) as store:
        calls = {
            start - timedelta(minutes=1): "1",
            start: "2",
            start + timedelta(hours=22, minutes=59): "4",
            start + timedelta(hours=23): "8",
        }
        events = [
            usage_event(f"e-{n}", at, platform="shop", provider="own", model="m", cost_usd=usd)
            for n, (at, usd) in enumerate(calls.items())
        ]
        events.append(usage_event("x", start, platform="shop", provider="elsewhere", model="m", cost_usd="16"))
        store_usage(store, events)
        roll_up(store, start + timedelta(days=9))
        packs = {"shop": shop(zone)}
        served = [Served("shop", "gpu", "own")]
        taken = taken_by_usage(store, packs, served, start, start + timedelta(hours=25))
        assert taken == {("shop", "gpu"): {date(2026, 3, 8): Decimal(6), date(2026, 3, 9): Decimal(8)}}
        assert taken_by_usage(store, packs, [Served("shop", "gpu", "own", ("other",))], start, start + timedelta(hours=1)) == {
            ("shop", "gpu"): {date(2026, 3, 8): Decimal(0)}
        }
    day = [start, start + timedelta(hours=23)]
    gpu = {row.item_id: row for row in infrastructure_spread(packs, day, taken=taken)}["gpu"]
    assert gpu.idle
    assert gpu.cost_usd + 6 == {row.item_id: row for row in infrastructure_spread(packs, day)}["gpu"].cost_usd
