"""What a month costs in all: known halves, platforms without a forecast, without usage, and what budgets cover."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.futures import Futures
from analytics.forecasting.targets import Plan, plan_of
from analytics.headroom import headroom
from analytics.ledger import Books
from analytics.meter_usage import UsageFreshness
from analytics.month_cost import month_cost, one_as_dict
from analytics.reports.month_words import month_content
from roomleft.clock import FixedClock
from roomleft.limits import Pace, Reading, State
from roomleft.outlook import NoDate, Outlook, Shape
from roomleft.packs import Pack
from tests.analytics.budget_shop import opened, shop, used

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
TODAY = NOW.date()
METERS = "  ai: {kind: cost, unit: usd}\n  red: {kind: cost, unit: usd, where: {team: red}}"
BUDGET = "- {id: all, kind: budget, title: AI spend, amount: 150, window: month, unit: usd, meter: ai, owner: o}"
PART = "- {id: red, kind: budget, title: Red team, amount: 150, window: month, unit: usd, meter: red, owner: o}"
WEEKLY = "- {id: week, kind: budget, title: A week, amount: 150, window: week, unit: usd, meter: ai, owner: o}"


class Book:
    """Stands in for the newest forecasts: so many dollars a day, the same or one of several."""

    waiting: frozenset[str] = frozenset()
    calibration = Calibration()

    def __init__(
        self, *a_day: float, why: NoDate | None = None, days: int = 90, zone: ZoneInfo = ZONE, first: date = TODAY
    ) -> None:
        self.a_day, self.why, self.days, self.zone, self.first = a_day, why, days, zone, first

    def plan(self, pack: Pack) -> Plan:
        return plan_of(pack)

    def of_series(self, pack: Pack, name: str) -> Futures | Outlook:
        assert name == "shop/ai"
        if not self.a_day:
            return Outlook.none(self.why or NoDate.NO_DATA)
        values = np.repeat(np.array(self.a_day, dtype=np.float32)[:, None], self.days, axis=1)
        return Futures(name, "r", Shape.FLOW, self.zone, self.first, values, np.ones(30), NOW, "90 days", self.why)


def month(folder: Path, book: Any, limits: str = BUDGET, *, calls: bool = True, now: datetime = NOW) -> Any:
    clock = FixedClock(now)
    pack = shop(folder, METERS, f"  {limits}")
    store = opened(clock, pack)
    if calls:
        used(store, clock, [{"at": NOW - n * DAY - timedelta(hours=1), "images": 4} for n in range(80)])
    rows = []
    for limit in pack.limit_list():
        reading = Reading(Decimal(80), now, timedelta(hours=1))
        rows.append((headroom(limit, reading, Pace.none("no pace"), now), limit))
    found = month_cost(Books(store, {"shop": pack}), book, rows, now, ZONE)
    store.close()
    return found


def test_what_is_left_of_the_month_is_added_to_what_was_spent(tmp_path: Path) -> None:
    found = month(tmp_path, Book(4.0, 4.0, 4.0, 8.0)).total
    assert (found.ai_usd, found.infrastructure_usd, found.last_usd, found.last_whole) == (80, 0, 124, True)
    # Half of today and ten days more.
    assert (found.ends_p10, found.ends_p50) == (80 + 42, 80 + 42)
    assert float(found.ends_p90 or 0) == pytest.approx(80 + 42 + 42 * 0.7, rel=0.01)
    assert (found.budget_usd, found.budgets, found.p_breach) == (150, ("shop.all",), 0.3)
    assert one_as_dict(found)["ends"] == {"p10": found.ends_p10, "p50": found.ends_p50, "p90": found.ends_p90}


@pytest.mark.parametrize(("limits", "covered"), [(BUDGET, True), (PART, False), (WEEKLY, False), (f"{PART}\n  {BUDGET}", True)])
def test_a_budget_stands_there_only_where_it_covers_all(tmp_path: Path, limits: str, covered: bool) -> None:
    found = month(tmp_path, Book(4.0), limits).total
    assert (found.budgets, found.p_breach is not None) == ((("shop.all",), True) if covered else ((), False))


@pytest.mark.parametrize(
    ("now", "zone", "read_at", "days"),
    [
        # In Tokyo it is December already: what November has not been read of since the 29th still counts.
        (datetime(2026, 11, 30, 18, tzinfo=UTC), "Asia/Tokyo", datetime(2026, 11, 29, 6, tzinfo=UTC), 1.75),
        # In Honolulu it is still November: what was used before December began is none of its cost.
        (datetime(2026, 12, 1, 6, tzinfo=UTC), "Pacific/Honolulu", datetime(2026, 11, 30, 6, tzinfo=UTC), 31.0),
    ],
)
def test_the_month_is_the_readers_wherever_the_platform_s_days_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime, zone: str, read_at: datetime, days: float
) -> None:
    monkeypatch.setattr("analytics.month_cost.usage_freshness", lambda store, pack, now: UsageFreshness(read_at, NOW - 80 * DAY))
    book = Book(4.0, zone=ZoneInfo(zone), first=date(2026, 11, 28))
    found = month(tmp_path, book, now=now).total
    assert found.ends_p50 is not None
    assert float(found.ends_p50 - found.cost_usd) == pytest.approx(4 * days, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, True),
        ({"state": State.UNKNOWN}, False),
        ({"window_start": datetime(2026, 12, 1, tzinfo=UTC), "window_end": datetime(2027, 1, 1, tzinfo=UTC)}, False),
    ],
    ids=["known", "nobody knows of how many users", "of the month that has begun elsewhere"],
)
def test_a_budget_counts_where_its_amount_is_the_month_s(tmp_path: Path, change: dict[str, Any], known: bool) -> None:
    clock = FixedClock(NOW)
    each = BUDGET.replace("amount: 150", "amount: 2, amount_per: people")
    pack = shop(tmp_path, f"{METERS}\n  people: {{kind: distinct_users, unit: users, over: 30d}}", f"  {each}")
    (own,) = pack.limit_list()
    reading = Reading(Decimal(80), NOW, timedelta(hours=1))
    row = replace(headroom(replace(own, amount=Decimal(150)), reading, Pace.none("no pace"), NOW), **change)
    store = opened(clock, pack)
    used(store, clock, [{"at": NOW - DAY, "images": 4}])
    found = month_cost(Books(store, {"shop": pack}), None, [(row, own)], NOW, ZONE).total
    store.close()
    assert found.budget_usd == (150 if known else None)


def test_what_is_over_says_by_how_much(tmp_path: Path) -> None:
    found = month(tmp_path, Book(4.0), BUDGET.replace("150", "60"))
    assert found.total.p_breach == 1.0
    told = month_content(found, NOW, ZONE)
    assert (told["budget"], told["chance"]) == ("over its budget of $60.00 by $20.00", "")


@pytest.mark.parametrize(
    ("book", "why"),
    [
        (None, NoDate.NOT_YET),
        (Book(why=NoDate.HALF_READ), NoDate.HALF_READ),
        (Book(4.0, why=NoDate.TOO_SHORT), NoDate.TOO_SHORT),
        (Book(4.0, days=5), NoDate.BEYOND),
        (Book(float("nan")), NoDate.NOT_FINITE),
    ],
)
def test_without_a_forecast_it_says_why(tmp_path: Path, book: Any, why: NoDate) -> None:
    found = month(tmp_path, book)
    assert (found.total.ends_p50, found.total.no_date, found.total.cost_usd, found.total.p_breach) == (None, why, 80, None)
    assert month_content(found, NOW, ZONE)["likely"].startswith("no range for the month's end: ")


@pytest.mark.parametrize(("amount", "chance"), [("400", 0.0), ("300", 1.0)])
def test_what_is_known_beforehand_leaves_nothing_to_chance(tmp_path: Path, amount: str, chance: float) -> None:
    clock = FixedClock(NOW)
    costs = "costs: {zone: UTC, assumed: true, source: test, items: [{id: server, title: Server, usd_per_month: '310'}]}"
    limits = f"  - {{id: all, kind: budget, title: All, amount: {amount}, window: month, unit: usd, meter: servers, owner: o}}\n{costs}"
    pack = shop(tmp_path, "  servers: {kind: infrastructure_cost, unit: usd}", limits)
    (own,) = pack.limit_list()
    row = headroom(own, Reading(Decimal(201), NOW, timedelta(hours=1)), Pace.none("no pace"), NOW)
    with opened(clock, pack) as store:
        found = month_cost(Books(store, {"shop": pack}), None, [(row, own)], NOW, ZONE).total
    assert (found.ends_p10, found.ends_p90, found.p_breach) == (310, 310, chance)


def test_without_any_usage_nothing_is_expected(tmp_path: Path) -> None:
    found = month(tmp_path, None, calls=False).total
    assert (found.cost_usd, found.ends_p10, found.ends_p90, found.last_usd) == (0, 0, 0, 0)


def test_the_last_instant_of_a_month_and_the_first(tmp_path: Path) -> None:
    last = month(tmp_path, Book(4.0, days=12), now=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)).total
    assert last.ends_p50 is not None
    assert float(last.ends_p50 - last.cost_usd) < 0.01
    first = replace(last, since=datetime(2026, 12, 1, tzinfo=UTC))
    assert month_content(type(month(tmp_path, None))(first, ()), NOW, ZONE)["month"] == "December"


@pytest.mark.parametrize(
    ("zones", "reader", "whole", "counted"),
    [
        (("UTC",), "UTC", "UTC", ""),
        (("UTC",), "Europe/Berlin", "UTC", "The month is counted in days of UTC, as its budgets are."),
        (("Asia/Tokyo", "Asia/Tokyo"), "UTC", "Asia/Tokyo", "The month is counted in days of Asia/Tokyo, as its budgets are."),
        (
            ("Asia/Tokyo", "UTC"),
            "Europe/Berlin",
            "Europe/Berlin",
            "Each platform's month is counted in the days of its budgets (Shop Asia/Tokyo, Shop UTC); all together in days of Europe/Berlin, so that they do not add up to it.",
        ),
    ],
)
def test_a_month_is_of_the_days_of_its_budgets(
    tmp_path: Path, zones: tuple[str, ...], reader: str, whole: str, counted: str
) -> None:
    # In Tokyo it is December since three hours, in Berlin for another five hours November.
    now = datetime(2026, 11, 30, 18, tzinfo=UTC)
    clock = FixedClock(now)
    packs, rows = {}, []
    for number, zone in enumerate(zones):
        pack = shop(tmp_path, METERS, f"  {BUDGET}", zone)
        slug = pack.slug if number == 0 else f"{pack.slug}{number}"
        packs[slug] = pack.model_copy(update={"slug": slug})
        rows += [
            (headroom(limit, Reading(Decimal(80), now, timedelta(hours=1)), Pace.none("no pace"), now), limit)
            for limit in packs[slug].limit_list()
        ]
    store = opened(clock, packs["shop"])
    # One dollar an hour, of the first platform.
    used(store, clock, [{"at": now - n * timedelta(hours=1), "images": 1} for n in range(1, 1000)])
    found = month_cost(Books(store, packs), None, rows, now, ZoneInfo(reader))
    store.close()
    spent = {"UTC": 29 * 24 + 18, "Asia/Tokyo": 3, "Europe/Berlin": 29 * 24 + 19}
    assert (found.total.zone.key, found.total.cost_usd) == (whole, spent[whole])
    assert [(each.zone.key, each.cost_usd) for each in found.platforms] == [
        (zone, spent[zone] if number == 0 else 0) for number, zone in enumerate(zones)
    ]
    assert all(each.budget_usd == 150 for each in found.platforms if each.platform == "shop")
    told = month_content(found, now, ZoneInfo(reader))
    assert (told["counted"], told["zone"]) == (counted, whole)
    assert told["month"] == ("December" if whole == "Asia/Tokyo" else "November")
