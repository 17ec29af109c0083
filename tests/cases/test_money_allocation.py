"""Wrong sums that users of other systems met: past prices, sums of days, shares that over-count, last days of months."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from analytics.allocated_cost import allocation
from analytics.allocation import ASSIGNABLE, Rule, in_order
from analytics.infrastructure import Served
from analytics.ledger import Books, Question
from analytics.reprice import Asked, reprice
from analytics.reprice_rates import rates_known
from dashboards.filters import bucket_edges
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.mapping_rules import mapping_rule
from roomleft.packs import RateRow
from roomleft.timespan import Period, Window, midnight
from tests.analytics.test_allocated_cost import PACKS, RULES
from tests.analytics.test_reprice import Lists, rate
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import make_usage, usage_event
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.store import Store, as_rows
from warehouse.tables import RATES
from warehouse.writer import Batch, Receipt, Writer

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as opened:
        yield opened


def know(store: Store, *rates: RateRow) -> None:
    store.run(lambda tx: tx.insert("rates", pa.Table.from_pylist([row._asdict() for row in rates], schema=RATES)))


def bring(store: Store, usage: pa.Table) -> Receipt:
    writer = Writer(store, FixedClock(NOW), group_ms=0)
    writer.start()
    receipt = writer.submit(Batch("atelier", usage=usage)).result(30)
    writer.close()
    roll_up(store, NOW)
    return receipt


def total(store: Store, since: datetime, until: datetime, edges: tuple[datetime, ...] = (), **where: tuple[str, ...]) -> Any:
    return Books(store, {}).costs(Question(since, until, where=where, edges=edges), NOW)


def test_ccusage_1636_a_closed_week_keeps_its_cost_when_prices_change(store: Store, tmp_path: Path) -> None:
    know(store, rate("opus", "24.73"))
    calls = make_usage(100, start=MONDAY, every=timedelta(hours=1), provider="openai", model="opus", output_tokens=1_000_000)
    bring(store, calls)
    assert total(store, MONDAY, MONDAY + WEEK).total.ai_usd == 2473
    # A new list: cheaper from November on. What was charged in October stands, and looking at the past again finds nothing.
    know(store, rate("opus", "19.24", since=datetime(2026, 11, 1, tzinfo=UTC), catalogue="list@2"))
    roll_up(store, NOW)
    assert total(store, MONDAY, MONDAY + WEEK).total.ai_usd == 2473
    lists = Lists(rate("opus", "24.73"), rate("opus", "19.24", since=datetime(2026, 11, 1, tzinfo=UTC), catalogue="list@2"))
    assert reprice(store, rates_known(lists, NOW), Asked(MONDAY, MONDAY + WEEK), NOW, apply=True).revisions == 0  # type: ignore[arg-type]
    # Even a list that says October was cheaper all along cannot touch a week whose books are closed.
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    periods = ClosedPeriods(state)
    periods.close(MONDAY, MONDAY + WEEK, who="finance")
    with pytest.raises(InputError, match="books are closed"):
        reprice(
            store,
            rates_known(Lists(rate("opus", "19.24")), NOW),
            Asked(MONDAY, MONDAY + WEEK),
            NOW,
            apply=True,
            closed=periods.closed(),
        )  # type: ignore[arg-type]
    state.close()
    roll_up(store, NOW)
    assert total(store, MONDAY, MONDAY + WEEK).total.ai_usd == 2473


ZONES = ("Asia/Kolkata", "America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin", "America/St_Johns", "UTC")


@pytest.mark.parametrize("zone", ZONES)
def test_litellm_29568_days_of_another_zone_add_up_to_the_range(store: Store, zone: str) -> None:
    info = ZoneInfo(zone)
    events = [usage_event(f"e-{n}", MONDAY + n * timedelta(minutes=37), cost_usd=Decimal(n % 89) / 1000) for n in range(400)]
    store_usage(store, events)
    roll_up(store, NOW)
    days = [midnight(date(2026, 10, 6) + timedelta(days=n), info) for n in range(6)]
    singles = [total(store, since, until).total.ai_usd for since, until in pairwise(days)]
    whole = total(store, days[0], days[-1], tuple(days[:-1]))
    assert sum(singles) == whole.total.ai_usd
    assert [whole.series.get((day, None), Decimal(0)) for day in days[:-1]] == singles
    # One day is its own events, not those of the two UTC days that it touches.
    assert singles[2] == sum(Decimal(e["cost_usd"]) for e in events if days[2] <= e["occurred_at"] < days[3])


@pytest.mark.parametrize("zone", ZONES)
def test_litellm_27780_a_single_local_day_is_not_counted_with_its_neighbours(store: Store, zone: str) -> None:
    info = ZoneInfo(zone)
    noon = datetime(2026, 10, 7, 12, tzinfo=info).astimezone(UTC)
    store_usage(store, [usage_event(f"e-{n}", noon + timedelta(days=n - 1), cost_usd="1") for n in range(3)])
    roll_up(store, NOW)
    since, until = Window(Period.DAY, info).bounds(noon)
    assert total(store, since, until).total.ai_usd == 1


@pytest.mark.parametrize("zone", ZONES)
def test_aws_finops_dashboard_47_a_month_holds_its_last_day(store: Store, zone: str) -> None:
    since, until = Window(Period.MONTH, ZoneInfo(zone)).bounds(datetime(2026, 10, 15, tzinfo=UTC))
    at = [since - timedelta(minutes=15), since, until - timedelta(seconds=1), until]
    store_usage(store, [usage_event(f"e-{n}", when, cost_usd=str(10**n)) for n, when in enumerate(at)])
    roll_up(store, NOW)
    month = total(store, since, until, tuple(bucket_edges(since, until, ZoneInfo(zone))))
    assert month.total.ai_usd == 110
    assert sum(month.series.values()) == 110


@pytest.mark.parametrize("dimension", ["team", "cost_centre", "provider"])
@pytest.mark.parametrize("platform", [None, "shop", "farm"])
@pytest.mark.parametrize(
    "filtered", [{}, {"provider": ("openai",)}, {"team": ("red",)}, {"kind": ("idle",)}, {"component": ("ai",)}]
)
def test_opencost_1124_shares_filters_and_idle_add_up_to_the_whole(
    shared_store: Store, dimension: str, platform: str | None, filtered: dict[str, tuple[str, ...]]
) -> None:
    since, until = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC)
    rules = in_order([Rule(n, f"r{n}", "", since, None, mapping_rule(each)) for n, each in enumerate(RULES, start=1)])
    books = Books(shared_store, PACKS, rules, [Served("shop", "gpu", "own")])
    only = {"platform": (platform,)} if platform else {}
    plain = Books(shared_store, PACKS, (), [Served("shop", "gpu", "own")]).costs(Question(since, until, where=only), NOW).total
    # Sharing out moves money and makes none.
    whole = books.costs(Question(since, until, where=only), NOW).total
    assert whole.cost_usd == plain.cost_usd
    for each in allocation(books, dimension, since, until, NOW, platform):
        assert each.allocated_usd + each.shared_usd + each.idle_usd + each.unallocated_usd == each.whole_usd
    # A filter keeps a part: with what it leaves out, value by value, it is the whole.
    [name] = filtered or ["kind"]
    of_filter = books.costs(Question(since, until, (name,), only), NOW)
    assert sum((group.cost_usd for group in of_filter.groups), Decimal(0)) == whole.cost_usd
    kept = books.costs(Question(since, until, (dimension,), {**only, **filtered}), NOW)
    assert sum((group.cost_usd for group in kept.groups), Decimal(0)) == kept.total.cost_usd
    if filtered and name in ASSIGNABLE:
        wanted = [group.cost_usd for group in of_filter.groups if group.key[0] == filtered[name][0]]
        assert kept.total.cost_usd == sum(wanted, Decimal(0))


@pytest.fixture(scope="module")
def shared_store() -> Iterator[Store]:
    day = datetime(2026, 11, 10, tzinfo=UTC)
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as opened:
        given: list[dict[str, Any]] = [
            {"platform": "shop", "provider": "openai", "api_key_hash": "k1", "team": "red", "cost_usd": "1.250000001"},
            {"platform": "shop", "provider": "openai", "api_key_hash": "k2", "cost_usd": "2.000000003"},
            {"platform": "shop", "provider": "own", "model": "llm", "component": "ai", "cost_usd": "4.896"},
            {"platform": "farm", "provider": "gemini", "project": "p", "cost_usd": "0.000000001"},
        ]
        store_usage(opened, [usage_event(f"e-{n}", day + timedelta(hours=n), **each) for n, each in enumerate(given)])
        roll_up(opened, NOW)
        yield opened


def test_koku_1180_pricing_and_sending_again_appends_nothing(store: Store) -> None:
    know(store, rate("opus", "2"))
    calls = make_usage(20, start=MONDAY, provider="openai", model="opus", output_tokens=1_000_000)
    assert bring(store, calls).added == 20
    lists = Lists(rate("opus", "3", catalogue="list@2"))
    for expected in (20, 0):
        asked = Asked(MONDAY, MONDAY + WEEK)
        assert reprice(store, rates_known(lists, NOW), asked, NOW, apply=True).revisions == expected  # type: ignore[arg-type]
        again = bring(store, calls)
        assert (again.added, again.duplicate) == (0, 20)
        assert total(store, MONDAY, MONDAY + WEEK).total.ai_usd == 60
    assert as_rows(store.select("SELECT count(*) AS n FROM cost_entries")) == [{"n": 40}]
