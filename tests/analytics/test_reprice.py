"""Pricing the past again: looked at first, appended as differences, once, never where the books are closed or the calls are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.reprice import CORRECTED, LATE, SAME, UNDER_CONTRACT, UNKNOWN_NOW, Asked, Repriced, reprice
from analytics.reprice_rates import rates_known
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.packs import RateRow
from tests.fixtures.state import state_url
from tests.warehouse.rows import make_usage
from warehouse.retention import Keep, retain
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.store import Store, as_rows
from warehouse.tables import RATES
from warehouse.writer import Batch, Writer

DAY = datetime(2026, 10, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = Asked(DAY, DAY + timedelta(days=7))


def rate(
    model: str,
    usd_per_mtok: str,
    *,
    since: datetime = START,
    catalogue: str = "list@1",
    until: datetime | None = None,
    platform: str = "",
) -> RateRow:
    usd = Decimal(usd_per_mtok) / 1_000_000
    return RateRow(
        f"{catalogue}:{model}:{since:%Y-%m-%d}",
        "openai",
        model,
        platform,
        "output_tokens",
        usd,
        since,
        until,
        catalogue,
        "a list",
        NOW,
    )


class Lists:
    """A catalogue as a test wants it."""

    def __init__(self, *rows: RateRow) -> None:
        self.rows = rows

    def rates_for(self, provider: str, model: str, now: datetime, platform: str = "") -> list[RateRow]:
        return [
            row._replace(resolved_at=now)
            for row in self.rows
            if (row.provider, row.model) == (provider, model) and row.platform in ("", platform)
        ]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as opened:
        yield opened


def bring(store: Store, rates: Sequence[RateRow], calls: Sequence[dict[str, Any]]) -> None:
    """Stores rates, then calls: a model, an hour of the week, output tokens."""
    rows = pa.Table.from_pylist([row._asdict() for row in rates], schema=RATES)
    store.run(lambda tx: tx.insert("rates", rows))
    events = [
        {"event_id": f"e-{n}", "provider": "openai", "occurred_at": DAY + timedelta(hours=each.pop("hour")), **each}
        for n, each in enumerate(calls)
    ]
    writer = Writer(store, FixedClock(NOW), group_ms=0)
    writer.start()
    assert writer.submit(Batch("atelier", usage=make_usage(events))).result(30).added == len(events)
    writer.close()
    roll_up(store, NOW)


def again(store: Store, *rows: RateRow, asked: Asked = WEEK, apply: bool = False, **more: Any) -> Repriced:
    return reprice(store, rates_known(Lists(*rows), NOW), asked, NOW, apply=apply, **more)  # type: ignore[arg-type]


def told(done: Repriced) -> list[tuple[Any, ...]]:
    return [(line.day, line.model, line.why, line.requests, line.stored_usd, line.listed_usd) for line in done.lines]


def figure(store: Store) -> tuple[Decimal, int]:
    """The cost on screen and how many calls in it are restated."""
    roll_up(store, NOW)
    row = as_rows(store.select("SELECT sum(cost_usd) AS usd, sum(restated_requests)::BIGINT AS n FROM usage_15m"))[0]
    return row["usd"], row["n"]


CALLS: list[dict[str, Any]] = [
    {"model": "a", "hour": 1, "output_tokens": 1_000_000},
    {"model": "a", "hour": 30, "output_tokens": 500_000},
    {"model": "b", "hour": 2, "output_tokens": 2_000_000, "platform": "other"},
    {"model": "new", "hour": 3, "output_tokens": 3_000_000},
]


def test_looking_shows_each_difference_and_why_and_changes_nothing(store: Store) -> None:
    bring(store, [rate("a", "2"), rate("b", "1")], [dict(each) for each in CALLS])
    now = [rate("a", "3", catalogue="list@2"), rate("b", "0.8", catalogue="contract 7"), rate("new", "4", catalogue="list@2")]
    done = again(store, *now)
    assert told(done) == [
        ("2026-10-05", "a", CORRECTED, 1, 2, 3),
        ("2026-10-05", "new", LATE, 1, 0, 12),
        ("2026-10-05", "b", UNDER_CONTRACT, 1, 2, Decimal("1.6")),
        ("2026-10-06", "a", CORRECTED, 1, 1, Decimal("1.5")),
    ]
    assert done.totals() == (5, Decimal("18.1"), Decimal("13.1"))
    assert sum(line.difference_usd for line in done.lines) == done.totals()[2]
    assert done.revisions == 0
    assert figure(store) == (5, 0)
    assert store.select("SELECT count(*) AS n FROM rates")["n"][0].as_py() == 2


def test_applying_appends_the_difference_once_and_marks_it_restated(store: Store) -> None:
    bring(store, [rate("a", "2"), rate("b", "1")], [dict(each) for each in CALLS])
    now = [rate("a", "3", catalogue="list@2"), rate("b", "1"), rate("new", "4", catalogue="list@2")]
    assert again(store, *now, apply=True).revisions == 3
    assert figure(store) == (Decimal("18.5"), 3)
    second = again(store, *now, apply=True)
    assert (second.revisions, {line.why for line in second.lines}) == (0, {SAME})
    assert figure(store) == (Decimal("18.5"), 3)
    entries = as_rows(
        store.select("SELECT revision, cost_usd, reason FROM cost_entries WHERE event_id = 'e-0' ORDER BY revision")
    )
    assert entries == [{"revision": 0, "cost_usd": 2, "reason": "ingest"}, {"revision": 1, "cost_usd": 1, "reason": "reprice"}]
    # Every price that a cost names can be read.
    assert (
        store.select(
            "SELECT count(*) AS n FROM cost_entries WHERE price_id IS NOT NULL AND price_id NOT IN (SELECT price_id FROM rates)"
        )["n"][0].as_py()
        == 0
    )
    # And back: the old list again takes the difference away, as a third revision.
    assert again(store, rate("a", "2"), rate("b", "1"), rate("new", "4"), apply=True).revisions == 2
    assert figure(store) == (17, 3)


def test_a_new_price_from_a_later_day_leaves_the_past_as_it_was(store: Store) -> None:
    bring(store, [rate("a", "2")], [dict(each) for each in CALLS[:2]])
    done = again(store, rate("a", "2"), rate("a", "20", since=DAY + timedelta(days=1)), apply=True)
    assert told(done) == [("2026-10-05", "a", SAME, 1, 2, 2), ("2026-10-06", "a", CORRECTED, 1, 1, 10)]


NARROWED = {
    "a platform": (Asked(DAY, DAY + timedelta(days=7), platform="other"), {"b"}),
    "a model": (Asked(DAY, DAY + timedelta(days=7), model="a"), {"a"}),
    "a provider nobody used": (Asked(DAY, DAY + timedelta(days=7), provider="x"), set()),
    "hours of a day": (Asked(DAY + timedelta(hours=1), DAY + timedelta(hours=2)), {"a"}),
    "the end is not included": (Asked(DAY, DAY + timedelta(hours=1)), set()),
}


@pytest.mark.parametrize(("asked", "models"), NARROWED.values(), ids=NARROWED.keys())
def test_only_what_was_asked_for_changes(store: Store, asked: Asked, models: set[str]) -> None:
    bring(store, [rate("a", "2"), rate("b", "1")], [dict(each) for each in CALLS])
    done = again(store, rate("a", "3"), rate("b", "3"), rate("new", "3"), asked=asked, apply=True)
    assert {line.model for line in done.lines} == models
    changed = store.select(
        "SELECT DISTINCT model FROM ai_usage JOIN cost_entries USING (source, event_id) WHERE reason = 'reprice'"
    )["model"].to_pylist()
    assert set(changed) == models


def test_a_call_keeps_its_cost_where_no_list_knows_the_price_of_its_time(store: Store) -> None:
    bring(store, [rate("a", "2"), rate("b", "1")], [dict(each) for each in CALLS])
    done = again(
        store, rate("a", "3", since=DAY + timedelta(days=30)), apply=True
    )  # b is in no list at all: what is stored holds
    assert done.left_alone == {UNKNOWN_NOW: 2}
    assert (done.revisions, figure(store)) == (0, (5, 0))
    assert done.totals() == (5, 5, 0)


def test_what_was_measured_of_a_platforms_own_models_holds(store: Store) -> None:
    measured = rate("a", "7", catalogue="measured:atelier", platform="atelier")
    bring(store, [measured], [dict(CALLS[0])])
    assert told(again(store, rate("a", "0"), apply=True)) == [("2026-10-05", "a", SAME, 1, 7, 7)]


def test_a_corrected_price_under_a_known_id_gets_an_id_of_its_own(store: Store) -> None:
    bring(store, [rate("a", "2")], [dict(CALLS[0])])
    again(store, rate("a", "3"), apply=True)
    named = as_rows(store.select("SELECT price_id, usd_per_unit FROM rates ORDER BY usd_per_unit"))
    assert [row["price_id"] for row in named] == ["list@1:a:2026-01-01", "list@1:a:2026-01-01 as of 2026-11-20T12:00:00Z"]
    assert store.select("SELECT arg_max(price_id, revision) AS p FROM cost_entries")["p"].to_pylist() == [named[1]["price_id"]]


@pytest.fixture
def periods(tmp_path: Path) -> Iterator[ClosedPeriods]:
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    yield ClosedPeriods(state)
    state.close()


CLOSED = {
    "all platforms": ("", Asked(DAY, DAY + timedelta(days=1)), True),
    "that platform": ("atelier", Asked(DAY, DAY + timedelta(days=1), platform="atelier"), True),
    "one of all": ("atelier", Asked(DAY, DAY + timedelta(days=1)), True),
    "another platform": ("other", Asked(DAY, DAY + timedelta(days=1), platform="atelier"), False),
    "the day after": ("", Asked(DAY + timedelta(days=2), DAY + timedelta(days=3)), False),
    "an hour of it": ("", Asked(DAY + timedelta(hours=47), DAY + timedelta(days=3)), True),
}


@pytest.mark.parametrize(("platform", "asked", "refused"), CLOSED.values(), ids=CLOSED.keys())
def test_closed_books_refuse_and_are_named(
    store: Store, periods: ClosedPeriods, platform: str, asked: Asked, refused: bool
) -> None:
    bring(store, [rate("a", "2")], [dict(each) for each in CALLS])
    made = periods.close(DAY, DAY + timedelta(days=2), who="ada", platform=platform)
    if refused:
        with pytest.raises(
            InputError, match=f"books are closed: 2026-10-05 00:00 to 2026-10-07 00:00 UTC of {platform or 'all platforms'}"
        ):
            again(store, rate("a", "3"), asked=asked, apply=True, closed=periods.closed())
        assert figure(store) == (3, 0)
        # Looking is free.
        assert again(store, rate("a", "3"), asked=asked, closed=periods.closed()).revisions == 0
        periods.reopen(made, who="ada")
    assert again(store, rate("a", "3"), asked=asked, apply=True, closed=periods.closed()).lines is not None


def test_time_whose_calls_are_past_keeping_refuses(store: Store) -> None:
    bring(store, [rate("a", "2")], [dict(each) for each in CALLS])
    retain(store, NOW, Keep(usage=timedelta(days=30), samples=timedelta(days=1)))
    with pytest.raises(InputError, match="calls before 2026-10-21 are past keeping"):
        again(store, rate("a", "3"), apply=True)
    assert figure(store)[0] == 3


def test_a_long_day_is_done_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.reprice.MOST_CALLS", 7)
    bring(store, [rate("a", "2")], [{"model": "a", "hour": n % 24, "output_tokens": 1_000_000} for n in range(50)])
    days: list[datetime] = []
    done = again(store, rate("a", "3"), apply=True, progress=lambda at, _: days.append(at))
    assert (done.revisions, done.totals()) == (50, (100, 150, 50))
    assert days == [DAY + timedelta(days=n) for n in range(1, 8)]
    assert figure(store) == (150, 50)


def test_an_empty_span_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="since must be before until"):
        again(store, asked=Asked(DAY, DAY))
